"""Limits of a session or run: what may be used before a person is asked."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

WARN_AT = 0.8


class ResourceLimits(BaseModel):
    """Most that may be used; None is no limit. For a session it counts all its runs together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_cost_usd: float | None = Field(None, gt=0, description="Dollars of priced model calls.")
    max_tokens: int | None = Field(None, gt=0, description="Input and output tokens together.")
    max_seconds: float | None = Field(None, gt=0, description="Seconds of execution, waiting not counted.")
    max_steps: int | None = Field(None, gt=0, description="Steps begun.")


class Usage(BaseModel):
    """What was used so far, in the units of the limits."""

    model_config = ConfigDict(frozen=True)

    cost_usd: float = 0
    tokens: int = 0
    seconds: float = 0
    steps: int = 0


class LimitState(BaseModel):
    """One limit and how much of it is used."""

    model_config = ConfigDict(frozen=True)

    limit: str
    """The field of `ResourceLimits`."""
    scope: str
    """`session` or `run`."""
    allowed: float
    used: float

    @property
    def reached(self) -> bool:
        """Whether nothing more may be used."""
        return self.used >= self.allowed

    @property
    def nearly(self) -> bool:
        """Whether it is time to warn."""
        return self.used >= self.allowed * WARN_AT


def limit_states(limits: ResourceLimits | None, usage: Usage, scope: str) -> list[LimitState]:
    """Return every limit that is set, with what is used of it."""
    if limits is None:
        return []
    used: dict[str, Any] = {
        "max_cost_usd": usage.cost_usd,
        "max_tokens": usage.tokens,
        "max_seconds": usage.seconds,
        "max_steps": usage.steps,
    }
    return [
        LimitState(limit=name, scope=scope, allowed=allowed, used=used[name])
        for name, allowed in limits.model_dump().items()
        if allowed is not None
    ]
