"""What a model can be trusted with: caps that keep work within its reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tier = Literal["large", "starter", "small", "tiny"]


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """Limits and habits for one class of model. Modes read them; they never ask for a model by name."""

    tier: Tier
    context_tokens: int | None
    """Room for prompt and answer together; None when the provider decides."""
    max_plan_steps: int
    plan_max_tokens: int
    step_max_tokens: int
    """Cap of one answer inside a step. A reply that reaches it has finish reason `length`: not a success."""
    carry_over_chars: int
    """Cap on earlier results that a step's prompt repeats, all of them together."""
    source_chars: int
    """Cap on the source text that a prompt repeats."""
    max_attempts: int
    tool_max_calls: int
    """Tool calls per run of an agent before it must answer."""
    sentence_words: int | None
    """Length that prompts ask for in plans and summaries; None leaves it to the model."""
    constrained: bool
    """Machine-read replies are bound by a grammar, so they parse at the first try."""
    gives_source: bool
    """Prompts carry the source text itself; the model is not relied on to open files for it."""
    reviews_plans: bool
    """A review of a plan by the same model improves it."""
    sequential: bool
    """Requests are served one at a time, so parallel work gains nothing."""
    short_prompts: bool
    """Roles use their short wording."""


LARGE = ModelProfile(
    tier="large",
    context_tokens=None,
    max_plan_steps=10,
    plan_max_tokens=4_000,
    step_max_tokens=16_000,
    carry_over_chars=48_000,
    source_chars=200_000,
    max_attempts=6,
    tool_max_calls=25,
    sentence_words=None,
    constrained=False,
    gives_source=False,
    reviews_plans=True,
    sequential=False,
    short_prompts=False,
)

STARTER = ModelProfile(
    tier="starter",
    context_tokens=8_192,
    max_plan_steps=3,
    plan_max_tokens=300,
    step_max_tokens=400,
    carry_over_chars=1_600,
    source_chars=5_000,
    max_attempts=2,
    tool_max_calls=4,
    sentence_words=20,
    constrained=True,
    gives_source=True,
    reviews_plans=False,
    sequential=True,
    short_prompts=True,
)

SMALL = ModelProfile(
    tier="small",
    context_tokens=8_192,
    max_plan_steps=3,
    plan_max_tokens=240,
    step_max_tokens=200,
    carry_over_chars=1_000,
    source_chars=4_000,
    max_attempts=2,
    tool_max_calls=1,
    sentence_words=15,
    constrained=True,
    gives_source=True,
    reviews_plans=False,
    sequential=True,
    short_prompts=True,
)

TINY = ModelProfile(
    tier="tiny",
    context_tokens=2_048,
    max_plan_steps=2,
    plan_max_tokens=160,
    step_max_tokens=80,
    carry_over_chars=400,
    source_chars=1_200,
    max_attempts=1,
    tool_max_calls=1,
    sentence_words=12,
    constrained=True,
    gives_source=True,
    reviews_plans=False,
    sequential=True,
    short_prompts=True,
)
