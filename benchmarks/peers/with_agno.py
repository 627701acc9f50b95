"""Agno: `SqliteDb`, the session's row and one run with one message for each append, as its agents store them."""

import time
from pathlib import Path

from agno.db.base import SessionType
from agno.db.sqlite import SqliteDb
from agno.models.message import Message
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.session import AgentSession
from common import PAGE, TEXT, measure


async def prepare(folder: Path, history: int):
    db = SqliteDb(db_file=str(folder / "agno.db"))
    session = AgentSession(session_id="one", user_id="me", agent_id="bench", created_at=int(time.time()))
    count = 0

    def store_run():
        nonlocal count
        said = [Message(role="user", content=TEXT)]
        run = RunOutput(
            run_id=str(count), session_id="one", agent_id="bench", status=RunStatus.completed, messages=said
        )
        db.upsert_run(run=run, session_id="one", user_id="me", run_index=count)
        count += 1

    async def append():
        db.upsert_session(session)
        store_run()

    async def last():
        found = db.get_session("one", SessionType.AGENT, user_id="me", runs_limit=PAGE)
        return len(found.runs)

    db.upsert_session(session)
    for _ in range(history):
        store_run()
    return append, last


measure(prepare)
