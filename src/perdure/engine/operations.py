"""Durable operations of one run: the boundary before each, the checkpoint after, and stopping in between."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from dbos import DBOS, StepReservation

from perdure.core.runs import Run, RunStatus
from perdure.services.progress import RunProgress

T = TypeVar("T")

_END = "end:"
_PAUSED = frozenset({RunStatus.PAUSING, RunStatus.PAUSED})
_PARKED = frozenset({RunStatus.PAUSED, RunStatus.WAITING})


class RunCancelled(BaseException):
    """The run was asked to end; not an `Exception`, so that no mode takes it for a failure."""


class _PauseTakenBack(Exception):
    """What was in flight was broken off for a pause, and the run was resumed before it had paused."""


async def outside(call: Callable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> T:
    """Await a call detached from the workflow, so that it is not recorded as one of its steps."""
    task = contextvars.Context().run(asyncio.create_task, call(*args, **kwargs))
    return await task


@dataclass
class Operations:
    """The operations of one execution of a run."""

    run: Run
    progress: RunProgress
    workflow_id: str
    wake: Callable[[str], Awaitable[None]]
    """Puts a parked run back to work; called when its status changed while it was parking."""
    stopping: asyncio.Event
    """Set when the server shuts down: from then on no operation starts or ends."""
    running: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    held: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    """Executions that a shutdown has stopped in their tracks."""
    in_flight: int = 0
    _quiet: asyncio.Condition = field(default_factory=asyncio.Condition)
    _aborted: bool = False
    _left: bool = False
    _ends: dict[str, int] | None = None
    """The ends of steps that earlier executions recorded, with the number of each."""
    _broken_off: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    async def durable(self, name: str, body: Callable[[], Awaitable[T]]) -> T:
        """Run `body` once: after a crash its recorded result comes back instead.

        The result must be JSON. A pause or cancel that was asked for takes effect before it starts.
        """
        result, _ = await self.recorded(name, lambda _step_id: body())
        return result

    async def recorded(self, name: str, body: Callable[[int], Awaitable[T]]) -> tuple[T, int]:
        """Like `durable`, with the operation's number for the body and for the caller."""
        await self.boundary()
        return await self.recorded_now(name, body)

    async def recorded_now(
        self, name: str, body: Callable[[int], Awaitable[T]], step: StepReservation | None = None
    ) -> tuple[T, int]:
        """Like `recorded`, without a boundary before it: for operations that run side by side.

        Its number is drawn before anything is awaited, so that a replay numbers them alike. A caller that has
        to await something before draws it itself, with `draw`.

        Raises:
            RunCancelled: when the run was broken off.
        """
        step = step or self.draw()
        if self._aborted:
            await self.boundary()
        result = await self._run(step, name, body)
        return result, step.step_id

    def draw(self) -> StepReservation:
        """Draw the number of an operation; one that is never carried out leaves a gap, in a replay too."""
        return DBOS.reserve_step()

    async def end(self, name: str, record: T) -> T:
        """Record that something has come to its end, and with what; `name` is the only one of this name."""
        result, _ = await self.recorded_now(_END + name, lambda _number: _returned(record))
        return result

    async def skipped(self, name: str) -> Any | None:
        """Return the record of an end that an earlier execution came to, and go on from there; None without one.

        The operations in between are not carried out, and need not be asked for.

        Raises:
            RuntimeError: when the run is past that end, which a mode that does the same each time never is.
        """
        if self._ends is None:
            known = await outside(DBOS.list_workflow_steps_async, self.workflow_id, load_output=False)
            self._ends = {
                step["function_name"]: step["function_id"]
                for step in known
                if step["function_name"].startswith(_END)
            }
        number = self._ends.get(_END + name)
        if number is None:
            return None
        step = self.draw()
        while step.step_id < number:
            step = self.draw()
        if step.step_id != number:
            raise RuntimeError(
                f"{name} ended at operation {number}; this is operation {step.step_id} already."
            )
        return await self._run(step, _END + name, lambda _number: _returned(None))

    async def recorded_each(
        self, name: str, bodies: Sequence[Callable[[int], Awaitable[T]]], at_once: int
    ) -> list[T]:
        """Carry operations out side by side, at most `at_once` of them; results in the order given.

        A pause or cancel lets those that have begun come to their end and begins no others.
        """
        await self.boundary()
        steps = [self.draw() for _ in bodies]
        results: dict[int, T] = {}
        stopping = False

        async def work(numbers: Iterator[int]) -> None:
            nonlocal stopping
            for number in numbers:
                if stopping or await self._asked_to_stop():
                    stopping = True
                    return
                results[number] = await self._run(steps[number], name, bodies[number])

        while len(results) < len(bodies):
            stopping = False
            numbers = iter([number for number in range(len(bodies)) if number not in results])
            workers = [asyncio.ensure_future(work(numbers)) for _ in range(max(1, at_once))]
            try:
                await asyncio.gather(*workers)
            except BaseException:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
                raise
            await self.boundary()
        return [results[number] for number in range(len(bodies))]

    async def _asked_to_stop(self) -> bool:
        status = await self.progress.status(self.run.id)
        return status in _PAUSED or status in (RunStatus.CANCELLING, RunStatus.CANCELLED)

    async def _run(self, step: StepReservation, name: str, body: Callable[[int], Awaitable[T]]) -> T:
        async def call() -> T:
            while True:
                try:
                    return await self._abortable(body(step.step_id))
                except _PauseTakenBack:
                    continue

        self.in_flight += 1
        try:
            result = await step.run_async({"name": name}, call)
        finally:
            self.in_flight -= 1
            async with self._quiet:
                self._quiet.notify_all()
        await self.hold_if_stopping()
        return result

    async def boundary(self) -> None:
        """Let the run go on, or stop it here when a pause or cancel was asked for.

        A run that was paused when it was begun here, and is resumed since, is begun anew.

        Raises:
            RunCancelled: when the run is being cancelled.
        """
        await self.hold_if_stopping()
        status = await self.progress.status(self.run.id)
        if status in (RunStatus.CANCELLING, RunStatus.CANCELLED):
            raise RunCancelled
        if status in _PAUSED:
            async with self._quiet:
                await self._quiet.wait_for(lambda: self.in_flight == 0)
            status = await self.progress.park(self.run)
            if status in (RunStatus.CANCELLING, RunStatus.CANCELLED):
                raise RunCancelled
            if status in _PARKED:
                await self.leave()
        if status is RunStatus.QUEUED and not self._left:
            await self.progress.begin_again(self.run)

    async def boundary_before_end(self) -> None:
        """Let a run that is being cancelled end so, even when its mode has just returned.

        Raises:
            RunCancelled: when the run is being cancelled.
        """
        await self.hold_if_stopping()
        status = await self.progress.status(self.run.id)
        if status in (RunStatus.CANCELLING, RunStatus.CANCELLED):
            raise RunCancelled
        if status in (RunStatus.PAUSED, RunStatus.QUEUED):
            await self.boundary()

    async def hold_if_stopping(self) -> None:
        """Stay here for ever while the server shuts down: what fails then is not the run's failure."""
        if self.stopping.is_set():
            self.held.add(_this_task())
            await asyncio.Event().wait()

    async def leave(self) -> NoReturn:
        """Leave memory: the workflow stops here, and goes on from here when the run is woken."""
        await self._let_go()
        await self.draw().run_async({"name": "parked"}, _nothing)
        raise RunCancelled  # the step above does not return in a workflow that has left

    def abort(self) -> None:
        """Break off what is in flight; a pause that was asked for takes effect at once."""
        self._aborted = True
        for task in list(self.running):
            self._broken_off.add(task)
            task.cancel()

    async def _let_go(self) -> None:
        self._left = True
        await outside(DBOS.cancel_workflow_async, self.workflow_id)
        if await self.progress.status(self.run.id) not in _PARKED:
            await outside(self._wake)

    async def _wake(self) -> None:
        await self.wake(self.run.id)

    async def _abortable(self, body: Awaitable[T]) -> T:
        task = asyncio.ensure_future(body)
        self.running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            await self.hold_if_stopping()
            if task not in self._broken_off:
                task.cancel()
                raise
            status = await self.progress.park(self.run)
            if status is RunStatus.RUNNING:
                raise _PauseTakenBack from None
            if status not in (RunStatus.CANCELLING, RunStatus.CANCELLED):
                await self._let_go()
            raise RunCancelled from None
        finally:
            self.running.discard(task)
            self._broken_off.discard(task)


class Stopwatch:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def ms(self) -> int:
        """Return whole milliseconds."""
        return int((time.monotonic() - self._started) * 1000)


async def _returned(value: T) -> T:
    return value


async def _nothing() -> None:
    return None


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task
