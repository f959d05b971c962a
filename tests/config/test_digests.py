"""Two replicas agree when what they loaded means the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.config.digests import digest
from tests.config.test_loading import WHOLE
from tests.config.worlds import loaded, policy

if TYPE_CHECKING:
    from pathlib import Path

E = {"EXTERNAL_ID": "one"}
SINK = 'sinks: [{type: shelf, path: "{user}", width: 3}]'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("max_age: 2d", "max_age: 48h", id="a length in another unit"),
        pytest.param("", "max_age: 90d", id="a default said or not"),
        pytest.param("description: x # why", "description: 'x'", id="comments and quotes"),
        pytest.param("window: {days: [mon, tue]}", "window: {days: mon-tue}", id="days"),
    ],
)
def test_the_same_meaning(one: str, other: str, tmp_path: Path) -> None:
    """A digest is of what is meant, not of how it is written."""
    assert loaded(policy(one), tmp_path).digest == loaded(policy(other), tmp_path).digest


@pytest.mark.parametrize(
    ("change", "to"),
    [
        pytest.param("rotate_after: 50d", "rotate_after: 51d", id="a policy"),
        pytest.param("{path: /ci/}", "{path: /cd/}", id="a selector"),
        pytest.param("width: 3", "width: 4", id="an option of a sink"),
        pytest.param("indent: 2", "indent: 3", id="an option of a format"),
        pytest.param("grace_period: 3d", "grace_period: 4d", id="a default"),
        pytest.param("role/ops/rotator", "role/ops/other", id="an account"),
        pytest.param("until: 2027-01-04", "until: 2027-01-05", id="a freeze"),
        pytest.param("settle: 1s", "settle: 2s", id="the timing"),
        pytest.param("from: 9:00", "from: 9:01", id="a window"),
    ],
)
def test_another_meaning(change: str, to: str, tmp_path: Path) -> None:
    """Policies, accounts, freezes and timing are what replicas must agree on."""
    assert change in WHOLE
    one = loaded(WHOLE, tmp_path, environ=E)
    other = loaded(WHOLE.replace(change, to), tmp_path, environ=E)

    assert one.digest != other.digest


def test_a_secret_is_part_of_the_digest(tmp_path: Path) -> None:
    """Another external id is another configuration, though nobody can read it from the digest."""
    one = loaded(WHOLE, tmp_path, environ={"EXTERNAL_ID": "one"})
    other = loaded(WHOLE, tmp_path, environ={"EXTERNAL_ID": "two"})

    assert one.digest != other.digest
    assert one.policies[0].digest == other.policies[0].digest


def test_state_and_addresses_may_differ(tmp_path: Path) -> None:
    """Each replica may listen elsewhere, and keep its files in another folder."""
    (tmp_path / "elsewhere").mkdir()
    one = loaded(policy(SINK), tmp_path)
    other = loaded("http: null\nstate: sqlite:////x\n" + policy(SINK), tmp_path / "elsewhere")

    assert one.digest == other.digest
    assert one.policies[0].digest == other.policies[0].digest


def test_a_policys_digest_is_its_own(tmp_path: Path) -> None:
    """What another policy says changes only the digest of the whole."""
    one = loaded(policy(), tmp_path)
    two = loaded(policy() + policy(name="q").removeprefix("policies:\n"), tmp_path)

    assert one.policies[0].digest == two.policies[0].digest
    assert one.digest != two.digest
    assert len({two.digest, *(each.digest for each in two.policies)}) == 3


def test_what_has_no_canonical_form_is_a_mistake_of_ours() -> None:
    """Rather than digest an address in memory, which differs from start to start."""
    with pytest.raises(TypeError, match="no canonical form of a object"):
        digest(object(), secrets=frozenset())
