"""The simulated world behaves as the table of facts says; each row has its check here.

pytest tests/simulation/test_facts.py -v     # the facts, as sentences
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from rotator.errors import OutcomeUnknown, ReadError, Rejected
from rotator.model import (
    Account,
    Credential,
    KeyStatus,
    NeverUsed,
    Secret,
    Serves,
    UsedAt,
    UserRef,
    UseUnknown,
    WrittenAt,
)
from rotator.sinks import SinkContext
from tests.simulation import recorded
from tests.simulation.aws import ACCOUNT_ID, FakeAccounts, FakeAws, FakeEntered
from tests.simulation.facts import FACTS
from tests.simulation.faults import Effects, Life
from tests.simulation.lateness import Lateness
from tests.simulation.person import QUARANTINE, Person
from tests.simulation.places import WatchedBackend, sink_over
from tests.simulation.report import COLUMNS, CredentialReport
from tests.simulation.world import sink_spec
from tests.sinks.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotator.model import Served, User
    from rotator.sinks import Sink
    from tests.simulation.report import Report

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ACTIVE, INACTIVE = KeyStatus.ACTIVE, KeyStatus.INACTIVE


@dataclass
class Scene:
    """An account with one user, bob, who has one key; and somebody who asks IAM about it."""

    aws: FakeAws
    clock: FakeClock
    bob: User
    key: Credential

    @classmethod
    def set(cls) -> Scene:
        """Everything is told at once, unless a check says otherwise."""
        clock = FakeClock()
        aws = FakeAws(clock, Effects(Life("somebody")), new_key_delay=timedelta(0))
        bob = aws.add_user("bob")
        return cls(aws, clock, bob, aws.add_key(bob, age=DAY))

    @property
    def entered(self) -> FakeEntered:
        return cast("FakeEntered", FakeAccounts.over(self.aws).enter(Account("prod")))

    @property
    def key_id(self) -> str:
        return self.key.access_key_id

    def statuses(self) -> dict[str, KeyStatus]:
        return {key.key_id: key.status for key in self.entered.iam.list_keys("bob")}

    def uses(self, *moments: timedelta) -> list[timedelta]:
        """What is recorded of uses so long after a full hour."""
        start = self.clock.now.replace(minute=0, second=0)
        for moment in moments:
            self.clock.now = start + moment
            self.aws.use(self.key_id)
        return [at - start for at in self.aws.keys[self.key_id].uses]

    def proof(self, credential: Credential, region: str = "eu-north-1") -> str:
        """What STS says of a key: its owner, or the code of its refusal."""
        entered = self.entered
        entered.region = region
        try:
            return entered.prove(credential).user_id
        except ReadError as exc:
            return exc.code

    def report(self) -> Report:
        made = CredentialReport(self.aws)
        made.generate()
        self.clock.advance(made.takes)
        return made.get()

    def place(self, kind: str) -> tuple[WatchedBackend, Sink]:
        """A place of bob's, and the sink over it."""
        backend = WatchedBackend(self.clock, effects=self.aws.effects)
        spec = sink_spec(kind, "p")
        context = SinkContext(
            self.bob, spec, self.clock, cast("Any", None), ACCOUNT_ID, "aws", cast("Any", None)
        )
        return backend, sink_over(backend, context)


CHECKS: dict[str, Callable[[Scene], None]] = {}


def fact(sentence: str) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """The check of one row of the table."""

    def keep(check: Callable[[Scene], None]) -> Callable[[Scene], None]:
        assert sentence not in CHECKS, sentence
        CHECKS[sentence] = check
        return check

    return keep


@pytest.mark.parametrize("says", [fact.says for fact in FACTS])
def test_the_world_behaves_as_is_known_of_aws(says: str) -> None:
    """Each row of the table has a check, which the simulated world passes."""
    CHECKS[says](Scene.set())


def test_every_check_is_of_a_fact_with_its_source() -> None:
    """What is simulated is in the table, once, and says where it is known from."""
    sentences = [fact.says for fact in FACTS]

    assert sorted(CHECKS) == sorted(sentences)
    assert all(fact.source.strip() for fact in FACTS)


def code_of(act: Callable[[], object]) -> str:
    """The error code with which something is refused."""
    with pytest.raises((ClientError, Rejected, ReadError)) as caught:
        act()
    error: Any = caught.value
    return str(error.response["Error"]["Code"] if isinstance(error, ClientError) else error.code)


