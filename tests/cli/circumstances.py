"""Circumstances in which a lever may be pulled: each makes the world so, and says whom to name."""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotator.cli.clocks import clock
from rotator.model import (
    AccessKey,
    JournalOutcome,
    KeyStatus,
    Kind,
    NeverUsed,
    Place,
    Rotation,
    Step,
    UserRef,
)
from rotator.store import PlaceRow, UserRow, open_store
from tests.cli.conftest import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rotator.demo.aws import LocalAws
    from rotator.store import Change, Store
    from tests.cli.conftest import Program

__all__ = ["CIRCUMSTANCES", "LEVERS", "NEW", "OLD", "Whom", "argv_of"]

ACCOUNT, ELSEWHERE = "123456789012", "999988887777"
OLD, NEW, OTHER = "AKIAOLD0000000000001", "AKIANEW0000000000002", "AKIAOTHER00000000001"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

POLICY = """\
  - name: ci
    mode: MODE
    approve: [delete]
    users: {include: [{path: /ci/}]}
    rotate_after: 50d
    grace_period: 2h
    quiet_period: 300ms
    recovery_period: 2h
    sinks: [{type: file, path: "FOLDER/out/{user}.json"}]
"""

LEVERS = {
    "rotate": ["rotate", "USER"],
    "rotate --compromised": ["rotate", "KEY", "--compromised"],
    "retire": ["retire", "KEY", "--reason", "x"],
    "rollback": ["rollback", "USER", "--reason", "x"],
    "deliver": ["deliver", "USER"],
    "approve": ["approve", "USER", "--action", "delete"],
    "close": ["close", "USER", "--reason", "x"],
    "hold": ["hold", "USER", "--reason", "x"],
    "release": ["release", "USER"],
}
"""Each lever as it is typed; `rotate` and `approve` take a key as well as a user."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom the person types; `during` is what else is so while the command runs."""

    user: str = "alice"
    key: str = OLD
    during: Callable[[], AbstractContextManager[object]] = field(
        default=lambda: closing(_Nothing())
    )


class _Nothing:
    def close(self) -> None:
        """Nothing was opened."""


def argv_of(lever: str, whom: Whom) -> list[str]:
    """What is typed."""
    names = {"USER": whom.user, "KEY": whom.key}
    return [names.get(word, word) for word in LEVERS[lever]]


# The ordinary world


def ordinary(program: Program, aws: LocalAws, *keys: dict[str, Any], mode: str = "enforce") -> Whom:
    """One user with these keys (by default one that is not due), known to the store."""
    program.configure(POLICY.replace("MODE", mode), defaults="{schedule: {every: 1s}}")
    found = keys or ({"age": "10d", "access_key_id": OLD},)
    aws.plant({"users": [{"name": "alice", "path": "/ci/", "keys": list(found)}]})
    program("run")
    return Whom()


def store_of(program: Program) -> Store:
    return open_store(f"sqlite:///{program.state}", clock=clock)


def ref_of(store: Store) -> UserRef:
    return store.find_user("alice")[0].user.ref


@contextmanager
def change(program: Program) -> Iterator[tuple[Change, Store]]:
    """Write about alice as whoever holds the lease does."""
    with store_of(program) as store:
        lease = store.acquire(ref_of(store), holder="earlier", length=MINUTE)
        assert lease is not None
        with store.change(lease) as open_change:
            yield open_change, store
        store.release(lease)


# Who is meant


def unknown(program: Program, aws: LocalAws) -> Whom:
    ordinary(program, aws)
    return Whom("alcie", "alcie")


def two_of_one_name(program: Program, aws: LocalAws) -> Whom:
    ordinary(program, aws)
    with store_of(program) as store:
        store.note_users([UserRow(UserRef(ELSEWHERE, "AIDAELSE"), "test", "alice")])
    return Whom("alice", "alice")


def key_of_another_account(program: Program, aws: LocalAws) -> Whom:
    ordinary(program, aws)
    with store_of(program) as store:
        ref = UserRef(ELSEWHERE, "AIDAELSE")
        store.note_users([UserRow(ref, "test", "eve")])
        lease = store.acquire(ref, holder="earlier", length=MINUTE)
        assert lease is not None
        with store.change(lease) as open_change:
            open_change.sight([_key(OTHER, DAY)])
        store.release(lease)
    return Whom(OTHER, OTHER)


def no_key_id(program: Program, aws: LocalAws) -> Whom:
    ordinary(program, aws)
    return Whom("AKIATOOSHORT", "AKIATOOSHORT")


def nobodys_key(program: Program, aws: LocalAws) -> Whom:
    ordinary(program, aws)
    return Whom("AKIANOBODY0000000001", "AKIANOBODY0000000001")


def four_for_two(program: Program, aws: LocalAws) -> Whom:
    key_of_another_account(program, aws)
    return Whom("0001", "0001")


def deleted_key(program: Program, aws: LocalAws) -> Whom:
    whom = ordinary(program, aws)
    aws.console("iam:DeleteAccessKey", UserName="alice", AccessKeyId=OLD)

    def is_gone() -> bool:
        program("run")
        with store_of(program) as store:
            return OLD in store.know(ref_of(store)).former

    assert eventually(is_gone)
    return Whom(OLD, whom.key)


# Where the user stands


def stopped(program: Program, aws: LocalAws) -> Whom:
    ordinary(
        program, aws, {"age": "90d", "access_key_id": OLD}, {"age": "80d", "access_key_id": NEW}
    )
    return Whom()


def held(program: Program, aws: LocalAws) -> Whom:
    whom = ordinary(program, aws)
    program("hold", "alice", "--reason", "an audit")
    return whom


