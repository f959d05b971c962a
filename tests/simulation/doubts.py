"""P6: what could not be read is no answer, so nothing is begun or harmed on it.

What counts is what the process that acts was told last, before it acted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rotator.model import Title
from tests.simulation.broken import Broken
from tests.simulation.heard import Topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotator.model import Rotation, UserRef
    from tests.simulation.aws import FakeAws
    from tests.simulation.places import WatchedBackend

__all__ = ["MADE_IN_VAIN", "Doubts", "waives_places"]

SKEW_MAX = timedelta(minutes=1)


@dataclass
class Doubts:
    """What the acting process did not know, though it acted."""

    aws: FakeAws
    backend: WatchedBackend

    def nothing_begun(self, ref: UserRef) -> None:
        """P6: a key was issued, and its user and keys were read."""
        self._read(ref, "a key was issued")

    def nothing_harmed(
        self, ref: UserRef, rotation: Rotation, key_id: str, places: Sequence[str]
    ) -> None:
        """P6: a key was harmed, and whatever its title asks for was read."""
        deed = f"{key_id} was harmed"
        self._read(ref, deed)
        if not _by_word(rotation) and (why := self._unread(Topic.USE, key_id)):
            raise Broken(f"P6: {deed}, and its last use could not be read: {why}")
        if waives_places(rotation) or self._is_nowhere(key_id):
            return
        for address in places:
            if why := self._unread(Topic.PLACE, address):
                raise Broken(f"P6: {deed}, and {address} could not be read: {why}")

    def _read(self, ref: UserRef, deed: str) -> None:
        for topic in (Topic.KEYS, Topic.USER):
            if why := self._unread(topic, ref.user_id):
                raise Broken(f"P6: {deed}, and of {ref.user_id} {topic.value} was not read: {why}")
        said = self.aws.heard.last(self.aws.effects.life.name, Topic.CLOCK, "")
        skew = said.value if said is not None else None
        if isinstance(skew, timedelta) and abs(skew) > SKEW_MAX:
            raise Broken(f"P6: {deed}, and our clock was {skew} from AWS's")

    def _unread(self, topic: Topic, about: str) -> str:
        """Why the last question about something got no answer; empty where it got one."""
        said = self.aws.heard.last(self.aws.effects.life.name, topic, about)
        return said.why if said is not None else ""

    def _is_nowhere(self, key_id: str) -> bool:
        """Whether it is a key of ours that was never sent to any place."""
        sent = any(key == key_id for _, key in self.backend.attempts)
        return self.aws.keys[key_id].ours and not sent


def waives_places(rotation: Rotation) -> bool:
    """Whether P1 is waived for the leaver: never for one of ours that nobody was given.

    The word that began the rotation was about another key.
    """
    return rotation.now and rotation.right not in MADE_IN_VAIN


MADE_IN_VAIN = frozenset({Title.ORPHAN, Title.UNDELIVERED})
"""The titles of keys that we made and that nobody was given."""


def _by_word(rotation: Rotation) -> bool:
    """Whether a person named this very key, so that its use decides nothing any more."""
    named_now = rotation.right is Title.NAMED and rotation.now
    return rotation.right is Title.COMPROMISED or named_now
