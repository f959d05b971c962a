"""A state that is not in order is told about in a sentence, and never replaced or re-made."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import stat
import tempfile
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from rotator.errors import (
    Refused,
    RowDamaged,
    StoreDamaged,
    StoreError,
    StoreMissing,
    StoreTooNew,
    StoreUnavailable,
)
from rotator.model import JournalOutcome, Reason, Step
from rotator.store import create, files, open_store
from tests.store.worlds import (
    ALICE,
    BOB,
    NEW,
    NOW,
    Clock,
    World,
    a_key,
    a_rotation,
    a_user,
    names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.on_a_file

PAGE = 4096


def _filled(world: World) -> None:
    """A store with something in every table that a rotation writes."""
    for ref in (ALICE, BOB):
        world.begun(ref, a_rotation(ref.user_id))
        with world.change(ref) as change:
            change.sight([a_key(f"AKIA{ref.user_id}")])
            intent = change.intent(Step.ISSUE, timeout_at=NOW)
            change.outcome(intent, JournalOutcome.DONE, key_id=NEW)
            change.hold(Reason.BY_HAND, message="x" * 5000, by="eve")


def _closed(world: World) -> bytes:
    """The whole store in one file, and its bytes."""
    _filled(world)
    world.store.close()
    assert [world.path.name] == names(world.path.parent)
    return world.path.read_bytes()


# Making


def test_a_new_store_is_for_its_owner_only(tmp_path: Path) -> None:
    """Mode 0600 in a folder of mode 0700, whatever the umask; nothing else is left there."""
    before = os.umask(0)
    try:
        create("sqlite:///deep/state/r.db", clock=Clock(), base=tmp_path).close()
    finally:
        os.umask(before)

    state = tmp_path / "deep" / "state"
    assert names(state) == ["r.db"]
    assert stat.S_IMODE((state / "r.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_commits_survive_a_power_cut(world: World) -> None:
    """Write-ahead log, synchronous=FULL (2), foreign keys: on every connection."""
    with world.store._database.reading() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]

    assert found == ["wal", 2, 1, 5000]


def _a_store(path: Path) -> None:
    create(f"sqlite:///{path}", clock=Clock()).close()


def _an_empty_file(path: Path) -> None:
    path.touch()


def _a_text(path: Path) -> None:
    path.write_text("precious " * 100, encoding="utf-8")


def _a_short_text(path: Path) -> None:
    path.write_text("precious", encoding="utf-8")


def _a_folder(path: Path) -> None:
    path.mkdir()


def _a_socket(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as it:
        it.bind(str(path))


def _a_database_of_something_else(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
        connection.commit()


def _a_damaged_store(path: Path) -> None:
    _a_store(path)
    path.write_bytes(path.read_bytes()[: 3 * PAGE])


def _a_store_without_a_table(path: Path) -> None:
    _a_store(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE replicas")


def _a_store_without_a_version(path: Path) -> None:
    _a_store(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value = 'two' WHERE name = 'schema_version'")
        connection.commit()


def _a_newer_store(path: Path) -> None:
    _a_store(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value = '7' WHERE name = 'schema_version'")
        connection.execute("UPDATE meta SET value = '5' WHERE name = 'min_reader'")
        connection.commit()


SORRY_FILES = [
    pytest.param(_an_empty_file, StoreDamaged, "0 bytes", id="an empty file"),
    pytest.param(_a_short_text, StoreDamaged, "8 bytes", id="a short text"),
    pytest.param(_a_text, StoreDamaged, "is not an SQLite file", id="a text"),
    pytest.param(_a_folder, StoreError, "is a folder", id="a folder"),
    pytest.param(_a_socket, StoreError, "not a regular file", id="a socket"),
    pytest.param(
        _a_database_of_something_else, StoreDamaged, "not a store of rotator", id="another's SQLite"
    ),
    pytest.param(_a_damaged_store, StoreDamaged, "malformed|integrity", id="a store cut short"),
    pytest.param(_a_store_without_a_table, StoreDamaged, "lacks the table replicas", id="a table"),
    pytest.param(_a_store_without_a_version, StoreDamaged, "which version", id="no version"),
    pytest.param(_a_newer_store, StoreTooNew, "upgrade rotator", id="a newer store"),
]


def _left(path: Path) -> object:
    return path.read_bytes() if path.is_file() else path.stat().st_mode


@pytest.mark.parametrize(("make", "error", "sentence"), SORRY_FILES)
def test_what_is_no_store_of_ours_is_refused_and_left_as_it_was(
    tmp_path: Path, make: Callable[[Path], None], error: type[StoreError], sentence: str
) -> None:
    """Neither opening nor making one touches it, and the sentence names the file."""
    path = tmp_path / "r.db"
    make(path)
    before = _left(path)

    with pytest.raises(error, match=sentence) as told:
        open_store(f"sqlite:///{path}", clock=Clock())
    with pytest.raises(Refused, match="exists already"):
        create(f"sqlite:///{path}", clock=Clock())

    assert before == _left(path)
    assert names(tmp_path) == ["r.db"]
    assert str(path) in str(told.value)
    assert error is type(told.value)


def test_a_store_is_made_once(world: World) -> None:
    """Initialising one that exists changes nothing."""
    world.known_user()

    with pytest.raises(Refused, match="left as it was"):
        create(f"sqlite:///{world.path}", clock=world.clock)

    assert a_user() == world.store.know(ALICE).user


def test_a_race_to_make_a_store_has_one_winner(tmp_path: Path) -> None:
    """A name is given to a whole file at once, and never taken from another."""
    path = tmp_path / "r.db"

    with pytest.raises(Refused, match="exists already"):
        files.make_whole(path, lambda _draft: _a_text(path))

    assert path.read_text(encoding="utf-8").startswith("precious")
    assert names(tmp_path) == ["r.db"]


def test_a_making_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    """Neither half a store nor a draft; a draft of one that was killed is no hindrance."""
    path = tmp_path / "r.db"
    (tmp_path / f".r.db.{os.getpid()}.new").write_text("left by the one killed", encoding="utf-8")

    def break_off(_draft: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.make_whole(path, break_off)

    assert names(tmp_path) == []


def test_no_store_is_told_with_what_to_type(tmp_path: Path) -> None:
    """A forgotten volume must not become a second store."""
    for url in ("sqlite:///r.db", "sqlite:///no/such/r.db"):
        with pytest.raises(StoreMissing, match="type: rotator state init"):
            open_store(url, clock=Clock(), base=tmp_path)

    (tmp_path / "file").touch()
    with pytest.raises(StoreMissing, match="rotator state init"):
        open_store("sqlite:///file/r.db", clock=Clock(), base=tmp_path)
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        create("sqlite:///file/r.db", clock=Clock(), base=tmp_path)

    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        pytest.param("sqlite://", "needs a file", id="in memory"),
        pytest.param("sqlite:///:memory:", "needs a file", id="in memory, said so"),
        pytest.param("mysql://root:hunter2@db/x", "not in mysql", id="another database"),
        pytest.param("hunter2", "not a URL", id="no URL"),
    ],
)
def test_an_address_that_cannot_hold_a_store_is_refused(url: str, sentence: str) -> None:
    """Without telling its password."""
    with pytest.raises(StoreError, match=sentence) as told:
        open_store(url, clock=Clock())

    assert "hunter2" not in str(told.value)


# Rights and file systems


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Who is root may write everywhere; be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that others than its owner can reach."""
    folder = Path(tempfile.mkdtemp(prefix="rotator-public-"))  # pytest's own are shut to others
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "sentence"),
    [
        pytest.param(0o444, 0o777, "cannot be read and written", id="the file is read-only"),
        pytest.param(0o666, 0o555, "folder .* is not writable", id="the folder is read-only"),
    ],
)
def test_a_store_without_the_right_to_write_is_refused(
    public: Path, file_mode: int, folder_mode: int, sentence: str
) -> None:
    """Before anything is begun that could not be recorded."""
    path = public / "r.db"
    _a_store(path)
    path.chmod(file_mode)
    public.chmod(folder_mode)

    with _as_nobody(), pytest.raises(StoreUnavailable, match=sentence):
        open_store(f"sqlite:///{path}", clock=Clock())


