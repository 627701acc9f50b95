"""The floor: the same job through the bare driver, as small as it can be written.

The same job means: a message has an id, a time and maybe a run; it is stored under a check of its session's
version, as durably as ours; and who reads a page gets all of that back, the time as a time.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
import psycopg
import uuid_utils

T = TypeVar("T")

MESSAGE = {"role": "user", "content": "x" * 465}
"""495 bytes of JSON."""

_SCHEMA = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
  state TEXT NOT NULL, version BIGINT NOT NULL, last_seq BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE INDEX sessions_by_owner ON sessions (owner, status, updated_at DESC);
CREATE TABLE messages (session_id TEXT NOT NULL, seq BIGINT NOT NULL, run_id TEXT, payload TEXT NOT NULL,
  created_at BIGINT NOT NULL, PRIMARY KEY (session_id, seq))"""
_BUMP = "UPDATE sessions SET version = version + 1, last_seq = last_seq + 1, updated_at = ? WHERE id = ? AND version = ?"
_INSERT = "INSERT INTO messages VALUES (?, ?, ?, ?, ?)"
_PAGE = (
    "SELECT seq, run_id, payload, created_at FROM messages WHERE session_id = {0} ORDER BY seq DESC LIMIT {0}"
)


def new_payload() -> str:
    """Return the JSON of a message with an id of its own."""
    return orjson.dumps({"id": str(uuid_utils.uuid7()), **MESSAGE}).decode()


def now_micros() -> int:
    """Return the time as it is stored."""
    return time.time_ns() // 1000


def session_of(row: Sequence[Any]) -> dict[str, Any]:
    """Return a session's row by name, its state parsed and its time as a time."""
    session_id, owner, name, status, state, version, last_seq, updated_at = row
    return {
        "id": session_id,
        "owner": owner,
        "name": name,
        "status": status,
        "state": orjson.loads(state),
        "version": version,
        "last_seq": last_seq,
        "updated_at": datetime.fromtimestamp(updated_at / 1e6, UTC),
    }


def _entries(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "position": seq,
            "run_id": run_id,
            "at": datetime.fromtimestamp(at / 1e6, UTC),
            **orjson.loads(payload),
        }
        for seq, run_id, payload, at in reversed(rows)
    ]


def entries_of(db: sqlite3.Connection, session_id: str, limit: int) -> list[dict[str, Any]]:
    """Return the last messages of a session with their ids and times."""
    return _entries(db.execute(_PAGE.format("?"), (session_id, limit)).fetchall())


class BareSqlite:
    """Sessions and messages in SQLite: WAL, a sync with each commit, prepared statements."""

    def __init__(self, folder: Path, name: str = "bare.db") -> None:
        self.file = folder / name
        self.db = self.connect()
        self.db.executescript(_SCHEMA + " WITHOUT ROWID")
        self.versions: dict[str, int] = {}

    def connect(self) -> sqlite3.Connection:
        """Open another connection."""
        db = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        return db

    def create(self, session_id: str, history: int = 0, *, status: str = "active", at: int = 0) -> None:
        """Add a session with messages; commits nothing when a transaction is open."""
        row = (session_id, "me", f"Session {at}", status, "{}", history, history, at)
        self.db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        entries = ((session_id, seq, None, new_payload(), now_micros()) for seq in range(1, history + 1))
        self.db.executemany(_INSERT, entries)
        self.versions[session_id] = history

    def append(self, session_id: str) -> None:
        """Store one message under a version check, durably."""
        self.db.execute("BEGIN IMMEDIATE")
        self.put(session_id)
        self.db.execute("COMMIT")

    def put(self, session_id: str) -> None:
        """Store one message in the open transaction."""
        version, now = self.versions[session_id], now_micros()
        if self.db.execute(_BUMP, (now, session_id, version)).rowcount != 1:
            raise RuntimeError("somebody else changed the session")
        self.db.execute(_INSERT, (session_id, version + 1, None, new_payload(), now))
        self.versions[session_id] = version + 1

    def page(self, session_id: str, limit: int) -> list[dict[str, Any]]:
        """Return the last messages with their ids and times."""
        return entries_of(self.db, session_id, limit)

    def save(self, session_id: str, state: dict[str, Any]) -> None:
        """Replace the state and store one message, under a version check, durably."""
        self.db.execute("BEGIN IMMEDIATE")
        self.put(session_id)
        self.db.execute(
            "UPDATE sessions SET state = ? WHERE id = ?", (orjson.dumps(state).decode(), session_id)
        )
        self.db.execute("COMMIT")

    def list(self, status: str, limit: int) -> tuple[list[dict[str, Any]], int]:
        """Return the newest sessions in a status, and how many there are in all."""
        of_mine = "FROM sessions WHERE owner = ? AND status = ?"
        total = self.db.execute(f"SELECT count(*) {of_mine}", ("me", status)).fetchone()[0]
        rows = self.db.execute(
            f"SELECT * {of_mine} ORDER BY updated_at DESC LIMIT ?", ("me", status, limit)
        ).fetchall()
        return [session_of(row) for row in rows], total

    def together(self, jobs: Sequence[tuple[Callable[[str], None], str]]) -> None:
        """Do all the jobs and commit once."""
        self.db.execute("BEGIN IMMEDIATE")
        for job, session_id in jobs:
            job(session_id)
        self.db.execute("COMMIT")

    def count(self) -> int:
        """Return how many messages there are."""
        return self.db.execute("SELECT count(*) FROM messages").fetchone()[0]

    def close(self) -> None:
        """Close the connection."""
        self.db.close()


