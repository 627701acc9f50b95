"""Client frames carried out: each calls one service and gets one answer."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from perdure.api.socket import protocol
from perdure.api.socket.protocol import AckFrame, BadFrame, PongFrame, encode
from perdure.api.wire.approvals import ApprovalOut
from perdure.api.wire.sessions import SessionSummary
from perdure.core.access import Actor
from perdure.core.runs import OPEN_RUN_STATUSES
from perdure.errors import NotFound, PerdureError
from perdure.services.idempotency import KeptAnswer, answering
from perdure.services.views import StartResult

if TYPE_CHECKING:
    from perdure.bootstrap import Perdure

Fields = dict[str, Any]
SessionCommand = (
    protocol.MessageCommand
    | protocol.PauseCommand
    | protocol.ResumeCommand
    | protocol.CancelCommand
    | protocol.SteerCommand
    | protocol.RequestStateCommand
    | protocol.WatchCommand
    | protocol.UnwatchCommand
    | protocol.PongCommand
)


async def carry_out(
    perdure: Perdure, actor: Actor, frame: protocol.ClientFrame, session_id: str | None, ref: str | int | None
) -> str:
    """Return the text that answers the frame.

    Raises:
        PerdureError: when it could not be carried out; the caller answers with an error frame.
    """
    match frame:
        case protocol.PingCommand():
            return encode(PongFrame(ref=ref))
        case protocol.ApprovalResponseCommand():
            answer = frame.model_dump(
                include={"resolution", "approved", "feedback", "modifications", "answer"}
            )
            approval = await perdure.approvals.answer(actor, frame.approval_id, **answer)
            shown = ApprovalOut.of(approval).model_dump(mode="json")
            return _ack(frame, ref, approval.session_id, shown)
        case protocol.AuthCommand():
            raise BadFrame("Who is at the other end is the socket's own matter.")
        case _:
            pass
    if session_id is None:
        raise BadFrame(f"`{frame.type}` needs a `session_id` on this socket.", field="session_id")
    return _ack(frame, ref, session_id, await _on_session(perdure, actor, frame, session_id))


async def _on_session(perdure: Perdure, actor: Actor, frame: SessionCommand, session_id: str) -> Fields:
    match frame:
        case protocol.MessageCommand() as message:
            return await _message(perdure, actor, message, session_id)
        case protocol.PauseCommand() as pause:
            session = await perdure.sessions.suspend(actor, session_id, when=pause.when)
            return {"status": session.status, "version": session.version}
        case protocol.ResumeCommand() as resume:
            session, run = await perdure.sessions.resume(
                actor, session_id, additional_context=resume.additional_context, from_step=resume.from_step
            )
            return {"status": session.status, "version": session.version, "run_id": run.id if run else None}
        case protocol.CancelCommand():
            row = await perdure.sessions.get(actor, session_id)
            if row.run is None or row.run.status not in OPEN_RUN_STATUSES:
                raise NotFound("No run is live in this session.")
            run = await perdure.runs.cancel(actor, row.run.id)
            return {"run_id": run.id, "run_status": run.status}
        case protocol.SteerCommand() as steer:
            return {"message_id": await perdure.runs.steer(actor, session_id, steer.content)}
        case protocol.RequestStateCommand() | protocol.WatchCommand():
            row = await perdure.sessions.get(actor, session_id)
            state = SessionSummary.of(row).model_dump(mode="json")
            return {"state": {**state, "as_of_seq": row.session.last_seq}}
        case protocol.UnwatchCommand() | protocol.PongCommand():
            return {}


async def _message(
    perdure: Perdure, actor: Actor, message: protocol.MessageCommand, session_id: str
) -> Fields:
    """Start or deliver the input; a `client_id` that was carried out before gets its first answer."""
    if message.client_id is None:
        return await _send(perdure, actor, message, session_id)
    said = f"{session_id}\n{message.on_busy}\n{message.content}".encode()
    fingerprint = hashlib.sha256(said).hexdigest()
    key = f"socket:{message.client_id}"
    claim = await perdure.idempotency.begin(actor, key, fingerprint)
    if isinstance(claim, KeptAnswer):
        return {**claim.body, "repeated": True}

    def answer(result: StartResult) -> Fields:
        return {
            **_sent(result),
            "session_id": session_id,
        }  # by which it is given to those alone who may see it

    try:
        with perdure.idempotency.carrying_out(claim), answering(202, answer):
            fields = await _send(perdure, actor, message, session_id)
    except Exception:  # who is cancelled keeps the key: what was sent may be stored by now
        with suppress(PerdureError):
            await perdure.idempotency.finish(claim, 500, None)
        raise
    await perdure.idempotency.finish(claim, 202, {**fields, "session_id": session_id})
    return fields


async def _send(perdure: Perdure, actor: Actor, message: protocol.MessageCommand, session_id: str) -> Fields:
    return _sent(
        await perdure.runs.start(
            actor, session_id, message.content, config=message.config, on_busy=message.on_busy
        )
    )


def _sent(result: StartResult) -> Fields:
    return {
        "message_id": result.message_id,
        "run_id": result.run.id if result.run else None,
        "queued": result.queue_item is not None,
        "steered": result.steered,
    }


def _ack(frame: Any, ref: str | int | None, session_id: str, fields: Fields) -> str:
    client_id = frame.client_id if isinstance(frame, protocol.MessageCommand) else None
    extra = {
        key: value for key, value in fields.items() if key not in {"type", "ref", "client_id", "session_id"}
    }
    return encode(AckFrame(ref=ref, client_id=client_id, session_id=session_id, command=frame.type, **extra))  # pyright: ignore[reportCallIssue]
