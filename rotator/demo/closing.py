"""The end of the show: what happened to whom and why, and where to look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rotator.demo.scenario import CAST, VICTIM, Actor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotator.demo.consumers import Consumers
    from rotator.demo.show import Demo

__all__ = ["Outcome", "closing_words", "is_finished", "what_happened"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one user; `is_right` holds it to what the scenario says."""

    actor: Actor
    result: str
    why: str
    calls: int
    failures: int
    is_right: bool


def what_happened(
    events: Sequence[dict[str, Any]], truth: dict[str, Any], consumers: Consumers
) -> list[Outcome]:
    """One line for each user, from the daemon's events and from what AWS truly holds."""
    return [_outcome(actor, events, truth, consumers) for actor in CAST]


def is_finished(
    events: Sequence[dict[str, Any]], truth: dict[str, Any], consumers: Consumers
) -> bool:
    """Whether everybody has come to where the scenario leads, and the consumers have seen it."""
    outcomes = what_happened(events, truth, consumers)
    return all(outcome.is_right for outcome in outcomes)


def _outcome(
    actor: Actor,
    events: Sequence[dict[str, Any]],
    truth: dict[str, Any],
    consumers: Consumers,
) -> Outcome:
    mine = [event for event in events if event.get("user") == actor.name]
    closed = [event for event in mine if event["event"] == "rotation.closed"]
    completed = any(event.get("outcome") == "completed" for event in closed)
    delivered = any(event["event"] == "rotation.delivered" for event in mine)
    consumer = consumers.of(actor.name)
    result, why = _result(actor, mine, completed=completed, delivered=delivered)
    right = delivered == actor.rotates and completed == (actor.rotates and actor.retires)
    keys = len(truth.get(actor.name, {"keys": ()})["keys"])
    expected = 2 if actor.stubborn else max(len(actor.keys), 1)
    return Outcome(
        actor,
        result,
        why,
        calls=consumer.calls,
        failures=consumer.failures,
        is_right=right and consumer.failures == 0 and keys == expected,
    )


def _result(
    actor: Actor, mine: Sequence[dict[str, Any]], *, completed: bool, delivered: bool
) -> tuple[str, str]:
    if completed:
        lost = any(event["event"] == "secret.lost" for event in mine)
        failed = sum(1 for event in mine if event["event"] == "sink.failed")
        if lost:
            return "rotated", "the key whose secret died was deleted, and another one made"
        if failed:
            return "rotated", f"the sink failed {failed} time(s), and was tried again"
        return "rotated", "first key delivered" if not actor.keys else "old key deleted"
    if delivered:
        return "new key delivered", "the old key is still in use, so it stays Active"
    stopped = next((event for event in mine if event["event"] == "user.stopped"), None)
    if stopped is not None:
        return "stopped", f"{stopped['reason']}: a person must say which key goes"
    if actor.name == "vendor-box":
        return "left alone", "the policy excludes it"
    return "left alone", "no key is due" if not actor.rotates else "not finished"


def closing_words(demo: Demo, outcomes: Sequence[Outcome], took: float) -> str:
    """The table, what the SIGKILL hit, and where to look."""
    rows = [("USER", "AT FIRST", "RESULT", "WHY", "CALLS", "FAILED")]
    rows += [
        (
            outcome.actor.name,
            outcome.actor.state,
            outcome.result + ("" if outcome.is_right else "  (!)"),
            outcome.why,
            str(outcome.calls),
            str(outcome.failures),
        )
        for outcome in outcomes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    completed = sum(
        1
        for event in demo.events
        if event["event"] == "rotation.closed" and event.get("outcome") == "completed"
    )
    calls = sum(outcome.calls for outcome in outcomes)
    failures = sum(outcome.failures for outcome in outcomes)
    return (
        f"\n{table}\n\n"
        f"{took:.0f} s; {completed} rotations completed; consumers made {calls} calls, {failures}"
        f" of which failed.\n{_what_was_hit(demo)}\n"
        f"Look: policies {demo.config}\n"
        f"      state    {demo.folder / 'state' / 'rotator.db'}\n"
        f"      log      {demo.log}\n"
        f"      sinks    {demo.folder / 'secrets'}, and Secrets Manager of the local AWS"
    )


def _what_was_hit(demo: Demo) -> str:
    lost = sorted({str(e.get("user")) for e in demo.events if e["event"] == "secret.lost"})
    if not demo.killed_after:
        return "The daemon was not killed: the moment for it never came."
    if not lost:
        return f"SIGKILL hit {VICTIM} between create and delivery, and cost nothing."
    return (
        f"SIGKILL hit {', '.join(lost)} between create and delivery: each key whose secret had"
        " died with the process was switched off and deleted, and the rotation begun again."
    )