def observed(program: Program, aws: LocalAws) -> Whom:
    return ordinary(program, aws, mode="observe")


def idle(program: Program, aws: LocalAws) -> Whom:
    return ordinary(program, aws)


def issuing(program: Program, aws: LocalAws) -> Whom:
    whom = ordinary(program, aws)
    with change(program) as (open_change, _):
        open_change.begin(_rotation(Kind.REPLACE))
        open_change.intent(Step.ISSUE, timeout_at=clock() + HOUR)
    return whom


def delivering(program: Program, aws: LocalAws) -> Whom:
    whom = _both(program, aws)
    with change(program) as (open_change, _):
        open_change.begin(_rotation(Kind.REPLACE, successor=NEW, issued_at=clock()))
    return whom


def grace(program: Program, aws: LocalAws) -> Whom:
    whom = _both(program, aws)
    with change(program) as (open_change, _):
        open_change.begin(_delivered(), [_place(program)])
        _answered(open_change, program)
    return whom


def recovery(program: Program, aws: LocalAws) -> Whom:
    whom = _both(program, aws, status="Inactive")
    with change(program) as (open_change, _):
        off = {"deactivated_at": clock(), "promised_at": clock() + 2 * HOUR}
        open_change.begin(_delivered(**off), [_place(program)])
        _answered(open_change, program)
    return whom


def leased(program: Program, aws: LocalAws) -> Whom:
    whom = ordinary(program, aws)

    @contextmanager
    def another() -> Iterator[None]:
        with store_of(program) as store:
            lease = store.acquire(ref_of(store), holder="another", length=MINUTE)
            assert lease is not None
            yield

    return Whom(whom.user, whom.key, another)


# The store


def away(program: Program, aws: LocalAws) -> Whom:
    whom = ordinary(program, aws)
    shutil.rmtree(program.state.parent)
    return whom


def read_only(program: Program, aws: LocalAws) -> Whom:
    whom = ordinary(program, aws)
    parent = Path(tempfile.mkdtemp(prefix="rotator-public-"))  # where nobody may go
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    parent.chmod(0o755)
    public = parent / "house"
    shutil.copytree(program.folder, public)
    text = program.config.read_text().replace(str(program.folder), str(public))
    (public / "rotator.yaml").write_text(text)
    program.folder = public
    for path in [public, *public.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return Whom(whom.user, whom.key, as_nobody)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Who is root may write everywhere; be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def locked(program: Program, aws: LocalAws) -> Whom:
    whom = ordinary(program, aws)

    @contextmanager
    def by_another() -> Iterator[None]:
        with closing(sqlite3.connect(program.state)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    return Whom(whom.user, whom.key, by_another)


# The machine


def aws_is_away(program: Program, aws: LocalAws) -> Whom:
    whom = ordinary(program, aws)

    @contextmanager
    def without() -> Iterator[None]:
        before = os.environ["AWS_ENDPOINT_URL"]
        os.environ.update(AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1")
        try:
            yield
        finally:
            os.environ.update(AWS_ENDPOINT_URL=before)
            del os.environ["AWS_MAX_ATTEMPTS"]

    return Whom(whom.user, whom.key, without)


CIRCUMSTANCES: dict[str, Callable[[Program, LocalAws], Whom]] = {
    "a user whom nobody knows": unknown,
    "two users of one name in two accounts": two_of_one_name,
    "a key of another account": key_of_another_account,
    "a key id that is none": no_key_id,
    "a key that is nobody's": nobodys_key,
    "a key that was deleted": deleted_key,
    "four characters that fit two keys": four_for_two,
    "idle, without a terminal and without --yes": idle,
    "stopped, both slots taken": stopped,
    "held": held,
    "observed": observed,
    "issuing, with an answer outstanding": issuing,
    "delivering": delivering,
    "in grace": grace,
    "in recovery": recovery,
    "while another holds the lease": leased,
    "the store is away": away,
    "the store is read-only": read_only,
    "the store is locked": locked,
    "AWS is away, and no daemon lives": aws_is_away,
}


def _both(program: Program, aws: LocalAws, **old: str) -> Whom:
    whom = ordinary(
        program,
        aws,
        {"age": "40d", "access_key_id": OLD, **old},
        {"age": "1h", "access_key_id": NEW, "secret_access_key": "of-the-new-key"},
    )
    program.serve("alice", {"access_key_id": NEW, "secret_access_key": "of-the-new-key"})
    return whom


def _key(key_id: str, age: timedelta) -> AccessKey:
    at = clock()
    return AccessKey(key_id, KeyStatus.ACTIVE, at - age, NeverUsed(), at - age, at, at)


def _rotation(kind: Kind, **facts: Any) -> Rotation:  # noqa: ANN401 - the facts of a rotation
    return Rotation("r1", kind, "ci", clock() - MINUTE, predecessor=OLD, **facts)


def _delivered(**facts: Any) -> Rotation:  # noqa: ANN401 - the facts of a rotation
    at = clock()
    done = {"issued_at": at, "own_use_at": at, "proven_at": at, "delivered_at": at}
    return _rotation(Kind.REPLACE, successor=NEW, **done, **facts)


def _place(program: Program) -> PlaceRow:
    return PlaceRow(
        Place("file", f"{program.folder}/out/alice.json"), readable=True, sink_id="file"
    )


def _answered(open_change: Change, program: Program) -> None:
    place = _place(program).place
    open_change.place(place, begun_key=NEW, answered_key=NEW, delivered_at=clock())
    open_change.journal(Step.DELIVER, JournalOutcome.OBSERVED, key_id=NEW, place=place)
