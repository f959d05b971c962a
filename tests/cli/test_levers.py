"""Orders: rotate, rollback, close, hold and release, as a person gives them."""

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
from rotator.model import UserRef
from rotator.store import open_store

if TYPE_CHECKING:
    from rotator.demo.aws import LocalAws
    from tests.cli.conftest import Program

OLD_KEY = "AKIAOLD0000000000001"
ACCOUNT = "123456789012"


def plant(aws: LocalAws, name: str = "alice", *keys: dict[str, Any], path: str = "/ci/") -> None:
    aws.plant({"users": [{"name": name, "path": path, "keys": list(keys)}]})


@pytest.fixture
def young(stocked: Program, aws: LocalAws) -> Program:
    """Alice has one key that is not due; nobody has looked at her yet."""
    stocked.configure(defaults="{grace_period: 2h}")
    plant(aws, "alice", {"age": "10d", "access_key_id": OLD_KEY})
    return stocked


@pytest.fixture
def quick(stocked: Program, aws: LocalAws) -> Program:
    """Alice's old key is due, and all periods but the recovery are short."""
    stocked.configure(defaults="{grace_period: 300ms, quiet_period: 300ms, recovery_period: 2h}")
    plant(aws, "alice", {"age": "100d", "access_key_id": OLD_KEY})
    return stocked


def orders(program: Program) -> list[tuple[str, str]]:
    lines = program("--json", "history", "--action", "order").out.splitlines()
    return [(row["actor"], row["detail"]) for row in map(json.loads, lines)]


