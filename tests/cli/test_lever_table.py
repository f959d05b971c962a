"""All levers, whatever happens: killed, without AWS, without a daemon, two people at once."""

from __future__ import annotations

import io
import json
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rotator.cli import levers
from rotator.cli.clocks import clock
from rotator.events import Event
from rotator.model import DoorName, Order, Scope, Verb
from tests.cli.circumstances import (
    CIRCUMSTANCES,
    LEVERS,
    NEW,
    OLD,
    argv_of,
    grace,
    idle,
    ref_of,
    store_of,
)
from tests.cli.conftest import eventually
from tests.cli.test_daemon import running
from tests.cli.test_levers import alive

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.demo.aws import LocalAws
    from tests.cli.conftest import Program

FIT = {
    "rotate": "idle, without a terminal and without --yes",
    "rotate --compromised": "idle, without a terminal and without --yes",
    "retire": "in recovery",
    "rollback": "in recovery",
    "deliver": "in grace",
    "approve": "in grace",
    "close": "in grace",
    "hold": "idle, without a terminal and without --yes",
    "release": "held",
}
"""In which circumstances there is something to pull each lever for."""

QUEUED = sorted(set(LEVERS) - {"hold", "release"})
"""Levers that somebody has to obey; a hold is in force as soon as it is written."""


class Killed(BaseException):
    """The command was killed here."""


def ready(program: Program, aws: LocalAws, lever: str) -> list[str]:
    """A world in which the lever has something to do, and what is typed."""
    return argv_of(lever, CIRCUMSTANCES[FIT[lever]](program, aws))


def recorded(program: Program) -> list[tuple[str, str, str]]:
    """What was ordered, as the history tells it."""
    lines = program("--json", "history", "--action", "order").out.splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["actor"], row["outcome"], row["detail"]) for row in rows]


def state_of(aws: LocalAws) -> list[tuple[str, str]]:
    """The keys of alice as they truly are."""
    return [(key["access_key_id"], key["status"]) for key in aws.truth()["alice"]["keys"]]


@pytest.mark.parametrize("lever", LEVERS)
def test_it_is_recorded_with_who_and_why(stocked: Program, aws: LocalAws, lever: str) -> None:
    """Each order stands in the history, in the name of a person and with the reason given."""
    argv = [word for word in ready(stocked, aws, lever) if word not in {"--reason", "x"}]
    told = stocked(*argv, "--reason", "the audit asks", "--as", "kim")
    last = recorded(stocked)[-1]

    assert told.status in {0, 1}
    assert last[0] == "kim"
    assert "the audit asks" in last[2]
    assert any(
        line["event"] == Event.ORDER_GIVEN and line["actor"] == "kim" for line in told.logged
    )


