"""How the local AWS is started, asked, changed and ended."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rotator.demo import aws as module
from rotator.demo.aws import LocalAws, LocalAwsFailed
from rotator.demo.local_aws_ledger import parse_duration
from tests.demo.conftest import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    NewKey = Callable[[str], dict[str, str]]

OPERATOR = {"access_key_id": "AKIA" + "O" * 16, "secret_access_key": "o" * 40}


class TestTruth:
    """What is there is told as it is."""

    def test_seed_is_what_there_is(self, aws: LocalAws) -> None:
        """Tags, groups, paths, ages, last uses; what nobody named is made up."""
        key = {
            "access_key_id": "AKIA" + "C" * 16,
            "secret_access_key": "c" * 40,
            "age": "100d",
            "status": "Inactive",
            "last_used": {"age": "3h", "service": "s3", "region": "eu-north-1"},
        }
        user = {
            "name": "ci",
            "path": "/ci/",
            "tags": {"team": "a"},
            "groups": ["deployers"],
            "policies": ["AWSCompromisedKeyQuarantineV4"],
            "created": "400d",
            "keys": [key],
        }
        aws.plant({"users": [user], "secrets": [{"name": "ci/aws", "value": "x"}]})

        told = aws.truth()["ci"]
        told_key = told["keys"][0]

        assert (told["path"], told["tags"], told["groups"]) == (
            "/ci/",
            {"team": "a"},
            ["deployers"],
        )
        assert told["arn"] == "arn:aws:iam::123456789012:user/ci/ci"
        assert (told_key["access_key_id"], told_key["status"]) == (key["access_key_id"], "Inactive")
        assert told_key["secret_access_key"] == "c" * 40
        assert told_key["shown"] == told_key["last_used"]
        assert told_key["accepted"] is False
        details = aws.client("iam").get_account_authorization_details(Filter=["User"])
        policies = details["UserDetailList"][0]["AttachedManagedPolicies"]
        assert [policy["PolicyName"] for policy in policies] == user["policies"]
        secret = aws.client("secretsmanager").get_secret_value(SecretId="ci/aws")
        assert secret["SecretString"] == "x"

    def test_seed_may_be_added_to(self, aws: LocalAws) -> None:
        """A user who is there gets more keys, more than AWS's two if need be."""
        for _ in range(3):
            aws.plant({"users": [{"name": "ci", "policies": ["p"], "keys": [{}]}]})

        assert len(aws.truth()["ci"]["keys"]) == 3

    def test_secret_of_a_made_key_is_not_told(self, aws: LocalAws, new_key: NewKey) -> None:
        """What the API made stays between it and its caller."""
        aws.plant({"users": [{"name": "ci"}]})
        key = new_key("ci")

        told = json.dumps([aws.admin("GET", "truth"), aws.calls(console="yes")])

        assert key["aws_access_key_id"] in told
        assert key["aws_secret_access_key"] not in told

    @pytest.mark.parametrize(
        "seed",
        [
            {"users": [{"path": "/"}]},
            {"users": [{"name": "ci", "keys": [{"age": "old"}]}]},
            {"users": [{"name": "ci", "keys": [{"access_key_id": "short"}]}]},
            {"users": ["ci"]},
            {"roles": [{"name": "twice"}, {"name": "twice"}]},
        ],
        ids=["no name", "no duration", "no key id", "no user", "twice the same role"],
    )
    def test_seed_that_is_wrong_is_refused(self, aws: LocalAws, seed: dict[str, Any]) -> None:
        """With a sentence, not with a world that is half another."""
        with pytest.raises(LocalAwsFailed):
            aws.plant(seed)

    def test_calls_are_counted_by_action_and_user(self, aws: LocalAws) -> None:
        """Who called what about whom, when; refused calls too."""
        aws.plant({"users": [{"name": "ci", "keys": [{}]}]})
        iam = aws.client("iam")
        iam.list_access_keys(UserName="ci")
        iam.list_access_keys(UserName="ci")
        iam.list_users()

        told = aws.admin("GET", "calls")

        assert aws.counts() == {"ListAccessKeys": 2, "ListUsers": 1}
        assert told["by_user"] == {"ci": {"ListAccessKeys": 2}, "": {"ListUsers": 1}}
        assert len(aws.calls(since=told["calls"][1]["at"])) == 2
        aws.admin("DELETE", "calls")
        assert aws.counts() == {}

    def test_caller_is_known_by_its_key_also_when_it_is_refused(
        self, aws: LocalAws, new_key: NewKey
    ) -> None:
        """Who still tries a dead key is what one wants to see."""
        aws.plant({"users": [{"name": "ci"}]})
        key = new_key("ci")
        aws.console(
            "iam:UpdateAccessKey",
            UserName="ci",
            AccessKeyId=key["aws_access_key_id"],
            Status="Inactive",
        )
        with pytest.raises(aws.client("sts").exceptions.ClientError):
            aws.client("sts", **key).get_caller_identity()

        refused = aws.calls(action="GetCallerIdentity")[0]

        assert refused["caller"] == "arn:aws:iam::123456789012:user/ci"
        assert (refused["error"], refused["executed"]) == ("InvalidClientTokenId", False)


