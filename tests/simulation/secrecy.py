"""P4: a secret lives in memory and in the sinks, in no form anywhere else."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

from tests.simulation.broken import Broken

__all__ = ["forms_of", "no_secret_in", "no_secret_in_bytes"]


def forms_of(secret: str) -> list[str]:
    """A secret as it may be written: plain, quoted for a URL, in base64, backwards."""
    plain = secret.encode()
    # In base64 a text looks otherwise at each of three offsets; its middle is the same each time.
    encoded = [b64encode(bytes(pad) + plain).decode()[4 if pad else 0 : -4] for pad in range(3)]
    return [secret, quote(secret, safe=""), secret[::-1], *encoded]


def no_secret_in(text: str, secrets: list[str], where: str) -> None:
    """What is written right now holds no secret as it is; cheap enough for every commit."""
    for secret in secrets:
        if secret in text:
            raise Broken(f"P4: {where} holds a secret")


def no_secret_in_bytes(content: bytes, secrets: list[str], where: str) -> None:
    """Whatever is left at the end holds no secret in any form."""
    for secret in secrets:
        for form in forms_of(secret):
            if form.encode() in content:
                raise Broken(f"P4: {where} holds a secret")
