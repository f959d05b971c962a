"""The credential report: asked for until it is there, and read whole or not at all."""

from __future__ import annotations

import base64
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.aws.report import report_from
from rotator.errors import AccessDenied, ReadError
from rotator.model import NeverUsed, Report, UsedAt, UseUnknown
from tests.aws.loopback import answer, error
from tests.simulation.report import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rotator.aws.accounts import Entered
    from tests.aws.loopback import Loopback, Reply

MADE_AT = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)
DATE = "2026-01-02T03:04:05+00:00"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ODD = ("N/A", "no_information", "not_supported", "", "true", "false", DATE)


def row(user: str = "bob", **cells: str) -> dict[str, str]:
    """A user without keys, as AWS writes one."""
    blank = dict.fromkeys(COLUMNS, "N/A")
    blank |= {f"access_key_{slot}_active": "false" for slot in (1, 2)}
    blank |= {"user": user, "arn": f"arn:aws:iam::111122223333:user/{user}"}
    return blank | {"user_creation_time": DATE} | cells


def key(slot: int = 1, **cells: str) -> dict[str, str]:
    """A key that was used, in one slot."""
    told = {
        "active": "true",
        "last_rotated": DATE,
        "last_used_date": "2026-03-01T00:00:00+00:00",
        "last_used_region": "eu-north-1",
        "last_used_service": "s3",
    }
    return {f"access_key_{slot}_{name}": value for name, value in (told | cells).items()}


