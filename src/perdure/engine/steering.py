"""What a person says to a run while an agent works: the agent hears it before its next model call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic_ai import RunContext as AgentContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import ModelRequestContext


@dataclass
class Steering(AbstractCapability[Any]):
    """Hands an agent what was added since its work began. Not shared between agents."""

    added: Callable[[], Awaitable[list[str]]]
    """All that was said to the run so far, read as a durable operation."""
    heard: int
    """How much of it the agent's prompt has told already."""

    async def before_model_request(
        self, ctx: AgentContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        if ctx.run_step > 1:
            additions = await self.added()
            for text in additions[self.heard :]:
                ctx.enqueue(f"The person adds: {text}")
            self.heard = max(self.heard, len(additions))
        return request_context
