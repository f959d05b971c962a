"""A person in the console, who does whatever IAM lets one do while the daemon is at work.

    eve = Person(aws, Random(7))
    eve.acts(user)          # "made …002", or what else came to mind

It is given what the console shows, and no more: a key that is Active cannot be deleted there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rotator.model import KeyStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from rotator.model import User
    from tests.simulation.account import FakeAws

__all__ = ["QUARANTINE", "Person"]

QUARANTINE = "AWSCompromisedKeyQuarantineV4"


@dataclass
class Person:
    """Acts on users by chance, and remembers what it did.

    Attributes:
        aws: the account in whose console it is.
        chance: what it does is drawn by.
        third: whether it makes a third key: IAM's quota is not atomic, so that happens.
        did: what it did, in order.
    """

    aws: FakeAws
    chance: Random
    third: bool = False
    did: list[str] = field(default_factory=list)

    def acts(self, user: User) -> str:
        """Do one thing that the console offers for this user now; what it was."""
        deeds = self._offered(user)
        name = self.chance.choice(sorted(deeds))
        told = f"{name} {deeds[name]()}"
        self.did.append(told)
        return told

    def makes_again(self, user: User) -> User:
        """Delete a user with its keys, and make one of the same name: another UserId."""
        self.aws.delete_user(user)
        self.did.append(f"made again {user.name}")
        return self.aws.add_user(user.name)

    def quarantines(self, user: User, policy: str = QUARANTINE) -> None:
        """What AWS itself does where a key was found in public."""
        now = self.aws.users[user.user_id]
        attached = (now.attached_policies or frozenset()) | {policy}
        self.aws.users[user.user_id] = replace(now, attached_policies=attached)
        self.did.append(f"quarantined {user.name}")

    def _offered(self, user: User) -> dict[str, Callable[[], str]]:
        keys = self.aws.keys_of(user.user_id)
        deeds: dict[str, Callable[[], str]] = {
            "renamed": lambda: self.aws.rename(user, f"{user.name}{self.chance.randrange(10)}").name
        }
        if len(keys) < self.aws.quota or self.third:
            deeds["made"] = lambda: self.aws.add_key(user).access_key_id
        on = [key.key_id for key in keys if key.status is KeyStatus.ACTIVE]
        off = [key.key_id for key in keys if key.status is KeyStatus.INACTIVE]
        if on:
            deeds["switched off"] = lambda: self._switches(on, KeyStatus.INACTIVE)
        if off:
            deeds["switched on"] = lambda: self._switches(off, KeyStatus.ACTIVE)
            deeds["deleted"] = lambda: self._switches(off, None)
        return deeds

    def _switches(self, key_ids: list[str], status: KeyStatus | None) -> str:
        key_id = self.chance.choice(key_ids)
        self.aws.switch(key_id, status)
        return key_id
