"""Databases that cannot be used: a clear error, and nothing half written."""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from perdure.core.sessions import Session
from perdure.errors import Conflict, InvalidInput, StartupError, StorageUnavailable
from perdure.store import events, maintenance, sessions
from perdure.store.store import Store
from tests import factories
from tests.factories import KEY, OpenStore, line
from tests.provision.postgres import PostgresServer

CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION = 0x20080522


@contextmanager
def without_root_powers() -> Iterator[None]:
    """Let file permissions count for root too, in this thread."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, data) == 0
    kept = data[0]
    data[0] = kept & ~(1 << CAP_DAC_OVERRIDE)
    assert libc.capset(header, data) == 0
    try:
        yield
    finally:
        data[0] = kept
        assert libc.capset(header, data) == 0


def new_session(store: Store) -> Session:
    made = factories.session()
    store.write_now(factories.add_people)
    store.write_now(lambda tx: sessions.insert_session(tx, made))
    return made


def test_a_file_that_is_no_database_is_named(open_store: OpenStore, tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    path.write_text("this is a letter to my aunt\n" * 200)
    with pytest.raises(StartupError, match="not a database"):
        open_store(f"sqlite:///{path}")
    assert path.read_text() == "this is a letter to my aunt\n" * 200
    with pytest.raises(StartupError, match="not a database"):
        maintenance.check(f"sqlite:///{path}")
    with pytest.raises(StartupError):
        maintenance.backup(f"sqlite:///{path}", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_database_of_a_newer_program_is_left_alone(
    open_store: OpenStore, sqlite_url: str, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "perdure.db") as connection:
        connection.execute("UPDATE pd_schema_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StartupError, match="newer Perdure"):
        open_store(sqlite_url)
    assert maintenance.check(sqlite_url)["revision"] == "9999"


def test_a_newer_postgres_database_is_left_alone(open_store: OpenStore, ready_postgres_url: str) -> None:

    with psycopg.connect(ready_postgres_url) as connection:
        connection.execute("UPDATE pd_schema_version SET version_num = '9999'")
    with pytest.raises(StartupError, match="newer Perdure"):
        open_store(ready_postgres_url)


def test_a_read_only_file_is_named(open_store: OpenStore, sqlite_url: str, tmp_path: Path) -> None:
    open_store(sqlite_url).close()
    path = tmp_path / "perdure.db"
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    before = path.read_bytes()
    try:
        with without_root_powers(), pytest.raises(StartupError, match="PERDURE_DATA"):
            open_store(sqlite_url)
    finally:
        tmp_path.chmod(0o755)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(0o555)
    with without_root_powers(), pytest.raises(StartupError, match="written"):
        Store(f"sqlite:///{closed}/x/perdure.db", key_file=closed / "x" / "secret.key")
    with without_root_powers(), pytest.raises(StartupError, match="written"):
        Store(f"sqlite:///{closed}/x/perdure.db", secret_key=KEY).open()


def test_a_key_that_is_no_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="PERDURE_SECRET_KEY"):
        Store("sqlite://", secret_key="short")
    (tmp_path / "secret.key").write_text("")
    with pytest.raises(StartupError, match=r"secret\.key"):
        Store("sqlite://", key_file=tmp_path / "secret.key")


async def test_another_key_does_not_read_what_is_encrypted(open_store: OpenStore, sqlite_url: str) -> None:
    first = open_store(sqlite_url)
    made = new_session(first)
    first.close()
    second = open_store(sqlite_url, secret_key="OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=")
    with pytest.raises(StorageUnavailable, match="secret key"):
        await second.read(lambda tx: sessions.get_session(tx, made.id))


def test_a_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret.key"
    Store("sqlite://", key_file=path)
    first = path.read_text()
    Store("sqlite://", key_file=path)
    assert path.read_text() == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_in_use_by_another_process_is_refused_until_that_ends(
    open_store: OpenStore, sqlite_url: str, tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from perdure.store.guard import FileGuard;"
        "guard = FileGuard.take(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "perdure.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StartupError, match="in use"):
            open_store(sqlite_url)
        with pytest.raises(StartupError, match="in use"):
            maintenance.upgrade(sqlite_url)
        holder.kill()
    new_session(open_store(sqlite_url))


def test_one_process_opens_a_file_once(open_store: OpenStore, sqlite_url: str) -> None:
    first = open_store(sqlite_url)
    with pytest.raises(StartupError, match="in use"):
        open_store(sqlite_url)
    first.close()
    open_store(sqlite_url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres@127.0.0.1:1/none",
        "postgresql://nobody:secret-word@127.0.0.1:1/none?sslmode=disable",
    ],
)
def test_a_postgres_that_cannot_be_reached_is_named_without_its_password(
    open_store: OpenStore, url: str
) -> None:
    for use in (open_store, maintenance.upgrade, maintenance.check):
        with pytest.raises(StartupError, match="PERDURE_DATABASE_URL") as caught:
            use(url)
        assert "secret-word" not in str(caught.value)


def test_a_postgres_database_that_is_missing_is_named(
    open_store: OpenStore, postgres_server: PostgresServer
) -> None:
    with pytest.raises(StartupError, match="does not exist"):
        open_store(postgres_server.url("no_such_database"))


@pytest.mark.parametrize(
    "url", ["", "perdure.db", "mysql://x/y", "http://x", "sqlite+nonsense", "postgresql://x:port/y"]
)
def test_an_address_that_cannot_be_read_is_refused(url: str) -> None:
    with pytest.raises(StartupError, match="PERDURE_DATABASE_URL"):
        Store(url, secret_key=KEY)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("sqlite://", "memory"),
        ("sqlite:///:memory:", "memory"),
        ("sqlite+aiosqlite:///x.db", "sqlite"),
        ("postgresql+asyncpg://h/d", "postgresql"),
        ("postgresql://h/d", "postgresql"),
    ],
)
def test_addresses_of_other_tools_are_understood(url: str, kind: str) -> None:
    assert Store(url, secret_key=KEY).health() == {"backend": kind, "ok": True, "error": None}


def test_a_closed_store_says_so(open_store: OpenStore, sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    made = new_session(store)
    store.close()
    store.close()
    for use in (
        lambda: store.write_now(lambda tx: tx.now),
        lambda: store.append_now(made.id, [line("x")]),
        lambda: store.submit(lambda tx: tx.now),
    ):
        with pytest.raises(StorageUnavailable, match="closed"):
            use()


@contextmanager
def tiny_disk(folder: Path) -> Iterator[None]:
    """A full disk for whoever writes into `folder`: a small file system for root, else a limit on file sizes."""
    if os.geteuid() == 0:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True
        )
        if mounted.returncode == 0:
            try:
                yield
            finally:
                subprocess.run(["umount", "-l", str(folder)], check=True)
            return
    with small_files():
        yield


@contextmanager
def small_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("way", ["append", "transaction"])
@pytest.mark.parametrize("disk", ["disk", "file size"])
def test_a_full_disk_acknowledges_nothing_that_is_lost(
    open_store: OpenStore, sqlite_template: Path, tmp_path: Path, way: str, disk: str
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    acknowledged: list[int] = []
    with tiny_disk(folder) if disk == "disk" else small_files():
        (folder / "perdure.db").write_bytes(sqlite_template.read_bytes())
        store = open_store(f"sqlite:///{folder / 'perdure.db'}")
        made = new_session(store)
        big = line("x" * 50_000)
        with pytest.raises(StorageUnavailable, match="nothing was stored") as caught:  # noqa: PT012 - which write fails is the disk's choice
            for _ in range(200):
                if way == "append":
                    acknowledged += store.append_now(made.id, [big, big])
                else:
                    acknowledged += store.write_now(lambda tx: tx.append(made.id, big, big))
        assert caught.value.code == "storage-unavailable"
        assert not store.health()["ok"]
        assert acknowledged
        stored = store.read_now(lambda tx: events.read_frames(tx, made.id, 0, 1000))
        assert [seq for seq, _ in stored] == acknowledged
        store.close()


def test_a_session_and_its_log_are_missing_together_after_a_failure(
    open_store: OpenStore, sqlite_url: str
) -> None:
    store = open_store(sqlite_url)
    store.write_now(factories.add_people)
    made = factories.session()

    def half(tx: factories.Tx) -> None:
        sessions.insert_session(tx, made)
        tx.db.exec_driver_sql("INSERT INTO no_such_table VALUES (1)")

    with pytest.raises(StorageUnavailable):
        store.write_now(half)
    count = store.write_now(lambda tx: tx.db.exec_driver_sql("SELECT count(*) FROM pd_sessions").scalar())
    assert count == 0


async def test_a_postgres_that_comes_back_is_used_again(open_store: OpenStore) -> None:
    server = PostgresServer()
    try:
        server.start()
        store = open_store(server.url())
        made = new_session(store)
        assert await store.append(made.id, [line("a")]) == [1]
        server.kill()
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                await store.append(made.id, [line("lost")])
            with pytest.raises(StorageUnavailable):
                await store.write(lambda tx: tx.append(made.id, line("lost")))
            with pytest.raises(StorageUnavailable):
                await store.read(lambda tx: events.read_frames(tx, made.id, 0, 10))
        assert not store.health()["ok"]
        server.start()
        assert await store.append(made.id, [line("b")]) == [2]
        assert await store.write(lambda tx: tx.append(made.id, line("c"))) == [3]
        assert store.health()["ok"]
        store.close()
    finally:
        server.remove()


async def test_connections_that_postgres_ended_while_idle_are_replaced(
    open_store: OpenStore, ready_postgres_url: str
) -> None:
    store = open_store(ready_postgres_url)
    made = new_session(store)
    meet = threading.Barrier(4)
    await asyncio.gather(*(store.read(lambda _tx: meet.wait(10)) for _ in range(4)))  # four connections
    with psycopg.connect(ready_postgres_url, autocommit=True) as other:
        ended = other.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert ended is not None
    assert ended[0] >= 5
    assert await store.write(lambda tx: tx.append(made.id, line("a"))) == [1]
    frames = await asyncio.gather(
        *(store.read(lambda tx: events.read_frames(tx, made.id, 0, 10)) for _ in range(4))
    )
    assert [len(each) for each in frames] == [1] * 4
    with pytest.raises(Conflict):
        await store.write(lambda tx: sessions.insert_session(tx, made))
    assert await store.write(lambda tx: tx.append(made.id, line("b"))) == [2]


def test_backup_is_a_whole_database_and_refuses_what_it_cannot_do(
    open_store: OpenStore, sqlite_url: str, tmp_path: Path
) -> None:
    store = open_store(sqlite_url)
    made = new_session(store)
    store.append_now(made.id, [line(str(n)) for n in range(10)])
    copy = maintenance.backup(sqlite_url, tmp_path / "copy.db")
    store.append_now(made.id, [line("after")])
    restored = open_store(f"sqlite:///{copy}")
    original = store.write_now(lambda tx: events.read_frames(tx, made.id, 0, 10))
    assert restored.write_now(lambda tx: events.read_frames(tx, made.id, 0, 100)) == original
    with pytest.raises(InvalidInput, match="exists"):
        maintenance.backup(sqlite_url, copy)
    with pytest.raises(InvalidInput, match="pg_dump"):
        maintenance.backup("postgresql://h/d", tmp_path / "x.db")
    with pytest.raises(StartupError, match="no database"):
        maintenance.backup(f"sqlite:///{tmp_path}/none.db", tmp_path / "x.db")
    with pytest.raises((StartupError, InvalidInput)):
        maintenance.backup(sqlite_url, tmp_path / "no" / "such" / "folder.db")


def test_check_finds_holes_and_changes_nothing(
    open_store: OpenStore, database_url: str, tmp_path: Path
) -> None:
    if database_url == "sqlite://":
        assert maintenance.check(database_url)["revision"] is None
        return
    store = open_store(database_url)
    made = new_session(store)
    store.append_now(made.id, [line(str(n)) for n in range(5)])
    found = maintenance.check(database_url)
    assert (found["exists"], found["integrity"], found["gaps"]) == (True, "ok", [])
    assert found["revision"] == found["head"]
    store.write_now(lambda tx: tx.db.exec_driver_sql("DELETE FROM pd_events WHERE seq = 3"))
    assert maintenance.check(database_url)["gaps"] == [made.id]
    assert maintenance.check(f"sqlite:///{tmp_path}/none.db")["exists"] is False
    assert not (tmp_path / "none.db").exists()
