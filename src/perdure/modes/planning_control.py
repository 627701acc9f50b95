"""Plan, have the plan reviewed and accepted, carry it out step by step, report."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from perdure.modes.contract import ApprovalMode, ModeSpec, RunContext
from perdure.modes.execution import Execution, step_rules
from perdure.modes.gates import Gates
from perdure.modes.planning import PlannedConfig, PlanRules, approved_plan
from perdure.modes.report import write_report
from perdure.modes.work import Assignment


class PlanningControlConfig(PlannedConfig):
    """Keys of a planned task."""

    approval_mode: ApprovalMode = Field("none", description="Where a person is asked.")


class PlanningControl:
    """A planned run: the plan is a mission, each of its steps a hop with a durable step of its own."""

    spec: ClassVar[ModeSpec] = ModeSpec(
        id="planning-control",
        label="Planning and control",
        description="Plans the task, asks you where you want to be asked, carries the steps out and reports.",
        icon="list-checks",
        supports_resume=True,
        supports_hitl=True,
        config_model=PlanningControlConfig,
        unused=frozenset({"agent"}),
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        """Plan, execute each step, write the report."""
        config = ctx.config
        assert isinstance(config, PlanningControlConfig)
        gates, assignment = Gates.of(ctx, config), Assignment(ctx.task)
        rules = PlanRules(asks=config.approval_mode in ("after_planning", "both"))
        plan = await approved_plan(ctx, config, assignment, rules, gates)
        execution = Execution(
            ctx, assignment, gates, step_rules(config.approval_mode), config.max_attempts, plan.feedback
        )
        results = await execution.carry_out(plan.hops)
        return await write_report(ctx, assignment, results, execution.feedback)


__all__ = ["PlanningControl", "PlanningControlConfig"]
