"""`deliver`: as an order, and with a key that is brought (`--from`), over a local AWS."""

from __future__ import annotations

import getpass
import io
import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rotator.cli.clocks import clock
from rotator.model import UserRef
from rotator.reconcile import taking
from rotator.store import UserRow, open_store

if TYPE_CHECKING:
    from rotator.demo.aws import LocalAws
    from tests.cli.conftest import Program

pytestmark = pytest.mark.slow

OLD, OTHER = "AKIAOLD0000000000001", "AKIAOTHER00000000002"
ACCOUNT = "123456789012"
TWO_PLACES = """\
  - name: ci
    mode: MODE
    users: {include: [{path: /ci/}]}
    rotate_after: 50d
    sinks:
      - {type: file, path: "FOLDER/out/{user}.json"}
      - {type: file, id: env, path: "FOLDER/env/{user}", format: env}
"""


@pytest.fixture
def house(stocked: Program, aws: LocalAws) -> Program:
    """Alice has one young key, and a policy that observes her names two places; both are absent."""
    stocked.configure(TWO_PLACES.replace("MODE", "observe"), defaults="{grace_period: 2h}")
    plant(aws, "alice", {"age": "10d", "access_key_id": OLD})
    return stocked


def plant(aws: LocalAws, name: str, *keys: dict[str, Any], account: str = ACCOUNT) -> None:
    user = {"name": name, "path": "/ci/", "keys": list(keys), "account": account}
    aws.plant({"users": [user]})


def secret_of(aws: LocalAws, key_id: str, user: str = "alice") -> str:
    keys = aws.truth()[user]["keys"]
    return str(next(k for k in keys if k["access_key_id"] == key_id)["secret_access_key"])


def a_file(program: Program, aws: LocalAws, key_id: str = OLD, user: str = "alice") -> str:
    """A file that holds a key as `aws iam create-access-key` prints it."""
    path = program.folder / f"{key_id}.json"
    path.write_text(created(key_id, secret_of(aws, key_id, user)))
    return str(path)


def created(key_id: str, secret: str) -> str:
    key = {"UserName": "alice", "AccessKeyId": key_id, "Status": "Active"}
    return json.dumps({"AccessKey": {**key, "SecretAccessKey": secret, "CreateDate": "2026"}})


def in_env(program: Program, user: str = "alice") -> str:
    return (program.folder / "env" / user).read_text()


def rows(program: Program, step: str) -> list[dict[str, Any]]:
    lines = program("--json", "history", "--action", step).out.splitlines()
    return [json.loads(line) for line in lines]


