"""`/ws/sessions/{session_id}?after=SEQ`: watch one session and send it commands."""

from __future__ import annotations

from perdure.api.socket.connection import Connection
from perdure.api.socket.protocol import StatusFrame, encode, seq_of
from perdure.ids import parse_uuid


class SessionSocket(Connection):
    """Everything of one session, all its runs, from a cursor on."""

    async def open(self) -> None:
        """Say where the log stands and begin behind the cursor."""
        session_id = parse_uuid(self.params["session_id"], "session id")
        after = seq_of(self.query.get("after") or self.query.get("last_event_id"))
        epoch = self.query.get("epoch")
        row = await self.perdure.sessions.get(self.caller, session_id)
        self.session_id = session_id
        status = StatusFrame(
            session_id=session_id,
            sessionId=session_id,
            task_id=row.run.task_id if row.run else None,
            taskId=row.run.task_id if row.run else None,
            run_id=row.run.id if row.run else None,
            seq=row.session.last_seq,
        )
        self.sender.post(encode(status))
        await self.connections.note(self, None, session_id, self.caller.user_id)
        await self.watch(session_id, after, batch=self.batch, epoch=seq_of(epoch) if epoch else None)