def text(*rows: dict[str, str], columns: Sequence[str] = COLUMNS) -> bytes:
    """The CSV of these users."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore", restval="x")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def read(*rows: dict[str, str], columns: Sequence[str] = COLUMNS) -> Report:
    """The report that says so."""
    return report_from(text(*rows, columns=columns), MADE_AT)


def test_a_report_is_read() -> None:
    """Users by name, their keys, and root apart from them."""
    report = read(
        row("<root_account>", arn="arn:aws:iam::111122223333:root", **key()),
        row("bob", **key(2)),
        row("eve"),
    )

    assert report.generated_at == MADE_AT
    assert set(report.users) == {"bob", "eve"}
    assert report.root is not None
    assert len(report.root.keys) == 1
    (only,) = report.users["bob"].keys
    assert (only.is_active, only.rotated_at) == (True, AT)
    assert only.last_use == UsedAt(datetime(2026, 3, 1, tzinfo=UTC), "s3", "eu-north-1")
    assert report.users["eve"].keys == ()
    assert len(report.digest) == 64


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"last_used_date": "N/A"}, NeverUsed),
        ({"last_used_date": "no_information"}, UseUnknown),
        ({"last_used_date": "not_supported"}, UseUnknown),
        ({"last_used_date": ""}, UseUnknown),
    ],
)
def test_only_n_a_is_never(cells: dict[str, str], expected: type) -> None:
    """What the report does not tell is unknown."""
    (only,) = (
        read(row(**(key() | {f"access_key_1_{n}": v for n, v in cells.items()}))).users["bob"].keys
    )

    assert type(only.last_use) is expected


def test_an_inactive_key_is_a_key() -> None:
    """It takes a slot; and an Active one without a date is one as well."""
    report = read(row(**key(active="false"), **key(2, last_rotated="N/A")))

    assert [(k.is_active, k.rotated_at) for k in report.users["bob"].keys] == [
        (False, AT),
        (True, None),
    ]


@given(columns=st.permutations([*COLUMNS, "mfa_device", "a_new_column"]))
def test_columns_are_found_by_their_names(columns: list[str]) -> None:
    """In whatever order they stand, and whatever stands beside them."""
    rows = (row("bob", **key()), row("eve", **key(2)))

    assert read(*rows, columns=columns).users == read(*rows).users


@given(st.dictionaries(st.sampled_from(COLUMNS[1:]), st.sampled_from(ODD)))
def test_odd_values_in_every_place_are_read_or_refused(cells: dict[str, str]) -> None:
    """A report that cannot be read whole is none; no user and no key is ever dropped."""
    try:
        report = read(row(**cells), row("eve", **key()))
    except ReadError:
        return

    assert set(report.users) == {"bob", "eve"}
    shown = sum(cells.get(f"access_key_{slot}_active") == "true" for slot in (1, 2))
    assert len(report.users["bob"].keys) >= shown


WRONG: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no column user"),
    "a page of a captive portal": (b"<html>please log in</html>", "no column user"),
    "a column is missing": (
        text(row(), columns=[c for c in COLUMNS if c != "access_key_2_active"]),
        "no column access_key_2_active",
    ),
    "cut in the middle of a row": (text(row(), row("eve"))[:-60], "columns"),
    "cut in the middle of a quoted value": (text(row("bob")) + b'"eve,', "no CSV"),
    "one more value than columns": (text(row())[:-1] + b",more\n", "columns"),
    "no text": (text(row()) + b"\xff\xfe", "no CSV"),
    "a user twice": (text(row(), row()), "twice"),
    "a date that is none": (text(row(**key(last_rotated="yesterday"))), "'yesterday'"),
    "a date without a zone": (text(row(**key(last_rotated="2026-01-02"))), "where a date belongs"),
    "neither active nor not": (text(row(**key(active="maybe"))), "whether a key of bob is active"),
    "a user who was made at no time": (text(row(user_creation_time="N/A")), "when user bob"),
}


@pytest.mark.parametrize(("content", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_report_that_cannot_be_read_whole_is_none(content: bytes, says: str) -> None:
    """With a sentence that names what is wrong."""
    with pytest.raises(ReadError, match=says):
        report_from(content, MADE_AT)


# Asked for over the wire


def state(word: str) -> Reply:
    """What GenerateCredentialReport says."""
    return answer("GenerateCredentialReport", f"<State>{word}</State>")


def given_report(content: bytes, made_at: datetime = MADE_AT) -> Reply:
    """What GetCredentialReport says."""
    told = base64.b64encode(content).decode()
    return answer(
        "GetCredentialReport",
        f"<Content>{told}</Content><ReportFormat>text/csv</ReportFormat>"
        f"<GeneratedTime>{made_at.isoformat()}</GeneratedTime>",
    )


class Patience:
    """A clock that only pauses move on."""

    def __init__(self) -> None:
        self.now = MADE_AT + MINUTE
        self.pauses: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def ask(enter: Callable[..., Entered]) -> Callable[[Patience], Report]:
    """Asks for the report of the account on loopback, for a minute at most."""
    entered = enter()

    def asking(patience: Patience) -> Report:
        deadline = patience() + MINUTE
        return entered.iam.report(deadline=deadline, clock=patience, pause=patience.pause)

    return asking


def test_a_report_in_the_making_is_waited_for(
    aws: Loopback, ask: Callable[[Patience], Report]
) -> None:
    """More and more patiently."""
    aws.replies["GenerateCredentialReport"] = [
        state("STARTED"),
        state("INPROGRESS"),
        state("COMPLETE"),
    ]
    aws.replies["GetCredentialReport"] = given_report(text(row(**key())))
    patience = Patience()

    report = ask(patience)

    assert set(report.users) == {"bob"}
    assert patience.pauses == [1.0, 2.0]
    assert aws.arrived("GetCredentialReport") == 1


@pytest.mark.parametrize("code", ["ReportNotPresent", "ReportExpired", "ReportInProgress"])
def test_a_report_that_is_not_there_yet_is_asked_for_again(
    aws: Loopback, ask: Callable[[Patience], Report], code: str
) -> None:
    """Complete, says one call, and the other has none: it is being made anew."""
    aws.replies["GenerateCredentialReport"] = state("COMPLETE")
    aws.replies["GetCredentialReport"] = [error(410, code), given_report(text(row()))]

    assert set(ask(Patience()).users) == {"bob"}


def test_nobody_waits_for_ever(aws: Loopback, ask: Callable[[Patience], Report]) -> None:
    """After a minute it is left at that."""
    aws.replies["GenerateCredentialReport"] = state("INPROGRESS")
    patience = Patience()

    with pytest.raises(ReadError, match="AWS is still making it") as caught:
        ask(patience)

    assert caught.value.code == "ReportInProgress"
    assert sum(patience.pauses) <= 60


def test_a_forbidden_report_is_told_as_such(
    aws: Loopback, ask: Callable[[Patience], Report]
) -> None:
    """So that everybody is listed live."""
    aws.replies["GenerateCredentialReport"] = error(403, "AccessDenied")

    with pytest.raises(AccessDenied):
        ask(Patience())


def test_a_report_of_the_future_is_refused(
    aws: Loopback, ask: Callable[[Patience], Report]
) -> None:
    """Its age says who may be left out."""
    aws.replies["GenerateCredentialReport"] = state("COMPLETE")
    aws.replies["GetCredentialReport"] = given_report(text(row()), MADE_AT + timedelta(hours=1))

    with pytest.raises(ReadError, match="in the future"):
        ask(Patience())