class TestOrders:
    """What whoever runs the show may say."""

    def test_console_is_told_what_aws_says(self, aws: LocalAws) -> None:
        """A person's mistake is refused as AWS refuses it."""
        with pytest.raises(LocalAwsFailed, match="NoSuchEntity"):
            aws.console("iam:CreateAccessKey", UserName="nobody")

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "nothing", None),
            ("POST", "settings", {"speed": "1s"}),
            ("POST", "settings", {"lag": 1}),
            ("GET", "calls?colour=red", None),
        ],
    )
    def test_unknown_order_is_refused(
        self, aws: LocalAws, method: str, path: str, body: dict[str, Any] | None
    ) -> None:
        """A misspelt order must not pass for one that was obeyed."""
        aws.client("iam").list_users()

        with pytest.raises(LocalAwsFailed):
            aws.admin(method, path, body)

    def test_clock_is_that_of_every_answer(self, aws: LocalAws) -> None:
        """The Date of answers, and what is written down, are of the shifted clock."""
        aws.settings(clock_offset="-2h")
        now = parsedate_to_datetime(dates(aws)[0])

        created = aws.client("iam").create_user(UserName="ci")["User"]["CreateDate"]

        assert len(dates(aws)) == 1
        assert abs((created - now).total_seconds()) < 10
        aws.settings(clock_offset="0s")
        assert (parsedate_to_datetime(dates(aws)[0]) - now).total_seconds() > 7000

    def test_reset_forgets_everything_but_the_operator(self, aws: LocalAws) -> None:
        """Users, secrets, faults, calls and the clock; the credentials go on."""
        aws.plant({"users": [{"name": "ci"}]})
        aws.client("secretsmanager").create_secret(Name="x", SecretString="x")
        aws.fail("*", "deny", times=None)
        aws.settings(clock_offset="1d")

        aws.reset({"users": [{"name": "cd"}]})

        assert aws.client("secretsmanager").list_secrets()["SecretList"] == []
        assert list(aws.truth()) == ["cd"]
        assert aws.counts() == {"ListSecrets": 1}

    def test_health_names_the_account(self, aws: LocalAws) -> None:
        """For whoever waits for it with other means than the port file."""
        assert aws.admin("GET", "health") == {"ok": True, "account": "123456789012"}


