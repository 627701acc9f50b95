"""Keeping a run inside its limits: a warning when most is used, a question when nothing is left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from perdure.core.approvals import ApprovalType, Resolution
from perdure.core.limits import LimitState
from perdure.engine.operations import Operations
from perdure.errors import PerdureError
from perdure.modes.contract import Answer, Question
from perdure.services import budgets


class BudgetSpent(PerdureError):
    """A person did not allow more than the limit; the run can go on when it is raised."""

    code = "budget-spent"


@dataclass(frozen=True)
class LimitKeeper:
    """Asks before more is used than was allowed."""

    operations: Operations
    ask_person: Callable[[Question], Awaitable[Answer]]

    async def reached(self) -> LimitState | None:
        """Return a limit that is reached, or None; logs a warning for one that nearly is, once."""
        run = self.operations.run
        return await self.operations.progress.write(run, lambda tx: budgets.check_in(tx, run.id))

    async def check(self, key: str) -> None:
        """Go on when nothing is reached, else ask until there is room. `key` names the place in the run.

        Raises:
            BudgetSpent: when a person ends the run instead.
        """

        async def look(_number: int) -> dict[str, Any] | None:
            reached = await self.reached()
            return reached.model_dump() if reached is not None else None

        while True:
            found, number = await self.operations.recorded(f"limits:{key}", look)
            if found is None:
                return
            await self.ask(LimitState.model_validate(found), number)

    async def ask(self, state: LimitState, number: int) -> None:
        """Ask for more; the answer has raised the limit when this returns.

        `number` is that of the operation that met the limit: a limit that was raised, and is lowered to what
        it was, is met anew.

        Raises:
            BudgetSpent: when a person ends the run instead.
        """
        answer = await self.ask_person(
            Question(
                key=f"budget:{self.operations.run.attempt}:{number}:{state.scope}:{state.limit}",
                type=ApprovalType.BUDGET,
                title=f"{budgets.words(state)} Allow more?",
                data=state.model_dump(),
                options=(Resolution.APPROVE, Resolution.ABORT),
                answer_schema=budgets.answer_schema(state),
            )
        )
        if answer.resolution is not Resolution.APPROVE:
            raise BudgetSpent(f"{budgets.words(state)} {answer.by or 'The deadline'} ended the run.")