class TestRotate:
    """`rotate`: begin now."""

    def test_on_the_first_day(self, young: Program, aws: LocalAws) -> None:
        """Of a user whom nobody has looked at the key is replaced at once, and it is recorded."""
        answer = young("rotate", "alice", "--reason", "a leak", "--as", "ops")

        assert answer.status == 0
        assert answer.out.startswith("prod/alice: ")
        assert young.served("alice") != OLD_KEY
        assert len(aws.truth()["alice"]["keys"]) == 2
        assert [actor for actor, _ in orders(young)] == ["ops"]
        assert young.json("status")["users"][0]["phase"] == "grace"

    def test_by_key_as_a_document(self, young: Program, aws: LocalAws) -> None:
        """A key names its user; scripts get the order and its outcome."""
        young("run")
        document = young.json("rotate", "0001")

        assert list(document) == [
            *("schema_version", "generated_at", "account", "user", "user_id", "order_id"),
            *("outcome", "message"),
        ]
        assert (document["user"], document["outcome"]) == ("alice", "done")

    def test_what_was_known_of_a_user_stays(self, young: Program) -> None:
        """An order on a user who is on record leaves the record of it alone."""
        young("run")
        before = young.json("status")["users"][0]
        young("hold", "alice", "--reason", "x")
        young("release", "alice")
        after = young.json("status")["users"][0]

        assert after == before

    REFUSALS = (
        pytest.param([{"age": "9d"}, {"age": "8d"}], [], "both slots are taken", id="no slot"),
        pytest.param([{"age": "9d"}], ["rotate"], "a rotation is open since", id="one is open"),
        pytest.param([{"age": "9d"}], ["hold"], "the user is held", id="held"),
    )

    @pytest.mark.parametrize(("keys", "before", "sentence"), REFUSALS)
    def test_refusals_say_what_to_do(
        self,
        stocked: Program,
        aws: LocalAws,
        keys: list[dict[str, Any]],
        before: list[str],
        sentence: str,
    ) -> None:
        """What cannot be done is refused with 1 and a sentence, and is on record."""
        plant(aws, "bob", *keys)
        for command in before:
            assert stocked(command, "bob", "--reason", "x").status == 0
        made = len(aws.calls(action="CreateAccessKey"))
        answer = stocked("rotate", "bob", "--reason", "x")

        assert (answer.status, answer.out) == (1, "")
        assert answer.sentences.startswith("rotator: prod/bob: refused: ")
        assert sentence in answer.sentences
        assert len(aws.calls(action="CreateAccessKey")) == made

    def test_observed_user_needs_enforce(self, stocked: Program, aws: LocalAws) -> None:
        """A policy that only observes begins nothing, unless a person says `--enforce`."""
        stocked.configure(
            (stocked.config.read_text().partition("policies:\n")[2]).replace(
                "mode: enforce", "mode: observe"
            )
        )
        plant(aws, "alice", {"age": "9d"})
        refused = stocked("rotate", "alice")
        obeyed = stocked("rotate", "alice", "--enforce")

        assert (refused.status, obeyed.status) == (1, 0)
        assert "say `--enforce` to act" in refused.sentences

    @pytest.mark.parametrize(
        ("subject", "sentence"),
        [
            ("alcie", "there is no user 'alcie'; did you mean 'alice'?"),
            ("test/alice", "there is no user 'test/alice'; did you mean 'prod/alice'?"),
            ("AKIANOBODY0000000001", "is nobody's key"),
        ],
    )
    def test_nobody_is_meant(self, young: Program, subject: str, sentence: str) -> None:
        """An order on nobody is not given."""
        answer = young("rotate", subject)

        assert answer.status == 1
        assert sentence in answer.sentences
        assert orders(young) == []

    def test_an_order_that_cannot_be_obeyed_yet_stays(
        self, young: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where AWS is away the order stays on record, is said to, and the next run obeys it."""
        young("run")
        with monkeypatch.context() as away:
            away.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            away.setenv("AWS_MAX_ATTEMPTS", "1")
            answer = young("rotate", "alice")
        young("run")

        assert (answer.status, answer.out) == (1, "")
        assert "stays on record, not done yet: it waits for a daemon" in answer.sentences
        assert "from here, account prod: " in answer.sentences
        assert len(aws.truth()["alice"]["keys"]) == 2

    def test_account_that_is_not_configured(self, young: Program) -> None:
        """Of an account that this configuration lacks, the order waits for whoever has it."""
        young("run")
        young.config.write_text(young.config.read_text().replace("prod: {}", "test: {}"))
        answer = young("rotate", "alice")

        assert answer.status == 1
        assert "this configuration has no account 'prod'" in answer.sentences

    def test_a_failing_sink_is_waited_for(self, young: Program, aws: LocalAws) -> None:
        """A key that does not reach its place before the process ends is said to be lost."""
        blocked = young.folder / "out"
        blocked.write_text("a file where the policy names a folder")
        answer = young("rotate", "alice")

        assert answer.status == 1
        assert "stays on record" in answer.sentences
        assert len(aws.truth()["alice"]["keys"]) == 1


class TestWhoObeys:
    """A live replica has ten seconds; then, or where none lives, the command obeys itself."""

    def test_a_live_replica_takes_it(
        self, young: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The command waits and prints what the other did."""
        young("run")
        alive(young)
        runs: list[int] = []

        def another() -> None:
            with open_store(f"sqlite:///{young.state}", clock=clock) as store:
                wait_for(store.open_orders)
                (row,) = store.open_orders()
                store.withdraw(row.order.order_id, "taken back by another")
                runs.append(row.order.order_id)

        thread = threading.Thread(target=another)
        thread.start()
        answer = young("rotate", "alice")
        thread.join()

        assert runs
        assert answer.status == 1
        assert "prod/alice: withdrawn: taken back by another" in answer.sentences
        assert len(aws.truth()["alice"]["keys"]) == 1

    def test_a_silent_replica_is_not_waited_for_long(
        self, young: Program, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After its time is over the command obeys itself."""
        monkeypatch.setattr(levers, "PATIENCE", timedelta(milliseconds=300))
        young("run")
        alive(young)
        begun_at = time.monotonic()
        answer = young("rotate", "alice")

        assert answer.status == 0
        assert time.monotonic() - begun_at >= 0.3

    def test_a_lease_of_another_is_respected(
        self, young: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever has the user's lease is to obey; the order stays on record."""
        monkeypatch.setattr(levers, "PATIENCE", timedelta(milliseconds=300))
        young("run")
        ref = UserRef(ACCOUNT, young.json("status")["users"][0]["user_id"])
        with open_store(f"sqlite:///{young.state}", clock=clock) as store:
            assert store.acquire(ref, holder="another", length=timedelta(minutes=1)) is not None
            answer = young("rotate", "alice")

        assert answer.status == 1
        assert "another process looks after this user now, and obeys it" in answer.sentences
        assert len(aws.truth()["alice"]["keys"]) == 1


def alive(program: Program) -> None:
    """Let a replica be announced that does nothing."""
    digest = program.json("validate")["config_digest"]
    with open_store(f"sqlite:///{program.state}", clock=clock) as store:
        store.seen_replica("another", version="1", config_digest=digest, at=clock())


def wait_for(ask: Any) -> None:  # noqa: ANN401 - any question
    end = time.monotonic() + 10
    while not ask() and time.monotonic() < end:
        time.sleep(0.02)


class TestRollback:
    """`rollback`: the old key again, and no further."""

    def test_in_grace_it_holds(self, quick: Program, aws: LocalAws) -> None:
        """While the old key is Active nothing needs reviving: the user is held."""
        quick("run")
        answer = quick("rollback", "alice", "--reason", "too soon")
        quick("run")

        assert answer.status == 0
        assert quick("status").status == 1
        assert [key["status"] for key in aws.truth()["alice"]["keys"]] == ["Active", "Active"]

    def test_in_recovery_it_revives(self, quick: Program, aws: LocalAws) -> None:
        """A key that was switched off is Active again, by whoever asked for it."""
        quick("run", "--until-idle")
        switched_off = [key["status"] for key in aws.truth()["alice"]["keys"]]
        answer = quick("rollback", "alice", "--reason", "panels are dark", "--as", "ops")

        assert "Inactive" in switched_off
        assert answer.status == 0
        assert f"{OLD_KEY} is revived" in answer.out
        assert [key["status"] for key in aws.truth()["alice"]["keys"]] == ["Active", "Active"]
        assert quick.json("status")["users"][0]["blocked"]["by"] == "ops"

    def test_after_deletion_it_says_that_it_is_too_late(
        self, stocked: Program, aws: LocalAws
    ) -> None:
        """A deleted key cannot be revived; what helps instead is said."""
        plant(aws, "alice", {"age": "100d", "access_key_id": OLD_KEY})
        stocked("run", "--until-idle")
        answer = stocked("rollback", "alice", "--reason", "too late")

        assert len(aws.truth()["alice"]["keys"]) == 1
        assert answer.status == 1
        assert f"{OLD_KEY} was deleted" in answer.sentences
        assert "`rotator rotate prod/alice` makes a new one" in answer.sentences

    def test_of_nothing(self, young: Program) -> None:
        """Without a rotation there is nothing to roll back."""
        answer = young("rollback", "alice", "--reason", "x")

        assert answer.status == 1
        assert "no rotation is open in which a key leaves" in answer.sentences


class TestClose:
    """`close`: the end of a rotation, and the keys as they are."""

    def test_keys_stay(self, quick: Program, aws: LocalAws) -> None:
        """Both keys stay as they are, and the user is idle."""
        quick("run")
        answer = quick("close", "alice", "--reason", "by hand from here")

        assert answer.status == 0
        assert len(aws.truth()["alice"]["keys"]) == 2
        assert "close" in quick("history").out

    def test_of_nothing(self, young: Program) -> None:
        """Without a rotation, and with every place named, there is nothing to close."""
        answer = young("close", "alice", "--reason", "x")

        assert answer.status == 1
        assert "no rotation is open, and every place is named" in answer.sentences


class TestHolds:
    """`hold` and `release`, of a user and of more."""

    WHOM = (
        pytest.param(["alice"], "prod/alice", id="a user"),
        pytest.param(["--policy", "ci"], "policy ci", id="a policy"),
        pytest.param(["--account", "prod"], "account prod", id="an account"),
        pytest.param(["--all"], "everybody", id="everybody"),
    )

    @pytest.mark.parametrize(("whom", "called"), WHOM)
    def test_held_and_released(
        self, quick: Program, aws: LocalAws, whom: list[str], called: str
    ) -> None:
        """Who is held is not begun with; who is released is, at the next sweep."""
        held = quick("hold", *whom, "--reason", "audit")
        during = quick("run")
        keys = len(aws.truth()["alice"]["keys"])
        released = quick("release", *whom)
        after = quick("run")

        assert held.out == (
            f"{called} is held until somebody releases it: nothing is begun, switched off or"
            " deleted\n"
        )
        assert (during.status, keys) == (1, 1)
        assert released.out == f"{called} is released\n"
        assert (after.status, len(aws.truth()["alice"]["keys"])) == (0, 2)

    @pytest.mark.parametrize(("whom", "called"), WHOM)
    def test_release_of_what_is_not_held(
        self, quick: Program, whom: list[str], called: str
    ) -> None:
        """There is nothing to release: 1, and a sentence."""
        answer = quick("release", *whom)

        assert answer.status == 1
        assert answer.err == f"rotator: {called} is not held: there is nothing to release\n"

    def test_a_wider_hold_is_named(self, quick: Program) -> None:
        """Whoever is held by a wider order is told which, whatever is released."""
        quick("run")
        quick("hold", "--policy", "ci", "--reason", "audit")
        refused = quick("release", "alice")
        quick("hold", "alice", "--reason", "more")
        released = quick("release", "alice")

        hint = "a wider hold stands (policy): `rotator release --policy ci` ends it"
        assert refused.err == f"rotator: prod/alice itself is not held, but {hint}\n"
        assert released.out == f"prod/alice is released; but {hint}\n"

    @pytest.mark.slow
    def test_a_hold_ends_by_itself(self, quick: Program, aws: LocalAws) -> None:
        """`--until` is when nobody needs to release it any more."""
        answer = quick("--json", "hold", "alice", "--reason", "x", "--until", "+4s")
        quick("run")
        keys = len(aws.truth()["alice"]["keys"])
        time.sleep(4)
        quick("run")

        assert answer.document["scope"] == "user"
        assert (keys, len(aws.truth()["alice"]["keys"])) == (1, 2)

    @pytest.mark.parametrize(
        ("whom", "sentence"),
        [
            (["--policy", "cii"], "there is no policy 'cii'; did you mean 'ci'?"),
            (["--policy", "xyz"], "there is no policy 'xyz'; there are: ci"),
            (["--account", "prd"], "there is no account 'prd'; did you mean 'prod'?"),
            (["--account", "x"], "there is no account 'x'; there are: prod"),
        ],
    )
    def test_what_is_held_is_known(self, quick: Program, whom: list[str], sentence: str) -> None:
        """A hold on a misspelt name would hold nobody: it is a wrong call."""
        answer = quick("hold", *whom, "--reason", "x")

        assert (answer.status, answer.err) == (2, f"rotator: {sentence}\n")

    def test_an_account_stays_held_under_another_name(self, young: Program) -> None:
        """A name is for people: the hold is on the account, whatever the configuration calls it."""
        young("run")
        young("hold", "--account", "prod", "--reason", "audit")
        young.config.write_text(young.config.read_text().replace("prod: {}", "live: {}"))
        young("run")
        refused = young("rotate", "alice")
        released = young("release", "--account", "live")

        assert "the user is held; first `rotator release --account live`" in refused.err
        assert released.status == 0
        assert young("rotate", "alice").status == 0

    def test_an_older_hold_goes_on_when_a_newer_one_ends(self, young: Program) -> None:
        """Whoever holds a user for a while is told that somebody else does so for longer."""
        young("hold", "alice", "--reason", "audit", "--as", "eve")
        answer = young("hold", "alice", "--reason", "exam", "--until", "+4h")

        assert "; an older hold of eve stands until somebody releases it" in answer.out

    def test_to_contain_is_for_a_key_that_leaked(self, young: Program) -> None:
        """Half a word about a leaked key is a wrong call."""
        answer = young("rotate", "alice", "--contain-first")

        assert answer.status == 2
        assert "say `--compromised` too" in answer.err

    def test_a_policy_that_is_gone_can_be_released(self, quick: Program) -> None:
        """The hold on a policy outlives its name in the configuration."""
        quick("hold", "--policy", "ci", "--reason", "x")
        quick.config.write_text(quick.config.read_text().replace("name: ci", "name: new"))

        assert quick("release", "--policy", "ci").status == 0


class _Terminal(io.StringIO):
    """A person at a terminal, who types what the text says."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "argv", "status"),
    [
        pytest.param("y\n", [], 0, id="yes"),
        pytest.param("YES\n", [], 0, id="yes in capitals"),
        pytest.param("n\n", [], 1, id="no"),
        pytest.param("\n", [], 1, id="nothing"),
        pytest.param("", [], 1, id="the end of input"),
        pytest.param("n\n", ["--yes"], 0, id="not asked with --yes"),
    ],
)
@pytest.mark.parametrize("command", ["rotate", "hold"])
def test_a_person_is_asked(
    young: Program,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    typed: str,
    argv: list[str],
    status: int,
) -> None:
    """On a terminal one is asked, and only a yes is one."""
    monkeypatch.setattr("sys.stdin", _Terminal(typed))
    answer = young(command, "alice", "--reason", "x", *argv)

    assert answer.status == status
    assert ("[y/N]" in answer.err) is not bool(argv)
    assert ("Nothing was done." in answer.err) is (status == 1)
    assert len(orders(young)) == (0 if status else 1)


def test_a_person_who_is_told_that_the_key_leaked_may_still_want_it_back(
    young: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal `--yes` must be said; at one the question says what the key is."""
    young("rotate", OLD_KEY, "--compromised", "--reason", "on GitHub")
    unsaid = young("rollback", "alice", "--reason", "false alarm")
    monkeypatch.setattr("sys.stdin", _Terminal("y\n"))
    said = young("rollback", "alice", "--reason", "false alarm")

    assert (unsaid.status, "say `--yes`" in unsaid.err) == (1, True)
    assert "is in the wrong hands, it was said. Revive it all the same" in said.err
    assert said.status == 0


def test_who_gives_an_order(young: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record names `--as`, else ROTATOR_ACTOR, else login@host."""
    monkeypatch.setenv("LOGNAME", "carol")
    young("hold", "--all", "--reason", "one")
    monkeypatch.setenv("ROTATOR_ACTOR", "bot")
    young("hold", "--all", "--reason", "two")
    young("hold", "--all", "--reason", "three", "--as", "ops")

    first, *others = [actor for actor, _ in orders(young)]

    assert first.startswith("carol@")
    assert others == ["bot", "ops"]


def test_a_user_without_a_name_gives_orders_too(
    young: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container nobody may have a name."""

    def nameless() -> str:
        raise OSError("no such user")

    monkeypatch.setattr("getpass.getuser", nameless)
    young("hold", "--all", "--reason", "one")

    assert orders(young)[0][0].startswith("unknown@")