class BareGroupWriter:
    """One thread, a queue, and one commit for all that waits."""

    def __init__(self, bare: BareSqlite | BarePostgres, *, daemon: bool = False) -> None:
        self._bare = bare
        self._queue: queue.SimpleQueue[tuple[Callable[[str], None], str, asyncio.Future[None]] | None]
        self._queue = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, daemon=daemon)
        self._thread.start()

    async def append(self, session_id: str) -> None:
        """Store one message and return after its commit."""
        await self._do(self._bare.put, session_id)

    async def create(self, session_id: str) -> None:
        """Add a session and return after its commit."""
        await self._do(self._bare.create, session_id)

    def close(self) -> None:
        """End the thread."""
        self._queue.put(None)
        self._thread.join()

    async def _do(self, job: Callable[[str], None], session_id: str) -> None:
        done = self._loop.create_future()
        self._queue.put((job, session_id, done))
        await done

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            while not self._queue.empty() and (waiting := self._queue.get()) is not None:
                group.append(waiting)
            self._bare.together([(job, session_id) for job, session_id, _ in group])
            self._loop.call_soon_threadsafe(_finish, [done for _, _, done in group])


def _finish(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        future.set_result(None)


class BareThread:
    """One thread and a queue: the least that somebody who awaits needs, whose event loop must not block."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None]
        self._queue = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    async def call(self, work: Callable[[], T]) -> T:
        """Return what `work` returns on the thread."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((work, done))
        return await done

    def close(self) -> None:
        """End the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            work, done = job
            self._loop.call_soon_threadsafe(done.set_result, work())


class BarePostgres:
    """The same in PostgreSQL through psycopg: one connection, and one statement for each job."""

    def __init__(self, url: str) -> None:
        self.db = psycopg.connect(url, autocommit=True)
        for statement in _SCHEMA.split(";"):
            self.db.execute(statement)  # pyright: ignore[reportArgumentType]
        self.versions: dict[str, int] = {}

    def create(self, session_id: str, history: int = 0) -> None:
        """Add a session with messages."""
        row = (session_id, "me", "Session", "active", "{}", history, history, 0)
        self.db.execute("INSERT INTO sessions VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", row)
        with self.db.cursor().copy("COPY messages FROM STDIN") as copy:
            for seq in range(1, history + 1):
                copy.write_row((session_id, seq, None, new_payload(), now_micros()))
        self.versions[session_id] = history

    def append(self, session_id: str) -> None:
        """Store one message under a version check: one round trip."""
        version, now = self.versions[session_id], now_micros()
        cursor = self.db.execute(
            "WITH bumped AS (UPDATE sessions SET version = version + 1, last_seq = last_seq + 1, updated_at = %s"
            " WHERE id = %s AND version = %s RETURNING last_seq)"
            " INSERT INTO messages SELECT %s, last_seq, %s, %s, %s FROM bumped",
            (now, session_id, version, session_id, None, new_payload(), now),
        )
        if cursor.rowcount != 1:
            raise RuntimeError("somebody else changed the session")
        self.versions[session_id] = version + 1

    put = append

    def together(self, jobs: Sequence[tuple[Callable[[str], None], str]]) -> None:
        """Store one message in each of the sessions, in one statement."""
        ids = [session_id for _, session_id in jobs]
        given = [{"id": key, "version": self.versions[key], "payload": new_payload()} for key in ids]
        now = now_micros()
        cursor = self.db.execute(
            "WITH given AS (SELECT * FROM json_to_recordset(%s::json) AS given"
            " (id text, version bigint, payload text)),"
            " bumped AS (UPDATE sessions SET version = sessions.version + 1, last_seq = last_seq + 1, updated_at = %s"
            " FROM given WHERE sessions.id = given.id AND sessions.version = given.version"
            " RETURNING sessions.id, last_seq, payload)"
            " INSERT INTO messages SELECT id, last_seq, NULL, payload, %s FROM bumped",
            (orjson.dumps(given).decode(), now, now),
        )
        if cursor.rowcount != len(ids):
            raise RuntimeError("somebody else changed a session")
        for key in ids:
            self.versions[key] += 1

    def page(self, session_id: str, limit: int) -> list[dict[str, Any]]:
        """Return the last messages with their ids and times."""
        return _entries(self.db.execute(_PAGE.format("%s"), (session_id, limit)).fetchall())  # pyright: ignore[reportArgumentType]

    def close(self) -> None:
        """Close the connection."""
        self.db.close()
