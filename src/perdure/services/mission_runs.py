"""Commands on a mission that a run works on: they reach the run, never only a row."""

from __future__ import annotations

from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.answers import check_response
from perdure.core.approvals import Approval, ApprovalType, Resolution, check_answer
from perdure.core.missions import Mission, MissionCommand
from perdure.core.runs import OPEN_RUN_STATUSES, Run, RunStatus
from perdure.errors import NotAllowedNow, NotFound
from perdure.services import lifecycle
from perdure.services.access import session_for
from perdure.services.approvals import audit_answer, settle_in
from perdure.services.ports import RunEngine
from perdure.store import approvals, runs
from perdure.store.transaction import Tx

_RESOLUTION = {
    MissionCommand.ACCEPT: Resolution.APPROVE,
    MissionCommand.REJECT: Resolution.REJECT,
    MissionCommand.REVISE: Resolution.REVISE,
    MissionCommand.MODIFY: Resolution.MODIFY,
}


class RunCommands:
    """The runs that one command reached, to be told to the engine after the commit."""

    def __init__(self) -> None:
        self._enqueued: list[str] = []
        self._aborted: list[str] = []

    def open_run(self, tx: Tx, mission: Mission) -> Run | None:
        """Return the open run that works on the mission, locked, or None."""
        if mission.run_id is None:
            return None
        try:
            run = runs.get_run(tx, mission.run_id, lock=True)
        except NotFound:
            return None
        return run if run.status in OPEN_RUN_STATUSES else None

    def refuse_open_run(self, tx: Tx, mission: Mission) -> None:
        """Let the command pass when no run works on the mission.

        Raises:
            NotAllowedNow: naming the run.
        """
        run = self.open_run(tx, mission)
        if run is not None:
            raise _busy(run, mission)

    def answer(
        self,
        tx: Tx,
        actor: Actor,
        run: Run,
        command: MissionCommand,
        *,
        feedback: str | None = None,
        modifications: dict[str, Any] | None = None,
    ) -> Approval:
        """Answer the run's question about its plan.

        Raises:
            NotAllowedNow: when it asks none.
            InvalidInput: when the question does not offer this answer.
        """
        session_for(tx, actor, run.session_id, Action.ANSWER)
        pending, _ = approvals.list_approvals(tx, None, status="pending", run_id=run.id, limit=200)
        question = next((a for a in pending if a.request_type is ApprovalType.PLAN), None)
        if question is None:
            raise NotAllowedNow(
                f"Run {run.id} works on this plan and does not ask about it; pause or cancel the run.",
                current_status=str(run.status),
                allowed=[str(MissionCommand.CANCEL)],
                run_id=run.id,
            )
        resolution = _RESOLUTION[command]
        status = check_answer(question, resolution, tx.now)
        response = check_response(question, resolution, feedback=feedback, modifications=modifications)
        settled = settle_in(tx, question, status, resolution, response=response, by=actor, by_person=True)
        audit_answer(tx, actor, settled)
        self._enqueued.append(run.id)
        return settled

    def cancel(self, tx: Tx, actor: Actor, run: Run) -> None:
        """Cancel the run; one on its way to be cancelled is left alone."""
        session_for(tx, actor, run.session_id, Action.CONTROL)
        if run.status is not RunStatus.CANCELLING:
            lifecycle.cancel_run(tx, run, actor.name)
        self._aborted.append(run.id)

    async def tell(self, engine: RunEngine) -> None:
        """Tell the engine what was committed."""
        for run_id in self._enqueued:
            await engine.enqueue(run_id)
        for run_id in self._aborted:
            await engine.abort(run_id)


def _busy(run: Run, mission: Mission) -> NotAllowedNow:
    return NotAllowedNow(
        f"Run {run.id} works on this mission; pause or cancel the run, or answer its question.",
        current_status=str(mission.status),
        allowed=[str(MissionCommand.CANCEL)],
        run_id=run.id,
    )