class TestProcess:
    """How it begins and ends."""

    def test_environment_is_all_that_a_tool_needs(self, tmp_path: Path) -> None:
        """The aws command line works with nothing else than `environ()`."""
        tool = Path(sys.executable).with_name("aws")
        with LocalAws(folder=tmp_path) as aws:
            environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **aws.environ()}
            answer = subprocess.run(
                [sys.executable, str(tool), "sts", "get-caller-identity"],
                env=environ,
                capture_output=True,
                check=True,
            )

        assert json.loads(answer.stdout)["Arn"].endswith("role/local-aws-operator/local")
        assert (tmp_path / "local-aws.log").exists()

    def test_operator_of_the_seed_needs_no_token(self) -> None:
        """A fixed test key pair, whose account is the seed's."""
        with LocalAws({"operator": OPERATOR, "account": "111122223333"}) as aws:
            identity = aws.client("sts").get_caller_identity()

            assert identity["Account"] == "111122223333"
            assert aws.environ()["AWS_ACCESS_KEY_ID"] == OPERATOR["access_key_id"]
            assert "AWS_SESSION_TOKEN" not in aws.environ()

    def test_seed_that_is_wrong_ends_it_with_a_sentence(self) -> None:
        """Whoever starts it is told what the process said."""
        with (
            pytest.raises(LocalAwsFailed, match="The seed is not understood"),
            LocalAws({"users": [{}]}),
        ):
            pass

    def test_option_that_is_wrong_ends_it_with_a_sentence(self) -> None:
        """A lag is a duration."""
        with pytest.raises(LocalAwsFailed, match="no duration"), LocalAws(options=["--lag", "2"]):
            pass

    def test_stopped_twice_is_stopped(self) -> None:
        """And its temporary folder is gone."""
        with LocalAws() as aws:
            folder = aws.folder
            aws.stop()

        assert not folder.exists()

    def test_ends_with_its_parent(self, tmp_path: Path) -> None:
        """A parent that is killed leaves no process behind."""
        script = textwrap.dedent(
            f"""
            import os, pathlib, signal
            from rotator.demo.aws import LocalAws
            with LocalAws(folder=pathlib.Path({str(tmp_path)!r})) as aws:
                print(aws.port, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            """
        )
        ended = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )

        assert ended.returncode == -signal.SIGKILL
        assert eventually(lambda: is_closed(int(ended.stdout)))


class TestByHand:
    """What a person who starts it without `LocalAws` is told."""

    def test_operator_may_come_from_the_environment(self, tmp_path: Path) -> None:
        """`python -m rotator.demo.aws` where AWS_ACCESS_KEY_ID is set."""
        environ = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": OPERATOR["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": OPERATOR["secret_access_key"],
        }
        port_file = tmp_path / "port"
        arguments = ["-m", "rotator.demo.aws", "--port-file", str(port_file)]
        with subprocess.Popen(
            [sys.executable, *arguments], env=environ, stderr=subprocess.PIPE, text=True
        ) as process:
            assert eventually(port_file.exists)
            os.kill(process.pid, signal.SIGINT)
            _, said = process.communicate()

        assert process.returncode == 0
        assert said == f"The local AWS listens on http://127.0.0.1:{port_file.read_text()}\n"

    @pytest.mark.parametrize(
        ("seed", "sentence"),
        [
            pytest.param(None, "Nobody could use this AWS", id="no seed"),
            pytest.param("missing.json", "The seed cannot be read", id="no file"),
            pytest.param("broken.json", "The seed cannot be read", id="no JSON"),
        ],
    )
    def test_what_is_missing_is_said(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        seed: str | None,
        sentence: str,
    ) -> None:
        """One sentence on stderr, exit status 2."""
        (tmp_path / "broken.json").write_text("{")

        status = module.main([] if seed is None else ["--seed", str(tmp_path / seed)])

        assert status == 2
        assert capsys.readouterr().err.startswith(sentence)

    def test_missing_moto_is_one_sentence(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The extra is named."""
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

        status = module.main([])

        assert status == 2
        assert capsys.readouterr().err == (
            "The local AWS needs moto: install rotator with its extra `demo`.\n"
        )

    def test_port_that_is_taken_is_said(self, aws: LocalAws, tmp_path: Path) -> None:
        """Exit status 2, and no traceback of ours."""
        seed = tmp_path / "seed.json"
        seed.write_text(json.dumps({"operator": OPERATOR}))
        arguments = ["-m", "rotator.demo.aws", "--port", str(aws.port), "--seed", str(seed)]

        ended = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=False
        )

        assert ended.returncode != 0
        assert "in use" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("250ms", 0.25), ("2m", 120), ("1w", 604800)]
)
def test_durations_are_those_of_the_configuration(text: str, seconds: float) -> None:
    """A whole number and a unit; zero too, since a delay may be none."""
    assert parse_duration(text).total_seconds() == seconds


def dates(aws: LocalAws) -> list[str]:
    """Every Date header of one answer."""
    connection = HTTPConnection("127.0.0.1", aws.port)
    connection.request("GET", "/local-aws/health")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers.get_all("Date") or []


def is_closed(port: int) -> bool:
    """Does nobody listen there?"""
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.connect()
    except ConnectionRefusedError:
        return True
    finally:
        connection.close()
    return False
