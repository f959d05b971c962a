"""`${NAME}` and `${file:PATH}`: replaced after parsing, never parsed again, never shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from rotator.config import load
from rotator.config.substitution import Substitution
from rotator.errors import ConfigError
from tests.config.worlds import ENVIRON, SECRET, TABLES, loaded, policy, problems

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "accounts: {a: {role_arn: arn:aws:iam::111122223333:role/r, external_id: %s}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain", "plain", id="nothing to replace"),
        pytest.param("${SHORT}", "zq", id="a variable alone"),
        pytest.param("a-${SHORT}-${SHORT}-b", "a-zq-zq-b", id="several within a text"),
        pytest.param("[${EMPTY}]", "[]", id="a variable that is set to nothing"),
        pytest.param("$${SHORT}", "${SHORT}", id="an escaped one"),
        pytest.param("$$${SHORT}", "$${SHORT}", id="a dollar before an escaped one"),
        pytest.param("$ $SHORT {SHORT}", "$ $SHORT {SHORT}", id="dollars and braces apart"),
        pytest.param("${file:token}", "from a file", id="a file, trimmed"),
        pytest.param("${NESTED}", "${SHORT}", id="a value is not looked through again"),
    ],
)
def test_references(text: str, expected: str, tmp_path: Path) -> None:
    """What a reference stands for is put in its place, once."""
    (tmp_path / "token").write_text("\n from a file \n")
    substitution = Substitution(ENVIRON | {"NESTED": "${SHORT}"}, tmp_path, [])

    assert expected == substitution.apply(text)[0]


def test_a_value_is_never_parsed_as_yaml(tmp_path: Path) -> None:
    """Colons, quotes and line ends of a secret stay what they are."""
    found = loaded(ACCOUNT % '"${EXTERNAL_ID}"' + policy(), tmp_path)

    assert found.accounts[0].external_id == SECRET
    assert SECRET not in repr(found)


def test_a_value_is_text(tmp_path: Path) -> None:
    """A number in the environment is text, and is refused where a number is expected."""
    (tmp_path / "ten").write_text("10")

    assert problems(policy('limits: {issue: "${file:ten}"}'), tmp_path) == [
        (5, 21, "`issue`: expected a whole number, got `${file:ten}`")
    ]


def test_files_that_are_referred_to_are_listed(tmp_path: Path) -> None:
    """So that a change of theirs is a change of the configuration."""
    (tmp_path / "id").write_text("an-external-id\n")
    found = loaded(ACCOUNT % '"${file:id}"' + policy(), tmp_path)

    assert found.files == (str(tmp_path / "rotator.yaml"), str(tmp_path / "id"))
    assert found.accounts[0].external_id == "an-external-id"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Only a regular file is read; a pipe without a writer would never end."""
    os.mkfifo(tmp_path / "pipe")

    assert problems(policy('description: "${file:pipe}"'), tmp_path) == [
        (5, 18, "the file `pipe` is no regular file")
    ]


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """The system's reason is said."""
    (tmp_path / "loop").symlink_to("loop")
    name = "n" * 300

    found = problems(
        policy(f'description: "${{file:{name}}}"\nmax_age: "${{file:loop}}"'), tmp_path
    )

    assert [sentence.rpartition("` ")[2] for _, _, sentence in found] == [
        "cannot be read: File name too long",
        "does not exist",
    ]


WRONG = """\
version: ${S}
state: ${S}
http: {listen: "${S}"}
timing: {settle: "${S}"}
accounts:
  a: {role_arn: "${S}", external_id: "${S}", region: "${S}"}
freezes: [{name: f, from: "${S}", until: "${S}", timezone: "${S}"}]
defaults: {quiet_period: "${S}"}
policies:
  - name: p
    mode: ${S}
    accounts: ["${S}", "${S}"]
    users: {include: [{path: "x${S}"}]}
    schedule: {cron: "${S}", timezone: "${S}"}
    window: {days: "${S}", from: "${S}", until: "${S}"}
    rotate_after: ${S}
    limits: {issue: "${S}"}
    sinks:
      - {type: "${S}"}
      - {type: shelf, path: "{user}/${S}", width: 13, token: "${S}"}
      - {type: shelf, path: "{nobody}/${S}", token: "${S}"}
      - {type: shelf, path: "${S}", account: "${S}", format: "${S}"}
      - {type: shelf, path: "{user}", create: "${S}", format: {type: "${S}"}}
  - {name: "${S}", users: {include: [{name: "${S}"}]}, rotate_after: 1d}
  - {name: q, users: {include: [{name: "*"}]}, rotate_after: 1d, sinks: [
      {type: shelf, id: "${S}", path: "{user}/a", format: oneway},
      {type: slot, id: "${S}", path: "{user}/b"}]}
  - {name: "${S}", users: "${S}", rotate_after: 1d, sinks: "${S}"}
"""


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("kR7/zQ+w=", id="a short secret"),
        pytest.param("kR7/zQ+w=" * 12, id="one that is longer than what a sentence shows"),
        pytest.param("kR7'\"\n\t\x00\u202ekR7", id="one that cannot be printed"),
        pytest.param("{kR7zQw}", id="one that looks like a placeholder"),
        pytest.param("kR7zQw-3d", id="one that looks like a duration"),
    ],
)
def test_no_problem_shows_a_substituted_value(secret: str, tmp_path: Path) -> None:
    """Whatever is wrong with a value from `${…}`, its reference is shown in its place."""
    path = tmp_path / "rotator.yaml"
    path.write_text(WRONG)

    with pytest.raises(ConfigError) as caught:
        load(path, environ={"S": secret}, tables=TABLES)

    assert len(caught.value.problems) > 30
    assert "kR7" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_sink_that_quotes_its_options_is_not_quoted(tmp_path: Path) -> None:
    """What a sink says about options that hold a secret is left out, not searched."""
    options = 'path: "{user}", width: 13'

    assert problems(policy(f"sinks: [{{type: shelf, {options}}}]"), tmp_path) == [
        (5, 13, "a sink of type `shelf`: a width of 13 with the token 'token'")
    ]
    assert problems(
        policy(f'sinks: [{{type: shelf, {options}, token: "${{EXTERNAL_ID}}"}}]'), tmp_path
    ) == [(5, 13, "a sink of type `shelf`: expected something else, got a mapping")]
