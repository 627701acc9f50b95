"""Google ADK: `DatabaseSessionService` on SQLite."""

from pathlib import Path

from common import PAGE, TEXT, measure
from google.adk.events import Event
from google.adk.sessions import DatabaseSessionService
from google.adk.sessions.base_session_service import GetSessionConfig
from google.genai import types


async def prepare(folder: Path, history: int):
    service = DatabaseSessionService(db_url=f"sqlite+aiosqlite:///{folder / 'adk.db'}")
    session = await service.create_session(app_name="bench", user_id="me", session_id="one")

    async def append():
        content = types.Content(role="user", parts=[types.Part(text=TEXT)])
        await service.append_event(session, Event(author="user", content=content))

    async def last():
        config = GetSessionConfig(num_recent_events=PAGE)
        found = await service.get_session(app_name="bench", user_id="me", session_id="one", config=config)
        return len(found.events)

    for _ in range(history):
        await append()
    return append, last


measure(prepare)