@pytest.mark.parametrize("lever", QUEUED)
def test_killed_between_the_order_and_the_act(
    stocked: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch, lever: str
) -> None:
    """The order is on record before anything else, and whoever comes next obeys it, once."""
    argv = ready(stocked, aws, lever)

    def die(_errand: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(levers.Errand, "see_to", die)
        with pytest.raises(Killed):
            stocked(*argv)
    before = state_of(aws)
    with store_of(stocked) as store:
        (waiting,) = store.open_orders()
    stocked("run")
    after = state_of(aws)
    with store_of(stocked) as store:
        done = store.order(waiting.order.order_id)
    stocked("run")
    told = recorded(stocked)

    assert before != after or lever in {"retire", "deliver", "approve", "close"}
    assert done is not None
    assert done.outcome is not None or done.order.accepted_at is not None
    assert state_of(aws) == after
    assert len(told) == len(set(told))
    with store_of(stocked) as store:
        assert store.open_orders() == []


@pytest.mark.parametrize("lever", QUEUED)
def test_without_rights_in_aws_while_a_daemon_lives(
    stocked: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch, lever: str
) -> None:
    """A command needs no AWS to give an order about a known user: the daemon has it."""
    argv = ready(stocked, aws, lever)
    alive(stocked)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    answered = threading.Thread(target=answer_as_a_daemon, args=(stocked,))
    answered.start()
    answer = stocked(*argv)
    answered.join()

    assert (answer.status, answer.sentences) == (0, "")
    assert answer.out == "prod/alice: done by the daemon\n"


def answer_as_a_daemon(program: Program) -> None:
    """Obey the first order that is found, as far as the record goes."""
    with store_of(program) as store:
        (row,) = eventually(store.open_orders)
        lease = store.acquire(row.ref, holder="daemon", length=timedelta(minutes=1))
        assert lease is not None
        with store.change(lease) as change:
            change.order_done(row.order.order_id, "done", "done by the daemon")
        store.release(lease)


@pytest.mark.parametrize("lives", [True, False], ids=["a daemon lives", "no daemon lives"])
@pytest.mark.parametrize("lever", QUEUED)
def test_without_rights_in_aws_it_says_what_it_waits_for(
    stocked: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch, lever: str, lives: bool
) -> None:
    """Nobody took it in time: it stays on record, and the sentence says for whom."""
    argv = ready(stocked, aws, lever)
    monkeypatch.setattr(levers, "PATIENCE", timedelta(milliseconds=300))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    if lives:
        alive(stocked)
    answer = stocked(*argv)

    who = "the daemon (another), which has not taken it" if lives else "a daemon, and none lives"
    assert (answer.status, answer.out) == (1, "")
    assert f"stays on record, not done yet: it waits for {who}" in answer.sentences
    assert "from here, account prod: " in answer.sentences
    with store_of(stocked) as store:
        assert len(store.open_orders()) == 1


def test_the_real_daemon_obeys_a_machine_without_rights(
    stocked: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes over one store: one may change keys, the other only says what to do."""
    argv = ready(stocked, aws, "rotate")
    with running(stocked) as daemon:
        daemon.told(Event.SWEEP_COMPLETED)
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        answer = stocked(*argv)
        assert daemon.stop() == 0

    assert (answer.status, answer.sentences) == (0, "")
    assert "is issued and delivered" in answer.out
    assert len(state_of(aws)) == 2


# Two people at once


def said(verb: Verb, who: str, **facts: Any) -> Order:  # noqa: ANN401 - any field of an order
    return Order(0, verb, clock(), who, reason="x", **facts)


PAIRS = (
    pytest.param(idle, Verb.ROTATE, Verb.ROTATE, {}, ["done", "refused"], id="rotate, twice"),
    pytest.param(grace, Verb.ROLLBACK, Verb.ROLLBACK, {}, ["done", "done"], id="rollback, twice"),
    pytest.param(grace, Verb.CLOSE, Verb.CLOSE, {}, ["done", "refused"], id="close, twice"),
    pytest.param(grace, Verb.ROLLBACK, Verb.CLOSE, {}, ["done", "done"], id="rollback and close"),
    pytest.param(
        grace, Verb.CLOSE, Verb.ROLLBACK, {}, ["done", "refused"], id="close and rollback"
    ),
    pytest.param(grace, Verb.DELIVER, Verb.CLOSE, {}, ["done", "done"], id="deliver and close"),
    pytest.param(
        grace,
        Verb.APPROVE,
        Verb.APPROVE,
        {"action": DoorName.DELETE},
        [None, "refused"],
        id="approve, twice: the first counts",
    ),
    pytest.param(
        idle, Verb.RETIRE, Verb.ROTATE, {"key_id": OLD}, ["refused", "done"], id="retire and rotate"
    ),
)


@pytest.mark.parametrize(("world", "first", "second", "facts", "outcomes"), PAIRS)
def test_two_people_at_once(  # noqa: PLR0917 - one row of a table
    stocked: Program,
    aws: LocalAws,
    world: Callable[[Program, LocalAws], object],
    first: Verb,
    second: Verb,
    facts: dict[str, Any],
    outcomes: list[str | None],
) -> None:
    """Orders are obeyed as they were given, and what is left of the second is said."""
    world(stocked, aws)
    with store_of(stocked) as store:
        ref = ref_of(store)
        given = [store.give(ref, said(v, w, **facts)) for v, w in ((first, "eve"), (second, "kim"))]
    stocked("run")
    with store_of(stocked) as store:
        rows = [store.order(number) for number in given]

    assert [row.outcome if row else "missing" for row in rows] == outcomes
    assert all(row and row.message for row in rows)


def test_a_hold_is_stronger_than_an_order_of_the_same_moment(
    stocked: Program, aws: LocalAws
) -> None:
    """Rotate and hold at once: nothing is begun, and the refusal says how the hold ends."""
    idle(stocked, aws)
    with store_of(stocked) as store:
        number = store.give(ref_of(store), said(Verb.ROTATE, "eve"))
        store.give_hold(Scope.USER, subject=ref_of(store), reason="wait", actor="kim")
    stocked("run")
    with store_of(stocked) as store:
        row = store.order(number)

    assert row is not None
    assert (row.outcome, len(state_of(aws))) == ("refused", 1)
    assert "the user is held; first `rotator release prod/alice`" in row.message


# Holds


WIDTHS = (
    pytest.param(["alice"], id="a user"),
    pytest.param(["--policy", "ci"], id="a policy"),
    pytest.param(["--account", "prod"], id="an account"),
    pytest.param(["--all"], id="everybody"),
)


@pytest.mark.parametrize("whom", WIDTHS)
def test_a_hold_that_a_sweep_met_starts_the_clocks_anew(
    stocked: Program, aws: LocalAws, whom: list[str]
) -> None:
    """Grace is counted from the last moment at which a sweep found the user held."""
    grace(stocked, aws)
    stocked("run")
    before = stocked.json("status")["users"][0]["next_at"]
    stocked("hold", *whom, "--reason", "x", "--until", "+4h")
    unmet = stocked.json("status")["users"][0]["next_at"]
    _let_a_second_begin()
    stocked("run")
    blocked = stocked.json("status")["users"][0]["blocked"]
    stocked("release", *whom)
    stocked("run")
    after = stocked.json("status")["users"][0]

    assert unmet == before
    assert (blocked["kind"], blocked["until"] is not None) == ("hold", True)
    assert after["blocked"] is None
    assert after["next_at"] > before
    assert dict(state_of(aws)) == {OLD: "Active", NEW: "Active"}


def _let_a_second_begin() -> None:
    """Answers tell whole seconds: what is later must be so by one."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.05)


# Questions


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("lever", LEVERS)
def test_a_person_at_a_terminal_is_asked(
    stocked: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch, lever: str
) -> None:
    """Each lever asks on a terminal, and anything but a yes gives no order at all."""
    argv = ready(stocked, aws, lever)
    before = recorded(stocked)
    monkeypatch.setattr("sys.stdin", _Terminal("n\n"))
    answer = stocked(*argv)

    assert (answer.status, answer.out) == (1, "")
    assert "alice" in answer.err.partition("[y/N]")[0]
    assert "Nothing was done." in answer.err
    assert recorded(stocked) == before
    with store_of(stocked) as store:
        assert store.open_orders() == []


# Keys that nobody has seen


class TestAKeyThatNoStoreHasSeen:
    """`explain`, and the levers that take a key, ask AWS whose it is."""

    def test_is_found(self, stocked: Program, aws: LocalAws) -> None:
        """By what IAM says of its last use, with no store to help."""
        aws.plant({"users": [{"name": "alice", "path": "/ci/", "keys": [{"access_key_id": NEW}]}]})
        answer = stocked("explain", NEW)

        assert answer.status == 0
        assert f"{NEW} is a key of prod/alice: Active" in answer.out

    def test_is_found_for_a_lever(self, stocked: Program, aws: LocalAws) -> None:
        """A key that has just leaked is rarely one that rotator has looked at before."""
        keys = [{"access_key_id": NEW, "age": "9d"}]
        aws.plant({"users": [{"name": "alice", "path": "/ci/", "keys": keys}]})
        answer = stocked("rotate", NEW, "--reason", "x")

        assert answer.status == 0
        assert answer.out.startswith("prod/alice: ")

    def test_is_nobodys(self, stocked: Program, aws: LocalAws) -> None:
        """AWS answers AccessDenied for a key that it does not know: what helps is said."""
        answer = stocked("explain", "AKIANOBODY0000000001")

        assert (answer.status, answer.out) == (1, "")
        assert (
            "AKIANOBODY0000000001 is nobody's key: it is not on record, and IAM knows it in no"
            in (answer.sentences)
        )
        assert "Check how it is spelt, or name the user" in answer.sentences

    def test_cannot_be_asked_about(
        self, stocked: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where AWS is away, that is the sentence."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        answer = stocked("explain", NEW)

        assert answer.status == 1
        assert "is not on record, and IAM could not be asked whose it is: account prod" in (
            answer.sentences
        )

    def test_that_is_deleted_is_found_from_the_store(self, stocked: Program, aws: LocalAws) -> None:
        """What the store has seen is told without AWS."""
        whom = CIRCUMSTANCES["a key that was deleted"](stocked, aws)
        assert whom.key == OLD
        answer = stocked("explain", OLD)

        assert f"{OLD} was a key of prod/alice, and was deleted" in answer.out


def test_every_lever_has_its_place_in_these_tables() -> None:
    """A verb that a person can order is pulled here."""
    assert {words[0] for words in LEVERS.values()} == {verb.value for verb in Verb}
