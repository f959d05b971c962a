"""Keeps every test on this machine: loopback only, and no AWS account but a made-up one."""

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from rotator.aws.quiet import TALKATIVE, TELLING, WITHOUT_WIRE
from tests.databases.postgres import Server

# A busy machine is no reason to fail, and a failure must be replayable from what it printed.
settings.register_profile("rotator", deadline=None, print_blob=True)
settings.load_profile("rotator")

_FROM_OUTSIDE = ("AWS_", "BOTO_", "ROTATOR_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _nobodys_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test, and no process that it starts, finds the credentials of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(_FROM_OUTSIDE) or name.upper() in _PROXIES:
            monkeypatch.delenv(name)

    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    """A command that ran in this process leaves boto's loggers as quiet as a process wants them."""
    yield
    for name in (*TALKATIVE, *TELLING):
        logger = logging.getLogger(name)
        if WITHOUT_WIRE in logger.filters:
            logger.removeFilter(WITHOUT_WIRE)
            logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL server, which ends with the tests."""
    with Server.started() as server:
        yield server


_SLOW = (
    "cli/test_lever_table.py",
    "cli/test_levers.py",
    "cli/test_looking.py",
    "cli/test_run.py",
    "cli/test_streams.py",
    "demo/test_local_aws",
    "endurance/",
    "faults/",
    "fuzz/",
    "judgement/test_any_world.py",
    "life/test_frozen.py",
    "life/test_kill9.py",
    "reconcile/test_approvals.py",
    "reconcile/test_handing.py",
    "reconcile/test_leaked.py",
    "review/",
    "sinks/test_over_http.py",
    "sinks/test_secretsmanager.py",
    "sinks/test_ssm.py",
    "sinks/test_vault.py",
    "soak/",
    "store/test_files.py",
    "store/test_lost_commits.py",
    "store/test_postgres.py",
    "survey/test_twins.py",
)
"""Where tests start processes or live many lives: each is quick, all together are not."""

_LIVES = (
    "endurance/",
    "faults/",
    "fuzz/",
    "judgement/test_any_world.py",
    "judgement/test_small_worlds.py",
    "judgement/test_teeth.py",
    "life/test_databases_in_trouble.py",
    "life/test_frozen.py",
    "life/test_kill9.py",
    "life/test_replicas.py",
    "life/test_two_configurations.py",
    "reconcile/test_ahead.py",
    "reconcile/test_each_way_ahead.py",
    "reconcile/test_handovers",
    "soak/",
    "survey/test_twins.py",
    "survival/test_running_daemon.py",
)
"""Where hundreds of lives or worlds are gone through: measuring them would take several times as
long, and they pass through no line that others do not."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to `make test` what `make test-fast` has no time for."""
    for item in items:
        path = item.path.as_posix()
        over_postgres = "tests/store/" in path and "postgresql" in item.name
        if over_postgres or any(f"tests/{part}" in path for part in _SLOW):
            item.add_marker(pytest.mark.slow)
        if any(f"tests/{part}" in path for part in _LIVES):
            item.add_marker(pytest.mark.lives)
    _take_a_slice(items)


_IN_TURN = {
    "life/test_databases_in_trouble.py": 3,
    "life/test_frozen.py": 8,
    "life/test_two_configurations.py": 3,
    "reconcile/test_handovers": 3,
    "survival/test_running_daemon.py": 3,
}
"""Where each time another one in so many is gone through: the whole takes minutes."""


def _take_a_slice(items: list[pytest.Item]) -> None:
    """Of the longest tables leave a part, another one each time, where LIVES_SLICE is set."""
    number = os.environ.get("LIVES_SLICE", "")
    if not number:
        return
    left_out: set[int] = set()
    for part, parts in _IN_TURN.items():
        cells = [item for item in items if f"tests/{part}" in item.path.as_posix()]
        left_out |= {
            id(cell)
            for place, cell in enumerate(cells)
            if ("[" in cell.name or "life/" in part) and place % parts != int(number) % parts
        }
    items[:] = [item for item in items if id(item) not in left_out]