# Quotas


@fact("a user has at most two access keys, and Inactive ones count")
def _(scene: Scene) -> None:
    scene.aws.switch(scene.key_id, INACTIVE)
    scene.entered.iam.create_key("bob")

    assert code_of(lambda: scene.entered.iam.create_key("bob")) == "LimitExceeded"
    assert len(scene.statuses()) == 2


@fact("a third key is refused with 409 LimitExceeded, and that is a rejection")
def _(scene: Scene) -> None:
    scene.entered.iam.create_key("bob")

    with pytest.raises(Rejected, match="409 LimitExceeded: Cannot exceed quota"):
        scene.entered.iam.create_key("bob")


@fact("two creates at once may leave three keys: the quota is not atomic")
def _(scene: Scene) -> None:
    scene.aws.lateness = Lateness(quota=SECOND)
    scene.entered.iam.create_key("bob")
    scene.entered.iam.create_key("bob")
    scene.clock.advance(2 * SECOND)

    assert len(scene.statuses()) == 3
    assert code_of(lambda: scene.entered.iam.create_key("bob")) == "LimitExceeded"


@fact("a create has no idempotency token: sent twice, it makes two keys")
def _(scene: Scene) -> None:
    scene.aws.switch(scene.key_id, None)
    made = [scene.entered.iam.create_key("bob", rotation_id="one") for _ in range(2)]

    assert len({one.credential.access_key_id for one in made}) == 2


@fact("a user name is unique whatever its case")
def _(scene: Scene) -> None:
    assert code_of(lambda: scene.aws.add_user("Bob")) == "EntityAlreadyExists"


# Listings


@fact("a listing shows a key as it was a while ago, and the next may show it older still")
def _(scene: Scene) -> None:
    scene.aws.lateness = Lateness(Random(1), listings=20 * SECOND)
    scene.aws.switch(scene.key_id, INACTIVE)
    shown = []
    for _ in range(20):
        scene.clock.advance(SECOND)
        shown.append(scene.statuses()[scene.key_id])
    scene.clock.advance(SECOND)

    assert (INACTIVE, ACTIVE) in pairwise(shown)
    assert scene.statuses() == {scene.key_id: INACTIVE}


@fact("of two keys in one listing, one may be shown as it is and the other as it was")
def _(scene: Scene) -> None:
    other = scene.aws.add_key(scene.bob, age=DAY).access_key_id
    scene.aws.lateness = Lateness(Random(1), listings=20 * SECOND)
    for key_id in (scene.key_id, other):
        scene.aws.switch(key_id, INACTIVE)
    scene.clock.advance(10 * SECOND)

    assert any(len(set(scene.statuses().values())) == 2 for _ in range(20))


@fact("keys of a user who is not there are NoSuchEntity 404, and no empty listing")
def _(scene: Scene) -> None:
    with pytest.raises(ReadError, match="404 NoSuchEntity"):
        scene.entered.iam.list_keys("nobody")


@fact("the creation date of a key has whole seconds")
def _(scene: Scene) -> None:
    scene.clock.advance(timedelta(milliseconds=1700))

    assert scene.entered.iam.create_key("bob").created_at.microsecond == 0


# Keys as signers


@fact("STS does not know a new key for some seconds")
def _(scene: Scene) -> None:
    scene.aws.new_key_delay = 8 * SECOND
    made = scene.entered.iam.create_key("bob").credential
    first = scene.proof(made)
    scene.clock.advance(9 * SECOND)

    assert (first, scene.proof(made)) == ("InvalidClientTokenId", scene.bob.user_id)


@fact("a new key that STS knew once may be unknown at the next call")
def _(scene: Scene) -> None:
    scene.aws.lateness = Lateness(Random(1), new_keys=HOUR)
    made = scene.entered.iam.create_key("bob").credential
    shown = [scene.proof(made) for _ in range(12)]
    scene.clock.advance(2 * HOUR)

    back = shown.index(scene.bob.user_id)
    assert "InvalidClientTokenId" in shown[back:]
    assert {scene.proof(made) for _ in range(12)} == {scene.bob.user_id}


@fact("a new key is known in one region before it is known in another")
def _(scene: Scene) -> None:
    scene.aws.lateness = Lateness(regions={"eu-north-1": MINUTE})
    made = scene.entered.iam.create_key("bob").credential

    assert scene.proof(made, "us-east-1") == scene.bob.user_id
    assert scene.proof(made, "eu-north-1") == "InvalidClientTokenId"


