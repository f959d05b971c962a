"""`run`: a sweep by hand, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rotator.cli.clocks import clock
from rotator.cli.interrupts import interrupts
from rotator.model import UserRef
from rotator.store import open_store

if TYPE_CHECKING:
    from rotator.demo.aws import LocalAws
    from tests.cli.conftest import Program

ACCOUNT = "123456789012"

SECRET = """\
  - name: ci
    mode: enforce
    users: {include: [{path: /ci/}]}
    rotate_after: 50d
    sinks: [{type: secretsmanager, name: "ci/{user}"}]
"""


def plant(aws: LocalAws, name: str = "alice", *keys: dict[str, Any], path: str = "/ci/") -> None:
    aws.plant({"users": [{"name": name, "path": path, "keys": list(keys)}]})


def test_one_document_for_scripts(stocked: Program, aws: LocalAws) -> None:
    """Each user with what was done, what is next, and why."""
    stocked.configure(defaults="{grace_period: 2h}")
    plant(aws, "alice", {"age": "100d"})
    answer = stocked("run", "--json")
    (alice,) = answer.document["users"]

    assert answer.status == 0
    assert list(alice) == [
        *("account", "user", "user_id", "policy", "phase", "done", "next", "blocked"),
        *("failed", "left_to_another"),
    ]
    assert [step["action"] for step in alice["done"]] == ["issue", "deliver", "record"]
    assert (alice["phase"], alice["next"]["reason"]) == ("grace", "grace")
    assert {row["actor"] for row in history(stocked)} == {"run"}


def history(program: Program) -> list[dict[str, Any]]:
    return [json.loads(line) for line in program("--json", "history").out.splitlines()]


def test_plain_text(stocked: Program, aws: LocalAws) -> None:
    """One line for each user who was looked at, and a number for those who are idle."""
    aws.reset()
    stocked.configure(defaults="{grace_period: 2h}")
    plant(aws, "alice", {"age": "100d"})
    plant(aws, "bob", {"age": "3d"})
    lines = stocked("run").out.splitlines()

    assert lines[0].split() == ["USER", "DONE", "PHASE", "NEXT", "WHY"]
    assert lines[1].startswith("prod/alice  issue, deliver  grace  grace  both keys work: ")
    assert lines[2:] == ["1 users are idle, and nobody had to look at them."]


def test_nobody(stocked: Program) -> None:
    """Where no policy selects anybody, that is said."""
    assert stocked("run").out == "No policy selects anybody: nothing was done.\n"


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param("stopped", id="somebody is stopped"),
        pytest.param("held", id="somebody is held, though nothing is begun"),
        pytest.param("failed", id="a step of somebody failed"),
    ],
)
def test_status_is_1_where_a_person_is_needed(
    stocked: Program, aws: LocalAws, trouble: str
) -> None:
    """Something failed, or somebody who was looked at is stopped or held."""
    plant(aws, "alice", {"age": "3d"})
    assert stocked("run").status == 0
    if trouble == "stopped":
        plant(aws, "zoe", {"age": "100d"}, {"age": "99d"})
    if trouble == "held":
        stocked("hold", "alice", "--reason", "x")
    if trouble == "failed":
        plant(aws, "zoe", {"age": "100d"})
        aws.fail("iam:CreateAccessKey", "fail", code="AccessDenied", status=403)

    assert stocked("run").status == 1


class TestNarrowed:
    """`--policy` and `--user`."""

    def test_one_user_alone(self, stocked: Program, aws: LocalAws) -> None:
        """Nobody else is looked at."""
        plant(aws, "alice", {"age": "100d"})
        plant(aws, "bob", {"age": "100d"})
        document = stocked.json("run", "--user", "bob")

        assert [user["user"] for user in document["users"]] == ["bob"]
        assert len(aws.truth()["alice"]["keys"]) == 1

    def test_one_policy_alone(self, stocked: Program, aws: LocalAws) -> None:
        """Another policy's users are not looked at; a misspelt name is a wrong call."""
        stocked.configure(
            "  - {name: ci, users: {include: [{name: alice}]}, rotate_after: 50d}\n"
            "  - {name: web, users: {include: [{name: bob}]}, rotate_after: 50d}\n"
        )
        plant(aws, "alice", {"age": "60d"})
        plant(aws, "bob", {"age": "60d"})

        assert [u["user"] for u in stocked.json("run", "--policy", "web")["users"]] == ["bob"]
        assert [r["user"] for r in stocked.json("plan", "--user", "bob")["actions"]] == ["bob"]
        for command in ("run", "plan"):
            wrong = stocked(command, "--policy", "wep")
            assert (wrong.status, wrong.err) == (
                2,
                "rotator: there is no policy 'wep'; did you mean 'web'?\n",
            )

    @pytest.mark.parametrize(
        ("policies", "argv", "sentence"),
        [
            pytest.param("name: bob", [], "no policy selects prod/alice", id="unselected"),
            pytest.param(
                "name: '*'}], exclude: [{name: alice, reason: an appliance",
                [],
                "prod/alice is excluded by policy ci: an appliance",
                id="excluded",
            ),
            pytest.param(
                "name: alice",
                ["--policy", "other"],
                "policy other does not select prod/alice: policy ci does",
                id="selected by another policy",
            ),
        ],
    )
    def test_why_nobody_was_looked_at(
        self, stocked: Program, aws: LocalAws, policies: str, argv: list[str], sentence: str
    ) -> None:
        """A run for one user whom no policy selects does nothing, and says why."""
        plant(aws, "alice", {"age": "100d"})
        stocked.configure(
            f"  - {{name: ci, users: {{include: [{{{policies}}}]}}, rotate_after: 50d}}\n"
            "  - {name: other, users: {include: [{name: zoe}]}, rotate_after: 50d}\n"
        )
        answer = stocked("run", "--user", "alice", *argv)

        assert (answer.status, answer.out) == (1, "")
        assert answer.sentences == f"rotator: {sentence}"

    def test_contested_by_others(self, stocked: Program, aws: LocalAws) -> None:
        """Who is selected by two policies is none of a third one's."""
        plant(aws, "alice", {"age": "100d"})
        stocked.configure(
            "".join(
                f"  - {{name: {name}, users: {{include: [{{name: {user}}}]}}, rotate_after: 50d}}\n"
                for name, user in (("a", "alice"), ("b", "alice"), ("c", "zoe"))
            )
        )
        answer = stocked("run", "--user", "alice", "--policy", "c")

        assert answer.sentences == "rotator: policy c does not select prod/alice: a and b do"

    def test_a_user_who_is_gone(self, stocked: Program, aws: LocalAws) -> None:
        """Who was deleted is not listed, and who is of no account is nobody's."""
        plant(aws, "alice", {"age": "3d", "access_key_id": "AKIAOLD0000000000001"})
        stocked("run")
        aws.reset()
        gone = stocked("run", "--user", "alice")
        stocked.config.write_text(stocked.config.read_text().replace("prod: {}", "test: {}"))
        nobodys = stocked("run", "--user", "alice")

        assert gone.sentences == "rotator: prod/alice is not listed in IAM any more"
        assert nobodys.sentences == "rotator: the configuration has no account 'prod' any more"


