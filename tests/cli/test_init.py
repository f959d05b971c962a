"""`rotator init`: what it writes is a configuration, and what it refuses is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.cli import main
from rotator.cli.init import page
from rotator.config import Tables, load
from rotator.formats import FORMATS
from rotator.judgement.triage import Proposal, triage
from rotator.model import Account, Mode
from rotator.sinks import installed
from tests.judgement.test_triage import key, reported
from tests.judgement.worlds import DAY, NOW

if TYPE_CHECKING:
    from pathlib import Path

    from rotator.demo.aws import LocalAws
    from tests.cli.conftest import Program

TABLES = Tables(sinks=installed(), formats=FORMATS)
ODD = 'a "quoted" value: {x}, # y'


def test_what_is_written_is_loaded(tmp_path: Path) -> None:
    """Whatever paths, tags and accounts are called: each is text and nothing else."""
    policies = [
        Proposal("123", 3, path="/on/"),
        Proposal("null", 2, tag=("team", ODD), without=("/on/",)),
        Proposal("others", 1, without=("/on/",), without_tag=(("team", ODD),)),
    ]
    report = triage(reported(("a", (key(100 * DAY), key(DAY))), root=1), NOW)
    account = Account("yes", "arn:aws:iam::111122223333:role/rotator", region="eu-north-1")
    path = tmp_path / "rotator.yaml"
    path.write_text(page(account, "111122223333", report, policies))

    loaded = load(path, environ={}, tables=TABLES)

    assert loaded.accounts == (account,)
    assert [policy.name for policy in loaded.policies] == ["123", "null", "others"]
    assert {policy.mode for policy in loaded.policies} == {Mode.OBSERVE}
    assert loaded.policies[1].include[0].tags == {"team": ODD}
    assert loaded.policies[2].exclude[1].selector.tags == {"team": ODD}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("\U0001d400x", id="a letter beyond the first plane"),
        pytest.param("a\u2028b", id="a separator of lines"),
        pytest.param("${HOME}", id="what would be a variable of the environment"),
        pytest.param("${file:/etc/hostname}", id="what would be a file of this machine"),
        pytest.param("$${HOME}$", id="what would be an escape"),
    ],
)
def test_a_value_of_the_account_stays_what_it_is(value: str, tmp_path: Path) -> None:
    """Who may tag a user does not choose what is read of the machine where it is loaded."""
    report = triage(reported(("a", (key(DAY),))), NOW)
    policies = [Proposal("a", 1, path="/${HOME}/"), Proposal("b", 1, tag=("team", value))]
    path = tmp_path / "rotator.yaml"
    path.write_text(page(Account("prod"), "111122223333", report, policies))

    loaded = load(path, environ={"HOME": "/root"}, tables=TABLES)

    assert loaded.policies[0].include[0].path == "/${HOME}/"
    assert loaded.policies[1].include[0].tags == {"team": value}


def test_what_is_found_is_said_before_it() -> None:
    """Counted and named, ten of each kind at most."""
    users = [(f"u{n:02}", (key((91 + n) * DAY),)) for n in range(12)]
    report = triage(reported(*users, root=2), NOW)

    text = page(Account("prod"), "111122223333", report, [])

    assert "12 have an Active key of more than 90 d: u11 (102 d), u10 (101 d)" in text
    assert ", and 2 more\n" in text
    assert "0 have two keys" in text
    assert "the root user has 2 access key(s); delete them" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--account", "123"], "12 digits, and '123' has 3", id="too few digits"),
        pytest.param(["--account", "a b"], "letters, digits", id="no name"),
        pytest.param([], "required: --account", id="no account"),
    ],
)
def test_what_is_no_account_is_told(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked of AWS."""
    try:
        status = main(["init", *arguments])
    except SystemExit as exc:
        status = int(str(exc.code))

    assert status == 2
    assert says in capsys.readouterr().err


def test_a_file_that_is_there_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked of AWS, too."""
    (tmp_path / "rotator.yaml").write_text("mine")

    status = main(["init", "--account", "prod", "--output", str(tmp_path)])

    assert status == 1
    assert "is there already, and is left as it is" in capsys.readouterr().err
    assert (tmp_path / "rotator.yaml").read_text() == "mine"


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits: the local AWS has its report at the second question."""
    monkeypatch.setattr("rotator.cli.init._pause", lambda _: None)


@pytest.fixture
def peopled(program: Program, aws: LocalAws) -> Program:
    """The program over an account with a user in `/ci/`, and one without a key."""
    aws.reset()
    aws.console("iam:CreateUser", UserName="alice", Path="/ci/")
    aws.console("iam:CreateAccessKey", UserName="alice")
    aws.console("iam:CreateUser", UserName="bob")
    return program


def test_an_account_is_looked_at_and_written(
    peopled: Program, aws: LocalAws, tmp_path: Path
) -> None:
    """What is written is valid as it is; nobody is asked about one by one, nothing is changed."""
    folder = tmp_path / "new"
    before = aws.counts()

    answer = peopled("init", "--account", "prod", "--output", str(folder))
    asked = {name: n - before.get(name, 0) for name, n in aws.counts().items()}

    assert (answer.status, answer.out.split(" is written")[0]) == (0, f"{folder}/rotator.yaml")
    assert "2 users; 1 of them have 1 access keys" in (folder / "rotator.yaml").read_text()
    assert peopled("--config", str(folder), "validate").status == 0
    assert not {name for name, n in asked.items() if n and "AccessKey" in name}
    assert sum(asked.values()) <= 10


def test_a_look_as_a_document(peopled: Program) -> None:
    """Scripts get the same figures, and the configuration as text."""
    document = peopled.json("init", "--account", "123456789012")

    assert (document["account_id"], document["users"], document["keys"]) == ("123456789012", 2, 1)
    assert document["old"] == document["two_keys"] == []
    assert 'path: "/ci/"' in document["configuration"]


def test_another_account_than_asked_for_is_refused(peopled: Program, tmp_path: Path) -> None:
    """Before its report is asked for; nothing is written."""
    answer = peopled("init", "--account", "999999999999", "--output", str(tmp_path / "new"))

    assert answer.status == 1
    assert "are those of account 123456789012, and not of 999999999999" in answer.err
    assert not (tmp_path / "new").exists()


def test_without_the_report_there_is_no_look(peopled: Program, aws: LocalAws) -> None:
    """A role that may not read it is told what is missing."""
    aws.fail("iam:GenerateCredentialReport", "deny", times=None)

    answer = peopled("init", "--account", "prod")

    assert (answer.status, answer.out) == (1, "")
    assert "credential report" in answer.err


def test_an_account_without_keys_needs_no_policies(program: Program, aws: LocalAws) -> None:
    """It is said, instead of a configuration that covers nobody."""
    aws.reset()
    aws.console("iam:CreateUser", UserName="bob")

    answer = program("init", "--account", "prod")

    assert (answer.status, answer.out) == (1, "")
    assert "has an access key" in answer.err


def test_who_is_only_in_the_report_is_no_reason_for_policies(
    peopled: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report may be four hours old; a configuration without policies is none."""
    monkeypatch.setattr("rotator.aws.iam.Iam.users", lambda *_, **__: ())

    answer = peopled("init", "--account", "prod")

    assert (answer.status, answer.out) == (1, "")
    assert "is there any more" in answer.err
