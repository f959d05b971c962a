"""The demo's consumers: each uses the key that it reads from its place, and counts failures."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from rotator.demo.scenario import FLAKY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rotator.demo.aws import LocalAws
    from rotator.demo.scenario import Actor

__all__ = ["Consumer", "Consumers", "place_of"]

PAUSE_SECONDS = 0.4


@dataclass(slots=True)
class Consumer:
    """One program that somebody runs with one user's key.

    Attributes:
        calls, failures: requests it made, and those that AWS refused.
        keys: the ids of the keys it worked with, in order.
    """

    actor: Actor
    calls: int = 0
    failures: int = 0
    why: str = ""
    keys: list[str] = field(default_factory=list)
    _first: tuple[str, str] | None = None


class Consumers:
    """All consumers, on one thread; they know nothing of rotator but where their key is."""

    def __init__(self, aws: LocalAws, folder: Path, actors: Sequence[Actor]) -> None:
        self._aws = aws
        self._folder = folder
        self.each = [Consumer(actor) for actor in actors if actor.keys or actor.rotates]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="consumers", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the call that is being made."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def of(self, name: str) -> Consumer:
        """The consumer of one user."""
        return next(one for one in self.each if one.actor.name == name)

    def _work(self) -> None:
        while not self._stopping.wait(PAUSE_SECONDS):
            for one in self.each:
                if not self._stopping.is_set():
                    self._call(one)

    def _call(self, one: Consumer) -> None:
        """Read the key as the consumer does, and make one call with it."""
        credential = self._read(one)
        if credential is None:
            return
        key_id, secret = credential
        if not one.keys or one.keys[-1] != key_id:
            one.keys.append(key_id)
        client = self._aws.client(
            "sts",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=None,
        )
        one.calls += 1
        try:
            client.get_caller_identity()
        except (ClientError, BotoCoreError) as exc:
            one.failures += 1
            one.why = str(exc)
        finally:
            client.close()

    def _read(self, one: Consumer) -> tuple[str, str] | None:
        if one.actor.stubborn and one._first is not None:  # noqa: SLF001 - its own record
            return one._first  # noqa: SLF001
        text = self._text(one.actor)
        if text is None:
            return None
        value = json.loads(text)
        credential = (value["AccessKeyId"], value["SecretAccessKey"])
        one._first = one._first or credential  # noqa: SLF001
        return credential

    def _text(self, actor: Actor) -> str | None:
        place = place_of(actor)
        if actor.sink == "file":
            path = self._folder / place
            return path.read_text() if path.exists() else None
        client = self._aws.client("secretsmanager")
        try:
            return client.get_secret_value(SecretId=place)["SecretString"]
        except client.exceptions.ResourceNotFoundException:
            return None
        finally:
            client.close()


def place_of(actor: Actor) -> str:
    """Where a consumer finds its key: a file below the demo's folder, or a secret's name."""
    if actor.sink == "secret":
        return f"demo/services/{actor.name}"
    if actor.sink == "flaky":
        return f"{FLAKY_PREFIX}{actor.name}"
    return f"secrets/{'new/' if not actor.keys else ''}{actor.name}.json"
