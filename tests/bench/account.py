"""One account of thousands of users, drawn so that it is the same each time."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from tests.simulation.report import COLUMNS

__all__ = ["ACCOUNT_ID", "DUE_AFTER", "AccountOfMany", "Key", "Person"]

ACCOUNT_ID = "111122223333"
DUE_AFTER = timedelta(days=90)
DAY = timedelta(days=1)


@dataclass
class Key:
    """One access key."""

    key_id: str
    secret: str
    created_at: datetime
    status: str = "Active"
    used_at: datetime | None = None


@dataclass
class Person:
    """One IAM user."""

    name: str
    user_id: str
    path: str
    team: str
    created_at: datetime
    keys: list[Key] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:iam::{ACCOUNT_ID}:user{self.path}{self.name}"


class AccountOfMany:
    """Users, of whom the first so many are due, and one in ten has no key or a second, idle one.

    Attributes:
        users: by name.
    """

    def __init__(self, users: int, due: int, now: datetime) -> None:
        chance = Random(users)
        self.now = now
        self.users: dict[str, Person] = {}
        self._made = 0
        for number in range(users):
            person = Person(
                name=f"service-{number:05}",
                user_id=f"AIDA{number:016}",
                path=("/ci/", "/apps/", "/vendors/")[number % 3],
                team=("blue", "green", "red", "black")[number % 4],
                created_at=now - 700 * DAY,
            )
            self.users[person.name] = person
            is_due = number < due
            if not is_due and number % 20 == 19:
                continue
            age = chance.uniform(91, 120) if is_due else chance.uniform(1, 80)
            self.add_key(person, now - age * DAY)
            if not is_due and number % 20 == 9:
                second = self.add_key(person, now - chance.uniform(1, 80) * DAY)
                second.status = "Inactive"

    def add_key(self, person: Person, created_at: datetime | None = None) -> Key:
        """A key comes to be; it is used an hour ago."""
        self._made += 1
        made_at = (created_at or datetime.now(UTC)).replace(microsecond=0)
        key = Key(
            f"AKIA{self._made:016}",
            f"bench/SECRET/of/key/{self._made:020}",
            made_at,
            used_at=(self.now - timedelta(hours=1)).replace(microsecond=0),
        )
        person.keys.append(key)
        return key

    def due(self) -> list[str]:
        """The names of users with an Active key that is old enough."""
        return [
            person.name
            for person in self.users.values()
            if any(
                k.status == "Active" and k.created_at + DUE_AFTER <= self.now for k in person.keys
            )
        ]

    def report(self) -> bytes:
        """The credential report: no key ids, and slots in no order."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="N/A", lineterminator="\n")
        writer.writeheader()
        root = {"user": "<root_account>", "arn": f"arn:aws:iam::{ACCOUNT_ID}:root"}
        writer.writerow(root | {"user_creation_time": _told(self.now - 900 * DAY)} | _no_keys())
        for person in self.users.values():
            row = {"user": person.name, "arn": person.arn, "password_enabled": "false"}
            row |= {"user_creation_time": _told(person.created_at), "mfa_active": "false"}
            row |= _no_keys()
            for slot, key in enumerate(reversed(person.keys), start=1):
                row |= _slot(slot, key)
            writer.writerow(row)
        return text.getvalue().encode()


def _no_keys() -> dict[str, str]:
    return {f"access_key_{slot}_active": "false" for slot in (1, 2)}


def _slot(slot: int, key: Key) -> dict[str, str]:
    cells = {
        "active": "true" if key.status == "Active" else "false",
        "last_rotated": _told(key.created_at),
        "last_used_date": _told(key.used_at) if key.used_at else "N/A",
        "last_used_region": "eu-north-1" if key.used_at else "N/A",
        "last_used_service": "s3" if key.used_at else "N/A",
    }
    return {f"access_key_{slot}_{name}": value for name, value in cells.items()}


def _told(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat()
