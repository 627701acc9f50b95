"""Our side: an open store, and sessions with a history."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from benchmarks.bare import MESSAGE
from benchmarks.harness import ROOT
from perdure.core.access import LOCAL_USER_ID
from perdure.core.clock import utc_now
from perdure.core.events import NewEvent
from perdure.core.sessions import Session, SessionStatus
from perdure.ids import new_id
from perdure.services.conversation import message_event
from perdure.store.sessions import insert_session
from perdure.store.store import Store
from perdure.store.transaction import Tx


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder on the disk of the project, not in memory, and remove it afterwards."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache", prefix="bench-") as name:
        yield Path(name)


@contextmanager
def open_store(where: Path | str) -> Iterator[Store]:
    """Open a store as a server does by default: in a folder, or at an address."""
    url = f"sqlite:///{where / 'perdure.db'}" if isinstance(where, Path) else where
    store = Store(url, secret_key="A" * 43 + "=")
    store.open()
    try:
        yield store
    finally:
        store.close()


def message() -> NewEvent:
    """Return one message, not stored yet."""
    return message_event(MESSAGE["role"], MESSAGE["content"])


def new_session(number: int = 0, status: SessionStatus = SessionStatus.ACTIVE) -> Session:
    """Return a session, not stored yet."""
    now = utc_now() - timedelta(seconds=number)
    return Session(
        id=new_id(),
        owner_id=LOCAL_USER_ID,
        name=f"Session {number}",
        mode="one-shot",
        status=status,
        created_at=now,
        updated_at=now,
        last_active_at=now,
    )


def create(store: Store, history: int = 0) -> str:
    """Store a session with messages and return its id."""
    session = new_session()
    store.write_now(lambda tx: insert_session(tx, session))
    for start in range(0, history, 500):
        store.append_now(session.id, [message() for _ in range(min(500, history - start))])
    return session.id


def count_messages(store: Store) -> int:
    """Return how many messages there are in all sessions."""

    def body(tx: Tx) -> int:
        cursor = tx.cursor
        cursor.execute("SELECT count(*) FROM pd_messages")
        return int(cursor.fetchone()[0])

    return store.write_now(body)
