"""LangGraph: `SqliteSaver`, which stores the whole channel with each checkpoint."""

import sqlite3
from pathlib import Path

from common import TEXT, measure
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver


async def prepare(folder: Path, history: int):
    saver = SqliteSaver(sqlite3.connect(folder / "langgraph.db", check_same_thread=False))
    saver.setup()
    config = {"configurable": {"thread_id": "one", "checkpoint_ns": ""}}
    messages = [HumanMessage(TEXT) for _ in range(history)]

    async def append():
        nonlocal config
        messages.append(HumanMessage(TEXT))
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"messages": messages}
        config = saver.put(config, checkpoint, {"source": "loop", "step": len(messages), "parents": {}}, {})

    async def last():
        found = saver.get_tuple({"configurable": {"thread_id": "one", "checkpoint_ns": ""}})
        return len(found.checkpoint["channel_values"]["messages"][-50:])

    await append()
    return append, last


measure(prepare)
