"""`status`, `explain` and `history`: what people and scripts read."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rotator.demo.aws import LocalAws
    from tests.cli.conftest import Program

OLD_KEY = "AKIAOLD0000000000001"

STATUS_FIELDS = [
    *("account", "account_id", "user", "user_id", "policy", "mode", "phase", "reason", "message"),
    *("next_at", "due_at", "overdue", "blocked", "rotation_id", "title", "predecessor"),
    *("successor", "keys", "places", "as_of", "source"),
]

HISTORY_FIELDS = [
    *("seq", "at", "rotation_id", "sweep_id", "account", "user", "user_id", "policy"),
    *("policy_digest", "step", "outcome", "access_key_id", "reason", "detail", "actor"),
]


def plant(aws: LocalAws, name: str = "alice", *keys: dict[str, Any], path: str = "/ci/") -> None:
    aws.plant({"users": [{"name": name, "path": path, "keys": list(keys)}]})


@pytest.fixture
def rotated(stocked: Program, aws: LocalAws) -> Program:
    """Alice's old key was just replaced, and is in its grace period of an hour."""
    stocked.configure(defaults="{grace_period: 2h}")
    plant(aws, "alice", {"age": "100d", "access_key_id": OLD_KEY})
    assert stocked("run").status == 0
    return stocked


class TestStatus:
    """Where users stand, from the store alone."""

    def test_document_has_the_fields_that_scripts_read(self, rotated: Program) -> None:
        """The fields are those of the contract, in its order."""
        document = rotated.json("status")
        (alice,) = document["users"]

        assert document["schema_version"] == 1
        assert list(alice) == STATUS_FIELDS
        assert list(alice["keys"][0]) == [
            *("access_key_id", "role", "status", "created_at", "last_used", "last_used_at"),
            *("last_used_service", "last_used_region"),
        ]
        assert list(alice["places"][0]) == ["id", "type", "place", "serves", "delivered_at"]

    def test_all_that_a_run_saw(self, rotated: Program, aws: LocalAws) -> None:
        """What the run learned is there when it has ended, AWS being down or not."""
        aws.reset()
        (alice,) = rotated.json("status", "prod/alice")["users"]
        new_key = rotated.served("alice")

        assert (alice["phase"], alice["reason"], alice["blocked"]) == ("grace", "grace", None)
        assert (alice["predecessor"], alice["successor"]) == (OLD_KEY, new_key)
        assert alice["places"][0]["serves"] == new_key
        assert {key["access_key_id"]: key["role"] for key in alice["keys"]} == {
            OLD_KEY: "predecessor",
            new_key: "successor",
        }

    def test_a_hold_is_shown_before_anybody_met_it(self, rotated: Program) -> None:
        """A hold is in force as soon as it is given; whoever is held makes the status 1."""
        rotated("hold", "alice", "--reason", "release day", "--as", "ops", "--until", "+4h")
        held = rotated("status", "--json")
        (alice,) = held.document["users"]

        assert held.status == 1
        assert alice["phase"] == "grace"
        assert list(alice["blocked"]) == ["kind", "reason", "message", "since", "by", "until"]
        assert (alice["blocked"]["kind"], alice["blocked"]["by"]) == ("hold", "ops")
        assert "release day" in rotated("status").out

    def test_a_hold_that_has_ended_is_not_shown(self, rotated: Program) -> None:
        """A release is seen at once, before the user is looked at again."""
        rotated("hold", "alice", "--reason", "release day")
        assert rotated("run").status == 1
        rotated("release", "alice")

        assert rotated("status").status == 0

    def test_whoever_needs_a_person_stands_first(self, rotated: Program, aws: LocalAws) -> None:
        """The list begins with those who are stopped or held."""
        plant(aws, "zoe", {"age": "100d"}, {"age": "60d"})
        rotated("run")
        document = rotated.json("status")

        assert [user["user"] for user in document["users"]] == ["zoe", "alice"]
        assert {key["role"] for key in document["users"][0]["keys"]} == {"foreign"}

    def test_unknown_user(self, rotated: Program) -> None:
        """Whoever is not known is refused, with the name that is meant."""
        answer = rotated("status", "alcie")

        assert (answer.status, answer.err) == (
            1,
            "rotator: there is no user 'alcie'; did you mean 'alice'?\n",
        )


