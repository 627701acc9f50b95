"""Saving a session's state from outside: the history only grows, the rest is replaced."""

from __future__ import annotations

from typing import Any

from perdure.core.messages import Author
from perdure.core.sessions import Session
from perdure.errors import Conflict, NotAllowedNow, StaleVersion
from perdure.services import grants, lifecycle
from perdure.services.conversation import wire_messages
from perdure.services.ports import Limits
from perdure.store import messages, missions, sessions
from perdure.store.transaction import Tx


def save_state_in(
    tx: Tx,
    session: Session,
    limits: Limits,
    *,
    author: Author | None,
    messages_to_append: list[dict[str, Any]] | None = None,
    conversation_history: list[dict[str, Any]] | None = None,
    context_variables: dict[str, Any] | None = None,
    current_phase: str | None = None,
    current_step: int | None = None,
    plan_data: dict[str, Any] | None = None,
    expected_version: int | None = None,
) -> Session:
    """Append messages and replace context, phase, step and plan in one change of the version.

    What a person allowed tools for the session is not changed from outside, whatever the context says.

    `conversation_history` is the whole history as the caller knows it: it must extend the stored one,
    and what it adds is appended. None leaves a field as it is.

    Raises:
        StaleVersion: when `expected_version` is not the current one.
        Conflict: when the history given is not an extension of the stored one, or another plan is given while
            a mission is linked, whose plan it is.
        NotAllowedNow: when the session is neither active nor suspended.
    """
    if session.status not in ("active", "suspended"):
        raise NotAllowedNow(
            f"Cannot save into a session that is {session.status}.",
            current_status=str(session.status),
            allowed=[],
        )
    if expected_version is not None and expected_version != session.version:
        raise StaleVersion(
            "The session was changed in another place; read it again.", current_version=session.version
        )
    if plan_data is not None and plan_data != session.plan_data:
        _refuse_other_plan(tx, session)
    sessions.lock_log(tx, session.id)
    session = session.model_copy(update={"message_count": sessions.get_session(tx, session.id).message_count})
    fresh = list(messages_to_append or [])
    if conversation_history is not None:
        fresh = _tail(tx, session, conversation_history) + fresh
    if context_variables is not None:
        context_variables = {k: v for k, v in context_variables.items() if k != grants.KEY}
        if grants.KEY in session.context_variables:
            context_variables[grants.KEY] = session.context_variables[grants.KEY]
    changes: dict[str, Any] = {
        key: value
        for key, value in {
            "context_variables": context_variables,
            "current_phase": current_phase,
            "current_step": current_step,
            "plan_data": plan_data,
        }.items()
        if value is not None
    }
    changed = sessions.change_session(
        tx,
        session,
        last_active_at=tx.now,
        expires_at=lifecycle.expiry_of(limits, session.status, tx.now),
        warned_at=None,
        **changes,
    )
    events = wire_messages(fresh, author)
    if events:
        tx.append(session.id, *events)
    tx.emit(session.id, lifecycle.session_update(changed, "state saved"))
    return changed


def _refuse_other_plan(tx: Tx, session: Session) -> None:
    mission = missions.find_mission(tx, session_id=session.id)
    if mission is not None:
        raise Conflict(
            f"The plan of this session is that of its mission {mission.name!r}; nothing was saved. "
            "Change the mission, or leave the plan out.",
            mission_id=mission.id,
        )


def _tail(tx: Tx, session: Session, history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = session.message_count - messages.history_floor(tx, session.id)
    stored = messages.list_messages(tx, session.id, after=0, limit=max(known, 1)) if known else []
    if len(history) < len(stored) or any(
        given.get("role") != kept.role or given.get("content", "") != kept.text
        for given, kept in zip(history, stored, strict=False)
    ):
        raise Conflict(
            f"The history given does not extend the stored one ({len(stored)} messages); nothing was saved. "
            "Read the history and append to it.",
            stored_messages=len(stored),
        )
    return history[len(stored) :]
