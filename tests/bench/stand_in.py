"""IAM and STS over HTTP, with a latency and a limit: python -m tests.bench.stand_in --users 5000.

It answers the Query protocol as botocore reads it (IAM API Reference), from one thread that never
waits for anything but time, so that it costs next to nothing beside what is measured. What it was
asked stands behind GET /_; POST /_?rate=20&others=10 forgets that and sets the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.bench.account import ACCOUNT_ID, AccountOfMany, Key, Person

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["StandIn"]

PAGE = 1000
PAGE_DEFAULT = 100
IAM = "https://iam.amazonaws.com/doc/2010-05-08/"
STS = "https://sts.amazonaws.com/doc/2011-06-15/"
ROLE = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/rotator/bench"
KEYS_MAX = 2
SIGNER = " signer"
"""Where a form says whose key signed the request; no parameter has such a name."""

Form = dict[str, str]


class Refusal(Exception):
    """What AWS answers when it says no."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Limit:
    """A token bucket; `others` take so many a second of it."""

    rate: float = 0.0
    others: float = 0.0
    tokens: float = 0.0
    at: float = 0.0

    def lets(self, now: float) -> bool:
        """Whether one more call is let through."""
        if not self.rate:
            return True
        gained = (now - self.at) * (self.rate - self.others)
        self.tokens, self.at = min(self.rate, self.tokens + gained), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class StandIn:
    """One account, what it was asked, and how it answers."""

    account: AccountOfMany
    latency: float
    limit: Limit = field(default_factory=Limit)
    calls: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    reported_at: datetime | None = None
    first: float | None = None
    last: float = 0.0
    is_forbidden: bool = False

    def __post_init__(self) -> None:
        self._usual = self.latency
        self._report = b""
        self._details: list[str] = []
        self._names = list(self.account.users)
        self._owners = {k.key_id: p for p in self.account.users.values() for k in p.keys}
        self._forget_pages()

    def answer(self, form: Form, now: float) -> tuple[int, str]:
        """The status and the body of one call."""
        action = form.get("Action", "")
        self.calls[action] += 1
        self.first, self.last = self.first or now, now
        # STS has limits of its own.
        is_let = action == "GetCallerIdentity" or self.limit.lets(now)
        self.throttled += not is_let
        actions = self._actions()
        try:
            inside = actions.get(action, _unknown)(form) if is_let else _refuse(form)
        except Refusal as exc:
            return exc.status, (
                f'<ErrorResponse xmlns="{IAM}"><Error><Type>Sender</Type><Code>{exc.code}</Code>'
                f"<Message>{escape(str(exc))}</Message></Error>"
                "<RequestId>bench</RequestId></ErrorResponse>"
            )
        space = STS if action == "GetCallerIdentity" else IAM
        return 200, (
            f'<{action}Response xmlns="{space}"><{action}Result>{inside}</{action}Result>'
            f"<ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata></{action}Response>"
        )

    def state(self) -> dict[str, object]:
        """What it was asked, and how it stands with who is due."""
        people = self.account.users.values()
        return {
            "calls": dict(self.calls),
            "throttled": self.throttled,
            "span": self.last + self.latency - self.first if self.first else 0.0,
            "due": self.account.due(),
            "rotated": [p.name for p in people if _was_rotated(p)],
        }

    def reset(self, asked: Mapping[str, list[str]]) -> None:
        """Forget what it was asked, and limit the rate as it says."""
        self.calls.clear()
        self.throttled, self.first = 0, None
        rate = float(asked.get("rate", ["0"])[0])
        self.limit = Limit(rate, float(asked.get("others", ["0"])[0]), tokens=rate)
        self.latency = float(asked.get("latency", [str(self._usual)])[0])
        self.is_forbidden = "no_report" in asked

    def _actions(self) -> Mapping[str, Callable[[Form], str]]:
        return {
            "GetCallerIdentity": self._identity,
            "GenerateCredentialReport": self._generate,
            "GetCredentialReport": self._get_report,
            "GetAccountAuthorizationDetails": self._page_of_details,
            "ListUsers": self._list_users,
            "GetUser": lambda form: (
                f"<User>{_user(self._person(form))}{_tags(self._person(form))}</User>"
            ),
            "ListUserTags": lambda form: _tags(self._person(form)) + _LAST,
            "ListGroupsForUser": lambda form: f"<Groups/>{_LAST}{self._person(form).name[:0]}",
            "ListAttachedUserPolicies": lambda form: (
                f"<AttachedPolicies/>{_LAST}{self._person(form).name[:0]}"
            ),
            "ListAccountAliases": lambda _: f"<AccountAliases/>{_LAST}",
            "ListAccessKeys": self._list_keys,
            "GetAccessKeyLastUsed": self._last_used,
            "CreateAccessKey": self._create,
            "UpdateAccessKey": self._update,
            "DeleteAccessKey": self._delete,
        }

    def _identity(self, form: Form) -> str:
        owner = self._owners.get(form[SIGNER])
        if owner is not None:
            return (
                f"<Arn>{owner.arn}</Arn><UserId>{owner.user_id}</UserId>"
                f"<Account>{ACCOUNT_ID}</Account>"
            )
        return f"<Arn>{ROLE}</Arn><UserId>AROABENCH:bench</UserId><Account>{ACCOUNT_ID}</Account>"

    def _generate(self, _: Form) -> str:
        if self.is_forbidden:
            raise Refusal(403, "AccessDenied", "not authorized: iam:GenerateCredentialReport")
        if self.reported_at is None:
            self.reported_at = datetime.now(UTC)
            self._report = base64.b64encode(self.account.report())
            return "<State>STARTED</State><Description>Starting a new report</Description>"
        return "<State>COMPLETE</State>"

    def _get_report(self, _: Form) -> str:
        if self.reported_at is None:
            raise Refusal(410, "ReportNotPresent", "No report is present")
        return (
            f"<Content>{self._report.decode()}</Content><ReportFormat>text/csv</ReportFormat>"
            f"<GeneratedTime>{_time(self.reported_at)}</GeneratedTime>"
        )

    def _forget_pages(self) -> None:
        """Pages of the details are made once: they say nothing of keys."""
        people = list(self.account.users.values())
        self._details = [
            "".join(
                f"<member>{_user(p)}{_tags(p)}{_NOBODYS}</member>" for p in people[at : at + PAGE]
            )
            for at in range(0, len(people), PAGE)
        ]

    def _page_of_details(self, form: Form) -> str:
        number = int(form.get("Marker", "0"))
        more = number + 1 < len(self._details)
        marker = f"<Marker>{number + 1}</Marker>" if more else ""
        return (
            f"<UserDetailList>{self._details[number]}</UserDetailList><GroupDetailList/>"
            f"<RoleDetailList/><Policies/><IsTruncated>{str(more).lower()}</IsTruncated>{marker}"
        )

    def _list_users(self, form: Form) -> str:
        at, size = int(form.get("Marker", "0")), int(form.get("MaxItems", PAGE_DEFAULT))
        names = self._names[at : at + size]
        more = at + size < len(self._names)
        marker = f"<Marker>{at + size}</Marker>" if more else ""
        members = "".join(f"<member>{_user(self.account.users[n])}</member>" for n in names)
        return f"<Users>{members}</Users><IsTruncated>{str(more).lower()}</IsTruncated>{marker}"

    def _list_keys(self, form: Form) -> str:
        person = self._person(form)
        members = "".join(
            f"<member><UserName>{person.name}</UserName><AccessKeyId>{key.key_id}</AccessKeyId>"
            f"<Status>{key.status}</Status><CreateDate>{_time(key.created_at)}</CreateDate></member>"
            for key in person.keys
        )
        return f"<AccessKeyMetadata>{members}</AccessKeyMetadata>{_LAST}"

    def _last_used(self, form: Form) -> str:
        owner = self._owners.get(form.get("AccessKeyId", ""))
        if owner is None:
            raise Refusal(
                403, "AccessDenied", "not authorized to perform: iam:GetAccessKeyLastUsed"
            )
        key = next(key for key in owner.keys if key.key_id == form["AccessKeyId"])
        date = f"<LastUsedDate>{_time(key.used_at)}</LastUsedDate>" if key.used_at else ""
        where = ("s3", "eu-north-1") if key.used_at else ("N/A", "N/A")
        return (
            f"<UserName>{owner.name}</UserName><AccessKeyLastUsed>{date}"
            f"<ServiceName>{where[0]}</ServiceName><Region>{where[1]}</Region></AccessKeyLastUsed>"
        )

    def _create(self, form: Form) -> str:
        person = self._person(form)
        if len(person.keys) >= KEYS_MAX:
            raise Refusal(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
        key = self.account.add_key(person)
        key.used_at = None
        self._owners[key.key_id] = person
        return (
            f"<AccessKey><UserName>{person.name}</UserName><AccessKeyId>{key.key_id}</AccessKeyId>"
            f"<Status>Active</Status><SecretAccessKey>{key.secret}</SecretAccessKey>"
            f"<CreateDate>{_time(key.created_at)}</CreateDate></AccessKey>"
        )

    def _update(self, form: Form) -> str:
        self._key(form).status = form["Status"]
        return ""

    def _delete(self, form: Form) -> str:
        self._person(form).keys.remove(self._key(form))
        return ""

    def _key(self, form: Form) -> Key:
        keys = self._person(form).keys
        key = next((key for key in keys if key.key_id == form["AccessKeyId"]), None)
        if key is None:
            raise Refusal(404, "NoSuchEntity", "The Access Key cannot be found")
        return key

    def _person(self, form: Form) -> Person:
        person = self.account.users.get(form.get("UserName", ""))
        if person is None:
            raise Refusal(404, "NoSuchEntity", "The user cannot be found")
        return person


def _refuse(_: Form) -> str:
    raise Refusal(400, "Throttling", "Rate exceeded")


def _unknown(form: Form) -> str:
    raise Refusal(400, "InvalidAction", f"Could not find operation {form.get('Action')}")


_LAST = "<IsTruncated>false</IsTruncated>"
_NOBODYS = "<GroupList/><AttachedManagedPolicies/>"


def _was_rotated(person: Person) -> bool:
    return any(key.used_at is None for key in person.keys)


def _user(person: Person) -> str:
    return (
        f"<Path>{person.path}</Path><UserName>{person.name}</UserName>"
        f"<UserId>{person.user_id}</UserId><Arn>{person.arn}</Arn>"
        f"<CreateDate>{_time(person.created_at)}</CreateDate>"
    )


def _tags(person: Person) -> str:
    return f"<Tags><member><Key>team</Key><Value>{person.team}</Value></member></Tags>"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# HTTP


async def _serve(
    stand_in: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one connection's requests, one after the other, each after the latency."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while line := await reader.readline():
            method, target, _ = line.decode().split(" ", 2)
            length, signer = await _headers(reader)
            body = (await reader.readexactly(length)).decode() if length else ""
            if target.startswith("/_"):
                status, text = 200, _controlled(stand_in, method, target)
            else:
                await asyncio.sleep(stand_in.latency)
                form = {name: values[0] for name, values in parse_qs(body).items()}
                form[SIGNER] = signer
                status, text = stand_in.answer(form, loop.time())
            content = text.encode()
            date = format_datetime(datetime.now(UTC), usegmt=True)
            head = (
                f"HTTP/1.1 {status} OK\r\nContent-Type: text/xml\r\nDate: {date}\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            writer.write(head.encode() + content)
            await writer.drain()
    writer.close()


async def _headers(reader: asyncio.StreamReader) -> tuple[int, str]:
    """How long the body is, and by which key the request was signed."""
    length, signer = 0, ""
    while (line := await reader.readline()) not in {b"\r\n", b""}:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        if name.lower() == b"authorization":
            signer = value.decode().partition("Credential=")[2].partition("/")[0]
    return length, signer


def _controlled(stand_in: StandIn, method: str, target: str) -> str:
    if method == "POST":
        stand_in.reset(parse_qs(urlsplit(target).query))
    return json.dumps(stand_in.state())


async def _main(asked: argparse.Namespace) -> None:
    account = AccountOfMany(asked.users, asked.due, datetime.now(UTC) - timedelta(seconds=1))
    stand_in = StandIn(account, asked.latency)
    server = await asyncio.start_server(
        lambda reader, writer: _serve(stand_in, reader, writer), "127.0.0.1", asked.port
    )
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=5000)
    parser.add_argument("--due", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.03)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(_main(parser.parse_args()))
