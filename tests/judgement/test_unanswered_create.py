"""A create without an answer: no effect, provably ours, or a person's for all we know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.judgement.delivering import unanswered_create
from rotator.model import (
    Close,
    Kind,
    Name,
    Outcome,
    Place,
    Reason,
    Serves,
    Step,
    Stop,
    Title,
    Unreadable,
    Wait,
    WrittenAt,
)
from tests.judgement.worlds import (
    DAY,
    GRAIN,
    HOUR,
    LAG,
    MINUTE,
    NEW,
    NOW,
    OTHER,
    SECOND,
    SETTLE,
    UNKNOWN,
    a_key,
    a_place,
    a_rotation,
    ago,
    an_intent,
    an_undelivered,
    bare,
    candidate,
    delivering,
    idle,
    issuing,
    unwritten,
    used,
)

if TYPE_CHECKING:
    from rotator.model import Action, Case


KEY = a_key(age=60 * DAY)
NO_EFFECT = Close(Reason.NO_EFFECT, "", outcome=Outcome.NO_EFFECT)
ORPHAN = Name(Reason.ORPHAN, "", key_id=NEW, title=Title.ORPHAN)
FOREIGN = Stop(Reason.FOREIGN_KEY, "")
SOON = NOW + SETTLE
BEGUN = 2 * HOUR
"""How long ago the create of `issuing` was begun."""

KNOWN_AFTER = LAG + GRAIN


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(idle(), None, id="nothing is open"),
        pytest.param(delivering(), None, id="it was answered"),
        pytest.param(an_undelivered(), None, id="a leaving issues nothing"),
        pytest.param(issuing(), NO_EFFECT, id="no new key is listed"),
        pytest.param(
            issuing(keys=(KEY, candidate(missing_since=ago(MINUTE)))),
            NO_EFFECT,
            id="what appeared is gone again",
        ),
        pytest.param(
            issuing(keys=(KEY, a_key(NEW, 3 * HOUR, first_seen=BEGUN))),
            NO_EFFECT,
            id="what was listed at the beginning is not new",
        ),
        pytest.param(issuing(keys=(KEY, candidate())), ORPHAN, id="one, provably ours"),
        pytest.param(
            issuing(
                keys=(candidate(),), rotation=a_rotation(BEGUN, kind=Kind.FIRST, predecessor=None)
            ),
            ORPHAN,
            id="and so of a first key",
        ),
        pytest.param(
            issuing(keys=(candidate(), a_key(OTHER, HOUR, first_seen=HOUR))),
            FOREIGN,
            id="two new keys: neither is provably ours",
        ),
        pytest.param(
            issuing(keys=(KEY, candidate(created_at=ago(BEGUN + MINUTE)))),
            ORPHAN,
            id="created a minute before, by AWS's clock",
        ),
        pytest.param(
            issuing(keys=(KEY, candidate(created_at=ago(BEGUN + MINUTE + SECOND)))),
            FOREIGN,
            id="created a second before that",
        ),
        pytest.param(
            issuing(keys=(KEY, candidate(created_at=ago(BEGUN) + MINUTE + SETTLE))),
            ORPHAN,
            id="created at the very end of our create's life",
        ),
        pytest.param(
            issuing(keys=(KEY, candidate(created_at=ago(BEGUN) + MINUTE + SETTLE + SECOND))),
            FOREIGN,
            id="created a second after that",
        ),
        pytest.param(
            issuing(
                keys=(KEY, candidate(created_at=ago(BEGUN) + 2 * MINUTE + SETTLE)),
                intents=(
                    an_intent(Step.ISSUE, BEGUN, timeout_at=ago(BEGUN) + 2 * MINUTE),
                    an_intent(Step.DELIVER, BEGUN, timeout_at=ago(HOUR)),
                ),
            ),
            ORPHAN,
            id="the request's own time-out counts, where it is on record",
        ),
        pytest.param(
            issuing(keys=(KEY, candidate(last_use=used(HOUR)))),
            FOREIGN,
            id="used: somebody holds it",
        ),
        pytest.param(
            issuing(keys=(KEY, candidate(last_use=UNKNOWN))),
            Wait(Reason.LAST_USE_UNKNOWN, "", SOON),
            id="whether it was used is not known",
        ),
        pytest.param(
            issuing(
                rotation=a_rotation(KNOWN_AFTER),
                intents=(an_intent(Step.ISSUE, KNOWN_AFTER),),
                keys=(KEY, candidate(created_at=ago(KNOWN_AFTER), first_seen_at=ago(MINUTE))),
            ),
            ORPHAN,
            id="never used, as read when a use would have shown",
        ),
        pytest.param(
            issuing(
                rotation=a_rotation(KNOWN_AFTER),
                intents=(an_intent(Step.ISSUE, KNOWN_AFTER),),
                keys=(
                    KEY,
                    candidate(created_at=ago(KNOWN_AFTER - SECOND), first_seen_at=ago(MINUTE)),
                ),
            ),
            Wait(Reason.SETTLING, "", NOW + SECOND),
            id="never used, as read a second before that",
        ),
        pytest.param(
            issuing(keys=(KEY, candidate()), intents=()),
            NO_EFFECT,
            id="the create was rejected: a key that appeared meanwhile is a person's",
        ),
        pytest.param(
            issuing(keys=(KEY, candidate()), places=(a_place(reading=Serves(NEW)),)),
            FOREIGN,
            id="a place serves it: somebody put it there",
        ),
        pytest.param(
            issuing(keys=(KEY, candidate()), places=(a_place(reading=Unreadable("reset")),)),
            ORPHAN,
            id="a place that cannot be read never got what was never put",
        ),
        pytest.param(
            issuing(keys=(KEY, candidate()), places=(unwritten(reading=WrittenAt(ago(HOUR))),)),
            Wait(Reason.SINK, "", SOON),
            id="a write-only place was written since: it may serve it",
        ),
        pytest.param(
            issuing(
                keys=(KEY, candidate()), places=(a_place(reading=Serves(NEW), owner="AIDAOTHER"),)
            ),
            ORPHAN,
            id="another user's place is none of ours",
        ),
    ],
)
def test_a_create_without_an_answer(world: Case, expected: Action | None) -> None:
    """Row 2: no new key: no effect; one that is provably ours: orphan; else a person's."""
    assert expected == bare(unanswered_create(world))


A, B, W = Place("file", "a"), Place("file", "b"), Place("file", "w")


UNDELIVERED = Name(Reason.UNDELIVERED, "", key_id=NEW, title=Title.UNDELIVERED)
