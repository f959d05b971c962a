"""Our own keys: one that a live replica of ours signs with is in use now.

Whoever switches it off may have called AWS for the last time: nothing could be switched on again,
delivered or finished. So no title and nobody's word is enough for it, and what is waited for says
which replica it is and whether that one moves over by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotator.judgement.wording import listing
from rotator.model import Reason, Wait

if TYPE_CHECKING:
    from rotator.model import AccessKey, Case, Signer

__all__ = ["in_use_by_us", "kept_for_us", "signed_by"]


def in_use_by_us(case: Case, key: AccessKey) -> bool:
    """Whether a live replica of ours signs its calls with this key: that is a use now."""
    return any(signer.key.key_id == key.key_id for signer in case.signers)


def signed_by(case: Case, key_id: str) -> str | None:
    """Which live replicas of ours sign with a key and where they have it from; None: none does."""
    who = [signer.described for signer in case.signers if signer.key.key_id == key_id]
    return listing(who) if who else None


def kept_for_us(case: Case, key: AccessKey) -> Wait:
    """That a key stays because we sign with it; asked only where one of ours does."""
    signers = [signer for signer in case.signers if signer.key.key_id == key.key_id]
    moving = [signer for signer in signers if signer.key.moves]
    staying = [signer for signer in signers if not signer.key.moves]
    heir = case.open.successor
    who = signed_by(case, key.key_id)
    ends = [
        *([f"restart {_names(staying)} with {heir or 'other credentials'}"] if staying else []),
        *(
            [f"{_names(moving)} moves over by itself once {heir or 'another key'} stands there"]
            if moving
            else []
        ),
    ]
    return Wait(
        Reason.NOT_QUIET,
        f"{key.key_id} is in use now: rotator signs its own calls with it ({who});"
        f" {', and '.join(ends)}",
        case.now + case.timing.settle,
    )


def _names(signers: list[Signer]) -> str:
    return listing([signer.replica for signer in signers])
