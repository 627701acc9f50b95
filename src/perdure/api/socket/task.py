"""`/ws/{task_id}`: start a task and watch it, or attach to one that is known. It is never run twice."""

from __future__ import annotations

from perdure.api.socket.connection import Connection
from perdure.api.socket.protocol import BadFrame, FirstFrame, StatusFrame, encode, read_first_frame, seq_of
from perdure.core.runs import Run
from perdure.errors import RunInProgress
from perdure.ids import TaskId, parse_task_id, parse_uuid

_SESSION_KEYS = ("session_id", "sessionId", "copilotSessionId")


class TaskSocket(Connection):
    """The first frame is `{task, config, last_event_id?}`; the whole session is streamed."""

    async def open(self) -> None:
        """Start or attach, and say so."""
        task_id = parse_task_id(self.params["task_id"])
        first = read_first_frame(await self.first_text())
        after = seq_of(first.last_event_id if first.last_event_id is not None else self.query.get("after"))
        session_id, run = await self._join(task_id, first)
        self.session_id = session_id
        self.batch = self.batch or first.batch
        head, _epoch = await self.perdure.history.head(session_id)
        status = StatusFrame(
            session_id=session_id,
            sessionId=session_id,
            task_id=task_id,
            taskId=task_id,
            run_id=run.id if run else None,
            seq=head,
        )
        self.sender.post(encode(status))
        await self.connections.note(self, task_id, session_id, self.caller.user_id)
        await self.watch(session_id, after, batch=self.batch, epoch=first.epoch)

    async def _join(self, task_id: TaskId, first: FirstFrame) -> tuple[str, Run | None]:
        """Return session and run of the task, started now if nobody has.

        A task that names a session with an open run is handed to that run as a further word.
        """
        runs = self.perdure.runs
        known = await runs.find_by_task(self.caller, task_id)
        if known is not None:
            return known.session_id, known
        named = next((str(first.config[key]) for key in _SESSION_KEYS if first.config.get(key)), None)
        if named is not None:
            named = parse_uuid(named, "session id")
        if not first.task.strip():
            if named is None:
                raise BadFrame("There is no such task; send its text as `task`.", field="task")
            return named, (await self.perdure.sessions.get(self.caller, named)).run
        await self.rates.run_start(self.caller)
        try:
            session, run = await runs.submit(
                self.caller, first.task, first.config, task_id=task_id, session_id=named
            )
        except RunInProgress:
            if named is None:
                raise
            await runs.steer(self.caller, named, first.task)
            return named, (await self.perdure.sessions.get(self.caller, named)).run
        return session.id, run