@fact("a wrong secret is SignatureDoesNotMatch, and no proof")
def _(scene: Scene) -> None:
    wrong = Credential(scene.key_id, Secret("another"), "bob", ACCOUNT_ID)

    assert scene.proof(wrong) == "SignatureDoesNotMatch"


@fact("a key that is switched off or deleted goes on working for some seconds, and no longer")
def _(scene: Scene) -> None:
    scene.aws.lateness = Lateness(dead_keys=4 * SECOND)
    other = scene.aws.add_key(scene.bob, age=DAY).access_key_id
    scene.aws.switch(scene.key_id, INACTIVE)
    scene.aws.switch(other, None)
    scene.clock.advance(3 * SECOND)
    at_first = [scene.aws.use(key_id) for key_id in (scene.key_id, other)]
    scene.clock.advance(2 * SECOND)

    assert at_first == [True, True]
    assert [scene.aws.use(key_id) for key_id in (scene.key_id, other)] == [False, False]


@fact("a key that is Inactive is refused as one that AWS does not know")
def _(scene: Scene) -> None:
    scene.aws.switch(scene.key_id, INACTIVE)

    assert scene.proof(scene.key) == "InvalidClientTokenId"


# Last use


@fact("a use is shown minutes after it happened")
def _(scene: Scene) -> None:
    scene.aws.use_lag = 7 * MINUTE
    used_at = scene.clock()
    scene.aws.use(scene.key_id)
    at_once = scene.entered.iam.last_use(scene.key_id)
    scene.clock.advance(8 * MINUTE)

    assert at_once == NeverUsed()
    assert scene.entered.iam.last_use(scene.key_id) == UsedAt(used_at, "s3", "eu-north-1")


@fact("of the uses in one span of 15 minutes the first is recorded")
def _(scene: Scene) -> None:
    shown = scene.uses(10 * MINUTE, 16 * MINUTE, 24 * MINUTE, 26 * MINUTE)

    assert shown == [10 * MINUTE, 26 * MINUTE]


@fact("the spans may be quarters of an hour by the clock as well")
def _(scene: Scene) -> None:
    scene.aws.aligned_grain = True

    shown = scene.uses(10 * MINUTE, 16 * MINUTE, 24 * MINUTE, 31 * MINUTE)

    assert shown == [10 * MINUTE, 16 * MINUTE, 31 * MINUTE]


@fact("a key that was never used has no date, and that is an answer")
def _(scene: Scene) -> None:
    assert scene.entered.iam.last_use(scene.key_id) == NeverUsed()


@fact("the last use of a key that there is not is AccessDenied 403, so unknown and not never")
def _(scene: Scene) -> None:
    shown = scene.entered.iam.last_use("AKIAIOSFODNN7EXAMPLE")

    assert isinstance(shown, UseUnknown)
    assert "403 AccessDenied" in shown.why


@fact("the last use of a deleted key is unknown at once")
def _(scene: Scene) -> None:
    scene.aws.use(scene.key_id)
    scene.clock.advance(HOUR)
    scene.aws.switch(scene.key_id, None)

    assert isinstance(scene.entered.iam.last_use(scene.key_id), UseUnknown)


@fact("the last use of an Inactive key is shown")
def _(scene: Scene) -> None:
    scene.aws.use(scene.key_id)
    used_at = scene.clock()
    scene.clock.advance(HOUR)
    scene.aws.switch(scene.key_id, INACTIVE)

    assert scene.entered.iam.last_use(scene.key_id) == UsedAt(used_at, "s3", "eu-north-1")


@fact("a call that was refused is no use")
def _(scene: Scene) -> None:
    scene.aws.switch(scene.key_id, INACTIVE)
    scene.aws.use(scene.key_id)
    scene.clock.advance(HOUR)

    assert scene.entered.iam.last_use(scene.key_id) == NeverUsed()


# Errors


@fact("a request that is one too many is Throttling 400, and was not carried out")
def _(scene: Scene) -> None:
    scene.aws.busy = {"CreateAccessKey": 1, "ListAccessKeys": 1, "GetAccessKeyLastUsed": 1}

    assert isinstance(scene.entered.iam.last_use(scene.key_id), UseUnknown)
    assert code_of(lambda: scene.entered.iam.create_key("bob")) == "Throttling"
    assert code_of(scene.statuses) == "Throttling"
    assert list(scene.statuses()) == [scene.key_id]