def test_a_store_cannot_be_made_without_the_right_to_write(public: Path) -> None:
    """Said in a sentence, and nothing is left."""
    public.chmod(0o555)

    with _as_nobody(), pytest.raises(StoreUnavailable, match="cannot be made"):
        create(f"sqlite:///{public}/r.db", clock=Clock())

    assert names(public) == []


MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:40 / /srv/nfs rw - nfs4 server:/export rw
24 23 8:2 / /srv/nfs/local rw - xfs /dev/sdb1 rw
25 22 0:41 / /srv/with\040blank rw - fuse.sshfs host:/ rw
26 22 0:42 / /srv/windows rw - cifs //host/share rw
27 22 0:43 / /srv/covered rw - nfs server:/x rw
28 22 0:44 / /srv/covered rw - tmpfs tmpfs rw
a line that is cut
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/var/r.db", None, id="a local disk"),
        pytest.param("/srv/nfs/r.db", "nfs4", id="NFS"),
        pytest.param("/srv/nfs/deep/r.db", "nfs4", id="deep in NFS"),
        pytest.param("/srv/nfs/local/r.db", None, id="a local disk mounted within NFS"),
        pytest.param("/srv/nfsx/r.db", None, id="a name that begins alike"),
        pytest.param("/srv/with blank/r.db", "fuse.sshfs", id="sshfs, a blank in its name"),
        pytest.param("/srv/windows/r.db", "cifs", id="a Windows share"),
        pytest.param("/srv/covered/r.db", None, id="NFS covered by a local mount"),
    ],
)
def test_network_file_systems_are_told(path: str, expected: str | None) -> None:
    """By the mount that holds the file."""
    assert expected == files.network_type(Path(path), MOUNTS)


