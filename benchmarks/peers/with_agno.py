"""Agno: `SqliteDb`, one run with one message for each append, as its agents store them."""

import time
from pathlib import Path

from agno.db.base import SessionType
from agno.db.sqlite import SqliteDb
from agno.models.message import Message
from agno.run.agent import RunOutput
from agno.session import AgentSession
from common import PAGE, TEXT, measure


async def prepare(folder: Path, history: int):
    db = SqliteDb(db_file=str(folder / "agno.db"))
    session = AgentSession(
        session_id="one", user_id="me", agent_id="bench", runs=[], created_at=int(time.time())
    )

    def run(number: int) -> RunOutput:
        return RunOutput(run_id=str(number), session_id="one", messages=[Message(role="user", content=TEXT)])

    session.runs.extend(run(number) for number in range(history))
    db.upsert_session(session)

    async def append():
        session.runs.append(run(len(session.runs)))
        db.upsert_session(session)

    async def last():
        found = db.get_session("one", SessionType.AGENT, user_id="me")
        return len(found.runs[-PAGE:])

    return append, last


measure(prepare)