@fact("a server error says nothing of what was done")
def _(scene: Scene) -> None:
    scene.aws.failing = dict.fromkeys(
        ("UpdateAccessKey", "ListAccessKeys"), recorded.SERVICE_FAILURE
    )

    with pytest.raises(OutcomeUnknown):
        scene.entered.iam.set_status("bob", scene.key_id, INACTIVE)
    with pytest.raises(ReadError):
        scene.statuses()


@fact("deleting a key that is gone is NoSuchEntity 404")
def _(scene: Scene) -> None:
    scene.entered.iam.delete_key("bob", scene.key_id)

    with pytest.raises(Rejected, match="404 NoSuchEntity"):
        scene.entered.iam.delete_key("bob", scene.key_id)


# Users


@fact("the keys of a renamed user follow it, and its UserId stays")
def _(scene: Scene) -> None:
    scene.aws.rename(scene.bob, "robert")

    (listed,) = scene.entered.iam.list_keys("robert")
    now = scene.entered.iam.get_user("robert")
    assert (listed.key_id, now and now.user_id) == (scene.key_id, scene.bob.user_id)
    assert scene.entered.iam.get_user("bob") is None


@fact("a user of a name that was used before has another UserId")
def _(scene: Scene) -> None:
    again = Person(scene.aws, Random(1)).makes_again(scene.bob)

    assert again.name == scene.bob.name
    assert again.ref != UserRef(ACCOUNT_ID, scene.bob.user_id)
    assert scene.statuses() == {}


@fact("a user with keys cannot be deleted: DeleteConflict 409")
def _(scene: Scene) -> None:
    assert code_of(lambda: scene.aws.delete_empty_user(scene.bob)) == "DeleteConflict"

    scene.aws.delete_user(scene.bob)

    assert scene.entered.iam.users(groups=False, tags=False) == ()


@fact("what is told of a user may be stale: the name, the tags, and whether there is one")
def _(scene: Scene) -> None:
    scene.aws.lateness = Lateness(Random(1), users=20 * SECOND)
    scene.clock.advance(HOUR)
    scene.aws.rename(scene.bob, "robert")
    scene.clock.advance(10 * SECOND)
    shown = {scene.entered.iam.users(groups=False, tags=False)[0].name for _ in range(20)}
    scene.clock.advance(11 * SECOND)

    assert shown == {"bob", "robert"}
    assert scene.entered.iam.get_user("bob") is None


@fact("AWS quarantines by attaching to the user a policy whose name begins alike each time")
def _(scene: Scene) -> None:
    Person(scene.aws, Random(1)).quarantines(scene.bob)

    (shown,) = scene.entered.iam.users(groups=False, tags=False)
    assert shown.attached_policies == frozenset({QUARANTINE})
    assert QUARANTINE.startswith("AWSCompromisedKeyQuarantine")


@fact("GetUser tells neither groups nor attached policies")
def _(scene: Scene) -> None:
    Person(scene.aws, Random(1)).quarantines(scene.bob)

    shown = scene.entered.iam.get_user("bob")
    assert shown is not None
    assert (shown.groups, shown.attached_policies) == (None, None)


# The credential report


@fact("a report that was never asked for is ReportNotPresent 410")
def _(scene: Scene) -> None:
    assert code_of(CredentialReport(scene.aws).get) == "ReportNotPresent"


@fact("a report is started, in progress and then complete, and until then ReportInProgress 404")
def _(scene: Scene) -> None:
    made = CredentialReport(scene.aws)
    states = [made.generate(), made.generate()]
    refused = code_of(made.get)
    scene.clock.advance(made.takes)
    states.append(made.generate())

    assert states == ["STARTED", "INPROGRESS", "COMPLETE"]
    assert refused == "ReportInProgress"
    assert made.get().rows()[1]["user"] == "bob"


@fact("a report that has expired is ReportExpired 410 until another is made")
def _(scene: Scene) -> None:
    made = CredentialReport(scene.aws)
    made.generate()
    scene.clock.advance(made.takes)
    made.get()
    made.expired = True
    refused = code_of(made.get)
    scene.clock.advance(4 * HOUR)
    made.generate()
    scene.clock.advance(made.takes)

    assert refused == "ReportExpired"
    assert made.get().rows()


