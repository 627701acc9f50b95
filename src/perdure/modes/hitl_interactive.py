"""Work that a person steers: the plan is negotiated, and steps are let through one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from perdure.modes.contract import ModeSpec, RunContext
from perdure.modes.execution import Execution, StepRules, step_rules
from perdure.modes.gates import Gates
from perdure.modes.planning import PlannedConfig, PlanRules, approved_plan
from perdure.modes.report import write_report
from perdure.modes.work import Assignment

Variant = Literal["full_interactive", "planning_only", "error_recovery"]
StepApproval = Literal["before_step", "after_step", "both", "on_error", "none"]

_MODE_OF: dict[Variant, StepApproval] = {
    "full_interactive": "both",
    "planning_only": "none",
    "error_recovery": "on_error",
}


def _step_approval(value: Any) -> Any:
    """Read the words of other modes; where only the plan is to be approved, the variant decides about steps."""
    known = {"before_each_step": "before_step", "after_each_step": "after_step", "after_planning": None}
    return known.get(value, value) if isinstance(value, str) else value


class HitlConfig(PlannedConfig):
    """Keys of a task that a person steers."""

    variant: Variant = Field(
        "full_interactive",
        alias="hitlVariant",
        description="Asks about everything, about the plan only, or only when a step fails.",
    )
    approval_mode: Annotated[StepApproval | None, BeforeValidator(_step_approval)] = Field(
        None, description="Where a person is asked around steps; what the variant says if unset."
    )
    max_human_iterations: int = Field(
        3, ge=0, le=10, description="How often the plan is revised by your words before it is yes or no."
    )
    allow_plan_modification: bool = Field(True, description="Whether you may edit the plan yourself.")
    allow_step_skip: bool = Field(True, description="Whether a step may be skipped.")
    allow_step_retry: bool = Field(True, description="Whether a failed step may be tried again.")
    auto_approve_successful_steps: bool = Field(
        False, description="Go on without asking after a step that succeeded at once."
    )
    show_step_context: bool = Field(True, description="Show earlier results with the question before a step.")


class HitlInteractive:
    """A planned run whose gates are its purpose: everything said at one is passed on to what follows."""

    spec: ClassVar[ModeSpec] = ModeSpec(
        id="hitl-interactive",
        label="Step by step with you",
        description="Negotiates the plan with you and asks before, after and when something fails.",
        icon="hand",
        supports_resume=True,
        supports_hitl=True,
        config_model=HitlConfig,
        unused=frozenset({"agent"}),
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        """Negotiate the plan, let each step through, write the report."""
        config = ctx.config
        assert isinstance(config, HitlConfig)
        gates, assignment = Gates.of(ctx, config), Assignment(ctx.task)
        plan_rules = PlanRules(
            asks=config.variant != "error_recovery",
            revisions=config.max_human_iterations,
            may_modify=config.allow_plan_modification,
        )
        plan = await approved_plan(ctx, config, assignment, plan_rules, gates)
        execution = Execution(
            ctx, assignment, gates, rules_around_steps(config), config.max_attempts, plan.feedback
        )
        results = await execution.carry_out(plan.hops)
        report = await write_report(ctx, assignment, results, execution.feedback)
        return {**report, "feedback": execution.feedback}


def rules_around_steps(config: HitlConfig) -> StepRules:
    """Return where this config asks around steps; a full run asks about failures too."""
    mode = config.approval_mode or _MODE_OF[config.variant]
    rules = step_rules(mode)
    return replace(
        rules,
        on_error=rules.on_error or (config.variant == "full_interactive" and mode != "none"),
        may_skip=config.allow_step_skip,
        may_retry=config.allow_step_retry,
        spares_successes=config.auto_approve_successful_steps,
        shows_context=config.show_step_context,
    )


__all__ = ["HitlConfig", "HitlInteractive", "rules_around_steps"]
