"""Asking the person. The answer comes from the engine, however long it takes."""

from __future__ import annotations

from pydantic_ai import CallDeferred, ModelRetry, RunContext

from perdure.agents.tools.box import ToolGroup
from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.tool import Tool
from perdure.core.tools import ToolCategory

_MAX_QUESTION_CHARS = 4_000
_MAX_OPTIONS = 20


async def ask_person(ctx: RunContext[ToolContext], question: str, options: list[str] | None = None) -> str:
    """Ask the person something that only they can know or decide, and wait for the answer.

    Args:
        question: The question, with all that is needed to answer it.
        options: Answers to choose from, if there are any; the person may still answer freely.
    """
    if not question.strip():
        raise ModelRetry("Say what you want to know.")
    if len(question) > _MAX_QUESTION_CHARS:
        raise ModelRetry(f"A question has at most {_MAX_QUESTION_CHARS:,} characters.")
    if options and (len(options) > _MAX_OPTIONS or not all(option.strip() for option in options)):
        raise ModelRetry(f"Give at most {_MAX_OPTIONS} options, and none that is empty.")
    raise CallDeferred


ASKING_TOOLS = ToolGroup(id="asking", tools=(Tool(ask_person, ToolCategory.READ_ONLY, asks=True),))
