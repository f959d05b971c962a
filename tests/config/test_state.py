"""Where the record is kept: a file, or a database whose password nobody gets to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotator.cli.stores import shown
from rotator.errors import ConfigError
from tests.config.worlds import loaded, policy

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "correct-horse"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(
            "postgresql+psycopg://rotator@db.example.com/rotator", id="without a password"
        ),
        pytest.param("postgresql+psycopg://rotator:pw%40home@db:5432/rotator", id="with one"),
        pytest.param("postgresql+psycopg://r:p@[::1]:5432/rotator?sslmode=verify-full", id="TLS"),
        pytest.param("postgresql+psycopg://r@/rotator?host=/run/postgresql", id="a socket"),
        pytest.param("postgresql+psycopg://r@/rotator?host=a:1&host=b:2", id="two hosts"),
    ],
)
def test_a_database_may_keep_the_record(url: str, tmp_path: Path) -> None:
    """As it is written; nothing in it is a path."""
    assert loaded(f"state: {url}\n" + policy(), tmp_path).state == url


def test_a_password_may_stand_in_a_file(tmp_path: Path) -> None:
    """Trimmed, in the middle of the address."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    text = "state: postgresql+psycopg://r:${file:password}@db/rotator\n" + policy()

    found = loaded(text, tmp_path)

    assert found.state == f"postgresql+psycopg://r:{PASSWORD}@db/rotator"
    assert PASSWORD not in repr(found)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(f"postgresql://r:{PASSWORD}@db/x", "expected the address", id="no driver"),
        pytest.param(f"postgresql+asyncpg://r:{PASSWORD}@db/x", "expected the", id="another one"),
        pytest.param(f"postgresql+psycopg://r:{PASSWORD}@x@db/x", "more than one @", id="an @"),
        pytest.param(f"postgresql+psycopg://r:{PASSWORD}@db", "no database", id="no database"),
        pytest.param(f"postgresql+psycopg://r:{PASSWORD}@db/", "no database", id="a / only"),
        pytest.param(f"postgresql+psycopg://r:{PASSWORD}@d b/x", "no host", id="no host"),
        pytest.param(f"postgresql+psycopg://r:{PASSWORD}@db:port/x", "no host", id="no port"),
    ],
)
def test_what_is_no_address_is_told_without_its_password(
    url: str, expected: str, tmp_path: Path
) -> None:
    """Whether it stands there or comes from elsewhere."""
    with pytest.raises(ConfigError) as told:
        loaded(f"state: {url}\n" + policy(), tmp_path)

    assert expected in str(told.value)
    assert PASSWORD not in str(told.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("sqlite:////srv/r.db", "sqlite:////srv/r.db", id="a file"),
        pytest.param(
            f"postgresql+psycopg://r:{PASSWORD}@db/x?password={PASSWORD}",
            "postgresql+psycopg://r:***@db/x",
            id="a database",
        ),
        pytest.param(f"r:{PASSWORD}@db/x", "the store", id="no address"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, expected: str) -> None:
    """As `state` answers."""
    assert expected == shown(url)