def test_lease_of_another_is_said(stocked: Program, aws: LocalAws) -> None:
    """A user whose lease another holds is left to it, and that is no failure."""
    plant(aws, "alice", {"age": "100d"})
    stocked("plan")
    assert stocked("run", "--user", "alice").status == 0
    ref = UserRef(ACCOUNT, stocked.json("status")["users"][0]["user_id"])
    with open_store(f"sqlite:///{stocked.state}", clock=clock) as store:
        assert store.acquire(ref, holder="another", length=timedelta(minutes=1)) is not None
        answer = stocked("run", "--until-idle")

    assert answer.status == 0
    assert "another process looks after this user now: it is left to it" in answer.out


class TestUntilIdle:
    """`--until-idle`: at each next moment, until nothing is open but long waits."""

    def test_a_whole_rotation(self, stocked: Program, aws: LocalAws) -> None:
        """With short periods one call goes from the old key to its deletion."""
        plant(aws, "alice", {"age": "100d"})
        answer = stocked("--json", "run", "--until-idle")
        (alice,) = answer.document["users"]

        assert answer.status == 0
        assert [step["action"] for step in alice["done"] if step["action"] != "record"] == [
            *("issue", "deliver", "deactivate", "delete"),
        ]
        assert [key["access_key_id"] for key in aws.truth()["alice"]["keys"]] == [
            stocked.served("alice")
        ]

    def test_long_waits_and_stops_are_not_sat_out(self, stocked: Program, aws: LocalAws) -> None:
        """It ends at once where only a person or a long time helps."""
        stocked.configure(defaults="{grace_period: 2h}")
        plant(aws, "alice", {"age": "100d"})
        plant(aws, "zoe", {"age": "100d"}, {"age": "99d"})
        begun_at = time.monotonic()
        answer = stocked("run", "--until-idle")

        assert answer.status == 1
        assert time.monotonic() - begun_at < 5

    @pytest.mark.slow
    def test_a_wait_without_a_moment_goes_by_the_schedule(
        self, stocked: Program, aws: LocalAws
    ) -> None:
        """Who waits for the new key to be used is looked at as often as the policy says."""
        plant(aws, "alice", {"age": "100d", "last_used": {"age": "10d"}})

        def use_it() -> None:
            end = time.monotonic() + 10
            while len(keys := aws.truth()["alice"]["keys"]) < 2 and time.monotonic() < end:
                time.sleep(0.05)
            # IAM tells of a use by the second: this one is later than our proof by any count.
            time.sleep(1.5)
            new = keys[-1]
            aws.client(
                "sts",
                aws_access_key_id=new["access_key_id"],
                aws_secret_access_key=secret_of(stocked),
            ).get_caller_identity()

        consumer = threading.Thread(target=use_it)
        consumer.start()
        answer = stocked("--json", "run", "--until-idle")
        consumer.join()

        assert answer.status == 0
        assert "delete" in {step["action"] for step in answer.document["users"][0]["done"]}

    def test_an_account_that_fails_ends_it(self, stocked: Program, aws: LocalAws) -> None:
        """Where nobody could be looked at there is nothing to go on with."""
        aws.fail("iam:GetAccountAuthorizationDetails", "fail", times=None)
        answer = stocked("run", "--until-idle")

        assert answer.status == 1
        assert answer.sentences.startswith("rotator: could not list the users of prod: ")