class TestExplain:
    """One user or key, looked at now."""

    @pytest.mark.parametrize("subject", ["alice", "prod/alice", "123456789012/alice", "0001"])
    def test_a_user_is_found_by_many_names(self, rotated: Program, subject: str) -> None:
        """By name, account and name, key id, or the last four characters of one."""
        document = rotated.json("explain", subject)

        assert (document["user"], document["phase"], document["source"]) == (
            "alice",
            "grace",
            "live",
        )

    def test_everything_that_it_rests_on(self, rotated: Program) -> None:
        """Keys, what each place serves, every gate of the next door, and what may be typed."""
        document = rotated.json("explain", OLD_KEY)
        gates = document["door"]["gates"]

        assert document["asked_for"]["access_key_id"] == OLD_KEY
        assert document["door"]["door"] == "deactivate"
        assert [gate["gate"] for gate in gates] == ["hold", "agreed", "closed", "limit", "approval"]
        assert all(gate["open"] and gate["message"] for gate in gates)
        assert document["places"][0]["reading"] == rotated.served("alice")
        assert document["next"]["reason"] == "grace"
        assert document["may_do"][:4] == [
            "rotator history prod/alice",
            "rotator hold prod/alice --reason …",
            "rotator rollback prod/alice --reason …",
            "rotator close prod/alice --reason …",
        ]

    def test_plain_text_says_the_same(self, rotated: Program) -> None:
        """A person reads sentences and tables."""
        text = rotated("explain", "alice").out

        assert "Policy ci selects the user, and acts on it." in text
        assert "both keys work" in text
        assert "Gates before deactivate:" in text
        assert "rotator rollback prod/alice --reason …" in text

    def test_a_shut_gate_is_shown_with_its_evidence(self, rotated: Program) -> None:
        """Whoever is held is told by whom, and how it ends; the status is 1."""
        rotated("hold", "--policy", "ci", "--reason", "audit", "--as", "ops")
        answer = rotated("explain", "alice")

        assert answer.status == 1
        assert "hold      shut  held by ops" in answer.out
        assert "rotator release --policy ci" in answer.out

    def test_a_place_is_read_although_nothing_is_due(self, stocked: Program, aws: LocalAws) -> None:
        """What a place serves is told also where the judgement does not ask."""
        plant(aws, "alice", {"age": "3d"})
        stocked.serve("alice", aws.truth()["alice"]["keys"][0])
        document = stocked.json("explain", "alice")

        assert document["next"]["reason"] == "not_due"
        assert document["places"][0]["reading"] == stocked.served("alice")
        assert "rotator rotate prod/alice" in document["may_do"]

    def test_deleted_keys_are_known(self, rotated: Program, aws: LocalAws) -> None:
        """Whose a deleted key was is told, live and from the record."""
        # A listing that lacks a key that it has just shown is not believed at once.
        time.sleep(0.5)
        aws.console("iam:DeleteAccessKey", UserName="alice", AccessKeyId=OLD_KEY)
        rotated("run", "--until-idle")
        live = rotated("explain", OLD_KEY)
        aws.fail("sts:GetCallerIdentity", "fail", times=None)
        recorded = rotated("explain", "0001")

        assert f"{OLD_KEY} was a key of prod/alice, and was deleted." in live.out
        assert recorded.status == 1
        assert f"{OLD_KEY} was a key of prod/alice; it is deleted since" in recorded.out

    @pytest.mark.parametrize(
        ("subject", "sentence"),
        [
            ("AKIANOBODY0000000001", "AKIANOBODY0000000001 is nobody's key"),
            ("bob", "there is no user 'bob'"),
            ("prod/alise", "there is no user 'prod/alise'; did you mean 'prod/alice'?"),
            ("9999", "there is no user '9999'"),
        ],
    )
    def test_nobody_is_meant(self, rotated: Program, subject: str, sentence: str) -> None:
        """A key of nobody, or a user who is not there, is refused with a sentence."""
        answer = rotated("explain", subject)

        assert answer.status == 1
        assert sentence in answer.sentences

    def test_four_characters_that_fit_two_keys(self, rotated: Program, aws: LocalAws) -> None:
        """What fits two keys is refused; a user of that name goes before a key."""
        plant(aws, "bob", {"age": "3d", "access_key_id": "AKIABOB0000000000001"})
        rotated("run")
        answer = rotated("explain", "0001")

        assert answer.status == 1
        assert "'0001' fits more than one key: " in answer.sentences

    def test_first_day(self, program: Program, aws: LocalAws) -> None:
        """Without a store it works by what IAM says, says so, and leaves no store behind."""
        plant(aws, "alice", {"age": "100d"})
        answer = program("explain", "alice")

        assert answer.status == 0
        assert "as on the first day" in answer.err
        assert "Next: issue (age)" in answer.out
        assert not program.state.exists()

    def test_aws_away(self, rotated: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is on record is told, with a note why it is no more than that."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        answer = rotated("explain", OLD_KEY)
        document = rotated.json("explain", OLD_KEY)

        assert answer.status == 1
        assert "What follows is what is on record." in answer.err
        assert f"{OLD_KEY} is a key of prod/alice." in answer.out
        assert (document["source"], document["phase"]) == ("store", "grace")
        assert document["note"].startswith("account prod: ")

    def test_nobody_can_be_asked(self, stocked: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        """That a user is not on record does not mean that there is none, while IAM is away."""
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "made-up")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

        assert "no user 'alice' is on record, and IAM could not be asked: " in (
            stocked("explain", "alice").sentences
        )

    @pytest.mark.parametrize(
        ("policies", "sentence"),
        [
            pytest.param(
                "  - {name: ci, users: {include: [{name: x}]}, rotate_after: 50d}\n",
                "No policy selects the user.",
                id="nobody selects",
            ),
            pytest.param(
                "  - {name: ci, users: {include: [{name: '*'}], exclude: [{name: alice,"
                " reason: an appliance}]}, rotate_after: 50d}\n",
                "Policy ci excludes the user: an appliance.",
                id="excluded",
            ),
            pytest.param(
                "  - {name: a, users: {include: [{name: '*'}]}, rotate_after: 50d}\n"
                "  - {name: b, users: {include: [{name: '*'}]}, rotate_after: 50d}\n",
                "More than one policy selects the user: a, b.",
                id="contested",
            ),
        ],
    )
    def test_who_is_in_charge(
        self, stocked: Program, aws: LocalAws, policies: str, sentence: str
    ) -> None:
        """Which policy decides, or why none does, is the second line."""
        plant(aws, "alice", {"age": "3d"})
        stocked.configure(policies)

        assert sentence in stocked("explain", "alice").out

    def test_account_that_is_not_configured_any_more(self, rotated: Program) -> None:
        """A user of an account that the configuration lacks is told from the record."""
        text = rotated.config.read_text().replace("prod: {}", "test: {}")
        rotated.config.write_text(text)
        answer = rotated("explain", "alice")

        assert answer.status == 1
        assert "the configuration has no account 'prod' any more" in answer.sentences


class TestHistory:
    """The record of what was done."""

    def test_rows_have_the_fields_that_scripts_read(self, rotated: Program) -> None:
        """One JSON row a line, with exactly the contract's fields."""
        lines = rotated("--json", "history", "alice").out.splitlines()
        rows = [json.loads(line) for line in lines]

        assert {tuple(row) for row in rows} == {tuple(HISTORY_FIELDS)}
        assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
        assert [(row["step"], row["outcome"]) for row in rows] == [
            ("begin", "done"),
            *(("issue", "intent"), ("issue", "done")),
            *(("prove", "intent"), ("prove", "done")),
            *(("deliver", "intent"), ("deliver", "done")),
        ]
        assert {row["actor"] for row in rows} == {"run"}

    def test_narrowed(self, rotated: Program) -> None:
        """By age and by step; nothing that fits is said in plain text."""
        issued = rotated("history", "--action", "issue", "--json", "--since", "1h")
        nothing = rotated("history", "--action", "delete")
        later = rotated("history", "--since", "2999-01-01T00:00Z", "--json")

        assert len(issued.out.splitlines()) == 2
        assert nothing.out == "Nothing of this kind is on record.\n"
        assert later.out == ""

    def test_plain_text_is_a_table(self, rotated: Program) -> None:
        """People read one line for each row."""
        lines = rotated("history").out.splitlines()

        assert lines[0].split() == [
            "AT",
            "USER",
            "STEP",
            "OUTCOME",
            "KEY",
            "REASON",
            "BY",
            "DETAIL",
        ]
        assert len(lines) == 8