@fact("a report shows what was so when it was made, for up to four hours")
def _(scene: Scene) -> None:
    made = CredentialReport(scene.aws)
    made.generate()
    scene.clock.advance(made.takes)
    made.get()
    scene.aws.switch(scene.key_id, INACTIVE)
    shown = []
    for _ in range(2):
        shown.append(made.get().rows()[1]["access_key_1_active"])
        scene.clock.advance(4 * HOUR)
        made.generate()
        scene.clock.advance(made.takes)

    assert shown == ["true", "false"]


@fact("a report has 22 columns and no key id")
def _(scene: Scene) -> None:
    report = scene.report()

    assert len(COLUMNS) == 22
    assert tuple(report.rows()[0]) == COLUMNS
    assert "AKIA" not in report.content


@fact("the slots of a report are not in the order in which the keys were made")
def _(scene: Scene) -> None:
    ages = set()
    scene.aws.add_key(scene.bob, age=HOUR)
    for seed in "abcdefgh":
        made = CredentialReport(scene.aws, order=seed)
        made.generate()
        scene.clock.advance(made.takes)
        row = made.get().rows()[1]
        ages.add(row["access_key_1_last_rotated"] < row["access_key_2_last_rotated"])

    assert ages == {True, False}


@fact("a report says when an Inactive key was made, and true and false in lower case")
def _(scene: Scene) -> None:
    scene.aws.switch(scene.key_id, INACTIVE)
    created_at = scene.aws.keys[scene.key_id].created_at

    row = scene.report().rows()[1]

    assert row["access_key_1_active"] == "false"
    assert row["access_key_1_last_rotated"] == created_at.isoformat()


@fact("the first row of a report is the root user's")
def _(scene: Scene) -> None:
    root = scene.report().rows()[0]

    assert (root["user"], root["password_enabled"]) == ("<root_account>", "not_supported")


# Places


def put(scene: Scene, sink: Sink, replacing: Served) -> None:
    sink.put(scene.key, replacing=replacing, deadline=scene.clock() + MINUTE)


@fact("the first version of a secret is its current one, though it was only to be pending")
def _(scene: Scene) -> None:
    backend, sink = scene.place("torn")

    put(scene, sink, sink.current())

    assert sink.current() == Serves(scene.key_id)
    assert backend.effects.names == ["stage p"]


@fact("a value that is staged is read by nobody until the label is moved to it")
def _(scene: Scene) -> None:
    backend, sink = scene.place("torn")
    other = scene.aws.add_key(scene.bob)
    backend.write("p", other)
    seen: list[object] = []
    backend.between = lambda _: seen.append(sink.current())

    put(scene, sink, Serves(other.access_key_id))

    assert seen == [Serves(other.access_key_id)]
    assert sink.current() == Serves(scene.key_id)
    assert backend.effects.names == ["stage p", "put p"]


@fact("a put that its sender has given up may be written later")
def _(scene: Scene) -> None:
    backend, sink = scene.place("memory")
    backend.slow["p"] = 3 * MINUTE

    with pytest.raises(OutcomeUnknown):
        put(scene, sink, sink.current())
    scene.clock.advance(MINUTE)
    backend.land_late()
    at_first = backend.served("p")
    scene.clock.advance(2 * MINUTE)
    backend.land_late()

    assert (at_first, backend.served("p")) == (None, scene.key_id)


@fact("a field that somebody else wrote into a shared value meanwhile is kept")
def _(scene: Scene) -> None:
    backend, sink = scene.place("shared")
    backend.between = lambda address: backend.share(address, note="somebody's")

    assert code_of(lambda: put(scene, sink, sink.current())) == ""
    backend.between = lambda _: None
    put(scene, sink, sink.current())

    assert backend.served("p") == scene.key_id
    assert backend.others["p"] == {"note": "somebody's"}


@fact("a write-only place tells at most when it was written")
def _(scene: Scene) -> None:
    _, sink = scene.place("writeonly")
    put(scene, sink, sink.current())

    assert sink.current() == WrittenAt(scene.clock())
    assert sink.fetch() is None


# Clocks


@fact("the Date of AWS's answers tells how far our clock is from AWS's")
def _(scene: Scene) -> None:
    scene.aws.effects.life.clock_ahead = 2 * MINUTE
    ours = scene.entered.skew()
    scene.aws.skew = 3 * MINUTE

    assert ours == -2 * MINUTE
    assert scene.entered.skew() == MINUTE
