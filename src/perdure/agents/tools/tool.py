"""What a tool is: a function over a run's context, with what has to be known before it is called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from perdure.core.tools import ToolCategory


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. Its name, its arguments and what agents are told are those of the function.

    The function's first parameter is `RunContext[ToolContext]`; it returns text or JSON, and raises
    `ModelRetry` with advice, or a `PerdureError`, when it cannot do what it was asked.
    """

    function: Callable[..., Awaitable[Any]]
    category: ToolCategory
    repeatable: bool = True
    """Whether calling it twice is as good as once; if not, a call that a crash cut off is asked about."""
    for_agents: bool = True
    """Whether agents are offered it; modes can call every tool."""
    asks: bool = False
    """Whether a person carries it out: the function raises `CallDeferred`, and the answer is its result."""

    @property
    def name(self) -> str:
        """The name models and logs know it by; part of stored runs, so it never changes."""
        return self.function.__name__