def test_a_store_on_a_network_file_system_is_refused(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither opened nor made there; where nothing tells about mounts it is not asked."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("22 1 8:1 / / rw - nfs server:/ rw\n", encoding="utf-8")
    monkeypatch.setattr(files, "MOUNTS", mounts)

    with pytest.raises(StoreError, match=r"network file system \(nfs\)"):
        world.opened()
    with pytest.raises(StoreError, match="PostgreSQL"):
        create(f"sqlite:///{tmp_path}/other.db", clock=world.clock)

    monkeypatch.setattr(files, "MOUNTS", tmp_path / "none")

    world.opened().close()


# Damage


def _opened_and_read(path: Path) -> list[str]:
    """Everything that is read of a store, as far as it can be."""
    with open_store(f"sqlite:///{path}", clock=Clock()) as store:
        findings = store.check()
        for standing in store.users():
            store.know(standing.user.ref)
        list(store.history())
        return findings


@pytest.mark.slow
def test_a_store_cut_short_anywhere_is_refused(world: World) -> None:
    """At every 512 bytes: never a traceback, never a store that looks whole."""
    whole = _closed(world)
    for size in range(0, len(whole), 512):
        world.path.write_bytes(whole[:size])

        with pytest.raises(StoreDamaged):
            open_store(f"sqlite:///{world.path}", clock=world.clock)
        assert whole[:size] == world.path.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 99, 100, 512, PAGE - 1, PAGE, PAGE + 1, 20 * PAGE])
def test_a_store_cut_short_is_refused(world: World, size: int) -> None:
    """Within the header, at the edge of a page, in the middle."""
    whole = _closed(world)
    world.path.write_bytes(whole[:size])

    with pytest.raises(StoreDamaged):
        open_store(f"sqlite:///{world.path}", clock=world.clock)


def _flip(path: Path, whole: bytes, offset: int) -> None:
    path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x20]) + whole[offset + 1 :])


