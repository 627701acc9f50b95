"""OpenAI Agents SDK: `SQLiteSession`."""

from pathlib import Path

from agents import SQLiteSession
from common import PAGE, TEXT, measure


async def prepare(folder: Path, history: int):
    session = SQLiteSession("one", folder / "agents.db")
    item = {"role": "user", "content": TEXT}
    for start in range(0, history, 500):
        await session.add_items([item] * min(500, history - start))

    async def append():
        await session.add_items([item])

    async def last():
        return len(await session.get_items(limit=PAGE))

    return append, last


measure(prepare)
