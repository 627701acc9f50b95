"""Keeping a run inside its limits: a warning when most is used, a question when nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from perdure.core.approvals import ApprovalType, Resolution
from perdure.core.limits import LimitState
from perdure.engine.operations import Operations
from perdure.errors import PerdureError, StorageUnavailable
from perdure.modes.contract import Answer, Question
from perdure.services import budgets

T = TypeVar("T")

_LOOK_S = 5.0
"""Between two looks at the clock while something runs: a limit may be set, raised or lowered meanwhile."""


class BudgetSpent(PerdureError):
    """A person did not allow more than the limit; the run can go on when it is raised."""

    code = "budget-spent"


class TimeSpent(Exception):
    """The time that was allowed ended before the call did, or before it began."""

    def __init__(self, state: LimitState, *, begun: bool) -> None:
        self.state = state
        self.begun = begun
        how = "was broken off" if begun else "was not begun"
        super().__init__(f"This call {how}: {budgets.words(state)}")


@dataclass(frozen=True)
class LimitKeeper:
    """Asks before more is used than was allowed."""

    operations: Operations
    ask_person: Callable[[Question], Awaitable[Answer]]

    async def reached(self) -> LimitState | None:
        """Return a limit that is reached, or None; logs a warning for one that nearly is, once."""
        run = self.operations.run
        return await self.operations.progress.write(run, lambda tx: budgets.check_in(tx, run.id))

    async def within_time(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call, and break it off at the moment when the time of the run or its session is used up.

        Raises:
            TimeSpent: when it was broken off; the limit's event is in the log then.
        """
        state = await self._spent()
        if state is not None:
            raise TimeSpent(state, begun=False)
        calling = asyncio.ensure_future(call())
        watching = asyncio.ensure_future(self._until_spent())
        try:
            await asyncio.wait({calling, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not calling.done():
                calling.cancel()
                await asyncio.wait({calling})
            if calling.cancelled() and watching.done():
                raise TimeSpent(watching.result(), begun=True)
            return calling.result()
        finally:
            calling.cancel()
            watching.cancel()
            await asyncio.gather(calling, watching, return_exceptions=True)

    async def _until_spent(self) -> LimitState:
        while True:
            left: float | None = None
            try:
                left = await self._time_left()
                state = await self._spent() if left is not None and left <= 0 else None
            except StorageUnavailable:  # what is under way is paid for: the next look may find it back
                state = None
            if state is not None:
                return state
            await asyncio.sleep(_LOOK_S if left is None else min(max(left, 0.001), _LOOK_S))

    async def _spent(self) -> LimitState | None:
        left = await self._time_left()
        if left is None or left > 0:
            return None
        run = self.operations.run
        return await self.operations.progress.write(run, lambda tx: budgets.check_time_in(tx, run.id))

    async def _time_left(self) -> float | None:
        run = self.operations.run
        return await self.operations.progress.read(lambda tx: budgets.time_left_in(tx, run.id))

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