class TestFrom:
    """`deliver --from`: a key that exists is taken over."""

    def test_a_key_is_proven_and_put_everywhere(self, house: Program, aws: LocalAws) -> None:
        """Places serve it, and it is on record: who, why, and that nothing was rotated."""
        words = ("--reason", "moving in", "--as", "ops")
        answer = house("deliver", "alice", "--from", a_file(house, aws), *words)

        assert (answer.status, answer.sentences) == (0, "")
        assert answer.out.startswith(f"prod/alice: {OLD} is in file:")
        assert "nothing was rotated" in answer.out
        assert house.served("alice") == OLD
        assert f"AWS_ACCESS_KEY_ID={OLD}" in in_env(house)
        assert aws.calls(action="CreateAccessKey") == []
        (order,) = rows(house, "order")
        assert (order["actor"], order["outcome"], order["access_key_id"]) == ("ops", "done", OLD)
        assert "moving in" in order["detail"]
        puts = [(row["outcome"], row["actor"]) for row in rows(house, "deliver")]
        assert puts == [("intent", "ops"), ("done", "ops")] * 2
        assert [row["outcome"] for row in rows(house, "prove")] == ["intent", "done"]
        status = house.json("status")["users"][0]
        assert {place["serves"] for place in status["places"]} == {OLD}
        assert (status["phase"], status["blocked"]) == ("idle", None)

    def test_again_is_nothing(self, house: Program, aws: LocalAws) -> None:
        """The same command twice is once: nothing is written the second time."""
        source = a_file(house, aws)
        house("deliver", "alice", "--from", source)
        answer = house("deliver", "alice", "--from", source)

        assert answer.status == 0
        assert len(rows(house, "deliver")) == 4

    def test_one_sink_alone(self, house: Program, aws: LocalAws) -> None:
        """`--sink` names the one place; an order then gives the others what it serves."""
        house("deliver", "alice", "--from", a_file(house, aws), "--sink", "env")

        assert not (house.folder / "out" / "alice.json").exists()
        assert house("deliver", "alice").status == 0
        assert house.served("alice") == OLD

    @pytest.mark.parametrize("written", ["json", "env", "profile", "input", "aws profile"])
    def test_in_every_form(
        self,
        house: Program,
        aws: LocalAws,
        written: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A key in any form that we or AWS would write is understood."""
        secret = secret_of(aws, OLD)
        ini = f"aws_access_key_id = {OLD}\naws_secret_access_key = {secret}\n"
        text = {
            "json": json.dumps({"AccessKeyId": OLD, "SecretAccessKey": secret}),
            "env": f"AWS_ACCESS_KEY_ID={OLD}\nAWS_SECRET_ACCESS_KEY={secret}\n",
            "profile": f"[default]\n{ini}",
            "input": created(OLD, secret),
            "aws profile": f"[theirs]\n{ini}",
        }[written]
        path = house.folder / "key"
        path.write_text(text)
        source = {"input": "-", "aws profile": "theirs"}.get(written, str(path))
        if written == "input":
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        if written == "aws profile":
            monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))

        assert house("deliver", "alice", "--from", source).status == 0
        assert house.served("alice") == OLD

    def test_a_terminal_is_asked_without_echo(
        self, house: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is typed is the key; the secret is asked for where nothing is shown."""
        terminal = io.StringIO(f"{OLD}\n")
        terminal.isatty = lambda: True  # type: ignore[method-assign] # a terminal, as far as it is asked
        monkeypatch.setattr(sys, "stdin", terminal)
        secret = secret_of(aws, OLD)
        monkeypatch.setattr(getpass, "getpass", lambda _prompt: secret)

        assert house("deliver", "alice", "--from", "-").status == 0
        assert house.served("alice") == OLD

    def test_what_is_not_ours_needs_a_word(self, house: Program, aws: LocalAws) -> None:
        """A place that holds something else is overwritten with `--take-over` alone."""
        place = house.folder / "env" / "alice"
        place.parent.mkdir()
        place.write_text("AWS_ACCESS_KEY_ID=AKIANOBODYS000000001\nAWS_SECRET_ACCESS_KEY=abc\n")
        source = a_file(house, aws)
        refused = house("deliver", "alice", "--from", source)
        written = (house.folder / "out" / "alice.json").exists()
        taken = house("deliver", "alice", "--from", source, "--take-over")

        assert refused.status == 1
        assert "which is no key of prod/alice; `--take-over` has it over" in refused.sentences
        assert not written
        assert taken.status == 0
        assert OLD in in_env(house)

    def test_it_is_taken_over_by_a_rotation_later(self, house: Program, aws: LocalAws) -> None:
        """What was brought is rotated like any other key, its places with it."""
        house("deliver", "alice", "--from", a_file(house, aws))
        answer = house("rotate", "alice", "--enforce")

        assert answer.status == 0, answer.sentences
        assert house.served("alice") != OLD
        assert house.served("alice") in in_env(house)

    def test_another_replica_holds_the_lease(
        self, house: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is waited for, and then told: nothing is written meanwhile."""
        house("run")
        source = a_file(house, aws)
        monkeypatch.setattr(taking, "PATIENCE", timedelta(milliseconds=300))
        user_id = house.json("status")["users"][0]["user_id"]
        ref = UserRef(ACCOUNT, user_id)
        with open_store(f"sqlite:///{house.state}", clock=clock) as store:
            lease = store.acquire(ref, holder="somebody else", length=timedelta(minutes=1))
            assert lease is not None
            answer = house("deliver", "alice", "--from", source)
            store.release(lease)

        assert answer.status == 1
        assert "another process looks after prod/alice just now" in answer.sentences
        assert not (house.folder / "out" / "alice.json").exists()


class TestBadKeys:
    """What is not an Active long-term key of this very user is refused, each with its sentence."""

    def refused(self, house: Program, source: str, *words: str, user: str = "alice") -> str:
        before = sorted(house.folder.glob("*/*"))
        answer = house("deliver", user, "--from", source, *words)
        assert answer.status == 1, answer.out
        assert sorted(house.folder.glob("*/*")) == before
        return answer.sentences

    def test_an_inactive_one(self, house: Program, aws: LocalAws) -> None:
        """Nobody could work with it."""
        source = a_file(house, aws)
        aws.client("iam").update_access_key(UserName="alice", AccessKeyId=OLD, Status="Inactive")

        assert f"{OLD} is Inactive, so nobody could work with it" in self.refused(house, source)

    def test_a_deleted_one(self, house: Program, aws: LocalAws) -> None:
        """STS does not know it either."""
        source = a_file(house, aws)
        aws.client("iam").delete_access_key(UserName="alice", AccessKeyId=OLD)

        assert f"IAM lists no key {OLD} of prod/alice: could not prove" in self.refused(
            house, source
        )

    def test_another_users(self, house: Program, aws: LocalAws) -> None:
        """STS says whose it is."""
        plant(aws, "bob", {"age": "5d", "access_key_id": OTHER})
        sentence = self.refused(house, a_file(house, aws, OTHER, "bob"))

        assert "it is a key of another user" in sentence
        assert "user/ci/bob" in sentence

    def test_a_wrong_secret(self, house: Program, aws: LocalAws) -> None:
        """The id alone proves nothing, and is not asked about for long."""
        path = house.folder / "wrong.json"
        path.write_text(created(OLD, "x" * 40))

        sentence = self.refused(house, str(path))

        assert f"{OLD} was not proven" in sentence
        assert len(aws.calls(action="GetCallerIdentity", error="SignatureDoesNotMatch")) == 1

    def test_a_temporary_one(self, house: Program) -> None:
        """Its id says so, and nothing is asked."""
        path = house.folder / "session.json"
        path.write_text(created("ASIAOLD0000000000001", "x" * 40))

        assert "is the temporary key of a session" in self.refused(house, str(path))

    def test_a_sink_that_is_none(self, house: Program, aws: LocalAws) -> None:
        """What there is instead is said, before anything is done."""
        sentence = self.refused(house, a_file(house, aws), "--sink", "vault")

        assert "policy ci has no sink 'vault'; it has file and env" in sentence

    def test_a_rotation_is_open(self, house: Program, aws: LocalAws) -> None:
        """Its places are to have its successor, and no other key."""
        house("deliver", "alice", "--from", a_file(house, aws))
        house("rotate", "alice", "--enforce")
        sentence = self.refused(house, a_file(house, aws))

        assert f"{OLD} is leaving in the rotation that is open" in sentence

    def test_nobody_of_that_name(self, house: Program, aws: LocalAws) -> None:
        """The name that may be meant is said."""
        source = a_file(house, aws)
        answer = house("deliver", "alize", "--from", source)

        assert answer.status == 1
        assert "there is no user 'alize'; did you mean 'alice'?" in answer.sentences


class TestBadCalls:
    """Who and where is looked at before any key is; each with its status and its sentence."""

    def test_two_users_of_one_name(self, house: Program, aws: LocalAws) -> None:
        """Of two accounts: the person says which."""
        with open_store(f"sqlite:///{house.state}", clock=clock) as store:
            for account, number in (("prod", ACCOUNT), ("test", "999999999999")):
                store.note_users([UserRow(UserRef(number, "AIDATWIN"), account, "twin")])
        answer = house("deliver", "twin", "--from", a_file(house, aws))

        assert answer.status == 1
        assert "'twin' may be prod/twin and test/twin; say which" in answer.sentences

    def test_an_account_that_is_no_more(self, house: Program, aws: LocalAws) -> None:
        """A user may be on record whose account nobody configures any more."""
        with open_store(f"sqlite:///{house.state}", clock=clock) as store:
            store.note_users([UserRow(UserRef("999999999999", "AIDAOLD"), "gone", "old")])
        answer = house("deliver", "old", "--from", a_file(house, aws))

        assert answer.status == 1
        assert "this configuration has no account 'gone'" in answer.sentences

    def test_no_store(self, program: Program, aws: LocalAws) -> None:
        """None is made in passing."""
        answer = program("deliver", "alice", "--from", "-")

        assert answer.status == 2
        assert "state init" in answer.sentences

    def test_aws_is_away(
        self, house: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What cannot be asked is no answer."""
        house("run")
        source = a_file(house, aws)
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        answer = house("deliver", "alice", "--from", source)

        assert answer.status == 1
        assert "prod/alice: refused: account prod: could not" in answer.sentences
        assert not (house.folder / "out" / "alice.json").exists()

    def test_a_policy_without_sinks(self, house: Program, aws: LocalAws) -> None:
        """There is no place to give it to."""
        house.configure(
            "  - {name: ci, users: {include: [{path: /ci/}]}, rotate_after: 50d}\n", defaults="{}"
        )
        answer = house("deliver", "alice", "--from", a_file(house, aws))

        assert answer.status == 1
        assert "policy ci names no sink that a key could be given to" in answer.sentences

    def test_no_source(self, house: Program) -> None:
        """A call that says nothing after `--from` is wrong."""
        assert house("deliver", "alice", "--from", " ").status == 2

    def test_a_person_who_says_no(
        self, house: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On a terminal it is asked; nothing is read before the answer."""
        terminal = io.StringIO("n\n")
        terminal.isatty = lambda: True  # type: ignore[method-assign] # a terminal, as far as it is asked
        monkeypatch.setattr(sys, "stdin", terminal)
        answer = house("deliver", "alice", "--from", "/nowhere/at/all")

        assert (answer.status, answer.out) == (1, "")
        assert "Put the key from /nowhere/at/all to the places of prod/alice?" in answer.sentences
        assert "Nothing was done." in answer.sentences

    def test_as_a_document(self, house: Program, aws: LocalAws) -> None:
        """Scripts get the outcome, done or refused, in the shape of every lever's."""
        source = a_file(house, aws)
        done = house.json("deliver", "alice", "--from", source)
        refused = house.json("deliver", "alice", "--from", source, "--sink", "x")

        assert list(done) == [
            *("schema_version", "generated_at", "account", "user", "user_id", "order_id"),
            *("outcome", "message"),
        ]
        assert (done["outcome"], refused["outcome"]) == ("done", "refused")


class TestOrder:
    """`deliver` without `--from`: what a readable place serves is given to the others."""

    def test_a_new_place_of_an_idle_user(self, house: Program, aws: LocalAws) -> None:
        """It gets what the other serves; nothing is rotated, observed or not, held or not."""
        key = {"access_key_id": OLD, "secret_access_key": secret_of(aws, OLD)}
        house.serve("alice", key)
        house("hold", "alice", "--reason", "x")
        answer = house("deliver", "alice", "--as", "ops")

        assert answer.status == 0, answer.sentences
        assert "nothing was rotated; the user stays held" in answer.out
        assert OLD in in_env(house)
        assert rows(house, "order")[-1]["actor"] == "ops"

    def test_a_changed_place_is_given_it_again(self, house: Program, aws: LocalAws) -> None:
        """What was ours and was changed since is overwritten without a further word."""
        house("deliver", "alice", "--from", a_file(house, aws))
        (house.folder / "env" / "alice").write_text("SOMETHING=else\n")
        answer = house("deliver", "alice")

        assert answer.status == 0
        assert OLD in in_env(house)

    def test_no_place_serves_anything(self, house: Program) -> None:
        """There is nothing to give, and the sentence says how to bring one."""
        answer = house("deliver", "alice")

        assert answer.status == 1
        assert "no readable place serves an Active key of prod/alice" in answer.sentences
        assert "`rotator deliver prod/alice --from …`" in answer.sentences

    def test_what_is_served_does_not_work(self, house: Program, aws: LocalAws) -> None:
        """A secret that STS does not take is put nowhere, and the order is over."""
        house.serve("alice", {"access_key_id": OLD, "secret_access_key": "x" * 40})
        answer = house("deliver", "alice")

        assert answer.status == 1
        assert "was not accepted, so it is put nowhere" in answer.sentences
        assert not (house.folder / "env" / "alice").exists()


def test_no_secret_is_written_but_to_the_places(
    house: Program, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every byte of store, log and answers is searched, of what is done and what is refused."""
    wrong, secret = "w" * 40, secret_of(aws, OLD)
    monkeypatch.setenv("ROTATOR_LOG_LEVEL", "debug")
    said = []
    for text in (created(OLD, wrong), created("ASIAOLD0000000000001", wrong), created(OLD, secret)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        said.append(house("deliver", "alice", "--from", "-"))
    for text in (f"{{{wrong}", f"[default]\n{wrong}", f"AWS_ACCESS_KEY_ID={OLD}\n{wrong}"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        said.append(house("deliver", "alice", "--from", "-"))
    said.append(house("deliver", "alice"))
    stored = b"".join(path.read_bytes() for path in house.state.parent.iterdir())
    written = stored + "".join(answer.out + answer.err for answer in said).encode()

    assert [answer.status for answer in said] == [1, 1, 0, 1, 1, 1, 0]
    assert wrong.encode() not in written
    assert secret.encode() not in written
    assert secret in in_env(house)