@pytest.mark.parametrize("start", [0, 16, pytest.param(5, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_no_traceback(world: World, start: int) -> None:
    """Whatever it hits: a sentence, or, where it hit what nothing vouches for, an answer."""
    whole = _closed(world)
    step = {0: 1, 16: 3989, 5: 397}[start]
    end = 100 if start == 0 else len(whole)
    for offset in range(start, end, step):
        _flip(world.path, whole, offset)
        with suppress(StoreError):
            _opened_and_read(world.path)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        pytest.param("users", "phase", "x'ff'", id="bytes that are no text"),
        pytest.param("users", "phase", "'dancing'", id="a word that is none of ours"),
        pytest.param("users", "next_at", "'soon'", id="a text where a moment belongs"),
        pytest.param("users", "next_at", "9223372036854775807", id="a moment beyond all years"),
        pytest.param("keys", "longest_silence", "'long'", id="a text where a length belongs"),
        pytest.param("rotations", "evidence", "'{'", id="evidence cut short"),
        pytest.param("rotations", "evidence", "'[1]'", id="evidence of another shape"),
        pytest.param(
            "rotations",
            "evidence",
            """'{"A":{"use_kind":"used","used_at":"x"}}'""",
            id="evidence without a moment",
        ),
    ],
)
def test_a_row_that_makes_no_sense_is_damage(
    world: World, table: str, column: str, value: str
) -> None:
    """Not "never used", not "not due": nothing is concluded from it, and others are told of."""
    _filled(world)
    with world.store._database.writing() as connection:
        connection.exec_driver_sql(
            f"UPDATE {table} SET {column} = {value} WHERE user_id = '{ALICE.user_id}'"  # noqa: S608 - a table of ours
        )

    (sentence,) = world.store.damaged()
    assert re.fullmatch(
        rf"the row \S+ of {table} is damaged: in {column} the store holds .+ where .+ belongs",
        sentence,
    )
    assert sentence in world.store.check()
    assert [standing.user.ref for standing in world.store.users()] == [BOB]
    assert world.store.know(BOB).user is not None
    with pytest.raises(RowDamaged, match=re.escape(sentence)):
        world.store.know(ALICE)


# Taken away while it is open


def test_a_store_that_was_deleted_is_missed_at_once(world: World) -> None:
    """What is written into a file without a name would be lost."""
    world.known_user()
    world.path.rename(world.path.with_name("away"))

    with pytest.raises(StoreMissing, match=r"is gone; .*rotator state init"):
        world.store.know(ALICE)
    with pytest.raises(StoreMissing, match="is gone"):
        world.lease(BOB)

    world.path.with_name("away").rename(world.path)

    assert a_user() == world.store.know(ALICE).user


def test_a_save_into_a_file_that_vanishes_is_no_save(world: World) -> None:
    """Its intent would not be found after a crash, so its request must not be sent."""
    world.known_user()
    lease = world.lease()

    def save() -> None:
        with world.store.change(lease) as change:
            change.intent(Step.ISSUE, timeout_at=NOW)
            world.path.rename(world.path.with_name("away"))

    with pytest.raises(StoreMissing, match="is gone"):
        save()


def test_a_save_into_a_file_that_is_exchanged_is_no_save(world: World, tmp_path: Path) -> None:
    """As above, with another store in its place."""
    world.known_user()
    lease = world.lease()
    _a_store(tmp_path / "other.db")

    def save() -> None:
        with world.store.change(lease) as change:
            change.note_user(a_user(message="x"))
            (tmp_path / "other.db").replace(world.path)

    with pytest.raises(StoreUnavailable, match="exchanged"):
        save()


def test_a_file_that_takes_the_place_of_the_store_is_verified(world: World, tmp_path: Path) -> None:
    """As often as it is asked for, until it is in order."""
    world.known_user()
    _a_text(tmp_path / "other")
    shutil.copy(world.path, tmp_path / "ours")
    (tmp_path / "other").replace(world.path)

    for _ in range(2):
        with pytest.raises(StoreDamaged, match="not an SQLite file"):
            world.store.users()


# Unavailable for a while


def test_a_full_disk_leaves_nothing_and_mends_by_itself(world: World) -> None:
    """The save fails whole, with a sentence; when there is room again, work goes on."""
    world.begun()
    engine = world.store._database.engine
    with world.store._database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    def bound(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}").close()

    event.listen(engine, "connect", bound)
    engine.dispose()

    def save() -> None:
        with world.change() as change:
            change.facts("r1", successor=NEW)
            for _ in range(100):
                change.journal(Step.PROVE, JournalOutcome.DONE, detail="x" * 1000)

    with pytest.raises(StoreUnavailable, match="the disk is full"):
        save()

    assert a_rotation() == world.store.know(ALICE).rotation
    assert world.store.seq_max() == 0

    event.remove(engine, "connect", bound)
    engine.dispose()
    with world.change() as change:
        change.facts("r1", successor=NEW)

    assert a_rotation(successor=NEW) == world.store.know(ALICE).rotation
    assert world.store.check() == []


def test_a_disk_that_became_read_only_is_told(world: World) -> None:
    """Reading goes on."""
    world.known_user()
    engine = world.store._database.engine
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA query_only=ON").close())
    engine.dispose()

    with pytest.raises(StoreUnavailable, match="read-only"):
        world.lease()

    assert a_user() == world.store.know(ALICE).user


def test_a_store_that_another_locks_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that a writer may take; readers are not disturbed."""
    monkeypatch.setattr("rotator.store.engine.BUSY_SECONDS", 0.05)
    world.store._database.engine.dispose()
    with closing(sqlite3.connect(world.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreUnavailable, match="is locked by another process"):
            world.lease()
        assert world.store.users() == []

    world.lease()


def test_a_thread_that_writes_too_long_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that would wait for itself."""
    monkeypatch.setattr("rotator.store.engine.BUSY_SECONDS", 0.05)
    lease = world.lease()

    with world.store.change(lease), pytest.raises(StoreUnavailable, match="another thread"):
        world.lease(BOB)


def test_all_connections_in_use_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool is bounded, and waits only so long."""
    monkeypatch.setattr("rotator.store.engine.BUSY_SECONDS", 0.05)
    store = world.opened()
    connections = [store._database.engine.connect() for _ in range(10)]

    with pytest.raises(StoreUnavailable, match="gives no connection"):
        store.users()

    for connection in connections:
        connection.close()
    store.close()
