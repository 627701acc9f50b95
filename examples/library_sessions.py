"""Keep the sessions of your own agent program in a database: no server, no engine, no model.

python examples/library_sessions.py
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from perdure import SessionManager, create_session_manager


def my_agent(question: str) -> str:
    """Stands for your own agent."""
    return f"You said: {question}"


async def talk(manager: SessionManager, session_id: str, question: str) -> None:
    """Answer one question and save what was said."""
    state = await manager.aload_session_state(session_id)
    if state is None:
        raise LookupError(session_id)
    history = [
        *state["conversation_history"],
        {"role": "user", "content": question},
        {"role": "assistant", "content": my_agent(question)},
    ]
    await manager.asave_session_state(session_id, history, {"turns": len(history) // 2}, "conversation")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{Path(folder) / 'sessions.db'}"
        async with create_session_manager(database, data_dir=folder) as manager:
            session_id = await manager.acreate_session("copilot", {"model": "mine"}, user_id="ana")
            await talk(manager, session_id, "Hello")

        # Another process, another day: the session is where it was.
        async with create_session_manager(database, data_dir=folder) as manager:
            await talk(manager, session_id, "Are you still there?")
            state = await manager.aload_session_state(session_id)
            assert state is not None
            for message in state["conversation_history"]:
                print(f"{message['role']}: {message['content']}")


if __name__ == "__main__":
    asyncio.run(main())