def secret_of(program: Program) -> str:
    place = program.folder / "out" / "alice.json"
    return str(json.loads(place.read_text())["SecretAccessKey"])


class TestSecretsInMemory:
    """A key that is issued reaches its places before the process ends, if it can be."""

    def test_it_is_tried_until_it_is_there(self, stocked: Program, aws: LocalAws) -> None:
        """A sink that fails for a moment costs a moment."""
        stocked.configure(SECRET, defaults="{grace_period: 2h}")
        plant(aws, "alice", {"age": "100d"})
        aws.fail("secretsmanager:CreateSecret", "fail", times=1)
        answer = stocked("run")

        assert "could not be delivered" not in answer.sentences
        assert stocked.json("status")["users"][0]["phase"] == "grace"

    def test_what_could_not_be_delivered_is_said(self, stocked: Program, aws: LocalAws) -> None:
        """After `shutdown_timeout` it is given up, with a sentence and 1."""
        stocked.configure(SECRET, defaults="{grace_period: 2h}")
        stocked.config.write_text(
            stocked.config.read_text().replace("shutdown_timeout: 3s", "shutdown_timeout: 500ms")
        )
        plant(aws, "alice", {"age": "100d"})
        aws.fail("secretsmanager:CreateSecret", "fail", times=None)
        answer = stocked("run")

        assert answer.status == 1
        assert "is not in every place, and its secret ends with this process." in answer.sentences


class TestInterrupts:
    """Ctrl-C and SIGTERM."""

    def test_the_first_asks_and_the_second_ends(self) -> None:
        """The first signal keeps anything from being begun; the second does not wait."""
        with interrupts() as asked:
            signal.raise_signal(signal.SIGTERM)
            assert asked.stopping.is_set()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)

        assert asked.status(0) == 128 + signal.SIGTERM

    def test_without_a_signal_the_status_is_the_work_s(self) -> None:
        """Who is not interrupted ends as the work did."""
        with interrupts() as asked:
            pass

        assert asked.status(1) == 1

    def test_other_threads_listen_to_nothing(self) -> None:
        """Only the main thread is sent signals."""
        before = signal.getsignal(signal.SIGINT)
        handlers: list[object] = []

        def listen() -> None:
            with interrupts():
                handlers.append(signal.getsignal(signal.SIGINT))

        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()

        assert handlers == [before]

    def test_run_ends_early_and_says_by_which_signal(self, stocked: Program, aws: LocalAws) -> None:
        """A run that is asked to end while it waits ends, with 128 and the signal's number."""
        stocked.configure(defaults="{schedule: {every: 1s}, grace_period: 30m}")
        plant(aws, "alice", {"age": "100d"})
        timer = threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGTERM))
        timer.start()
        begun_at = time.monotonic()
        answer = stocked("run", "--until-idle")
        timer.join()

        assert answer.status == 143
        assert time.monotonic() - begun_at < 10
        assert "prod/alice" in answer.out
