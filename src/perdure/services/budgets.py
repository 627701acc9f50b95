"""Limits at work: what a run and its session used, warnings, and raising a limit lets runs go on."""

from __future__ import annotations

from typing import Any, cast

from pydantic import ValidationError

from perdure.core.approvals import Approval
from perdure.core.events import BudgetExceeded, BudgetWarning, ErrorEvent
from perdure.core.limits import LimitState, ResourceLimits, Usage, limit_states
from perdure.core.runs import Run
from perdure.core.sessions import Session
from perdure.errors import InvalidInput
from perdure.store import runs, sessions, usage
from perdure.store.transaction import Tx

_UNITS = {
    "max_cost_usd": "US dollars",
    "max_tokens": "tokens",
    "max_seconds": "seconds of execution",
    "max_steps": "steps",
}


def parse_limits(given: dict[str, Any] | None) -> dict[str, Any]:
    """Return limits as they are stored: only those that are set.

    Raises:
        InvalidInput: naming each field that is no limit.
    """
    try:
        return ResourceLimits.model_validate(given or {}).model_dump(exclude_none=True)
    except ValidationError as error:
        problems = [
            {
                "field": f"resource_limits.{'.'.join(str(p) for p in e['loc'])}",
                "message": e["msg"],
                "type": e["type"],
            }
            for e in error.errors()
        ]
        raise InvalidInput(
            "; ".join(f"{p['field']}: {p['message']}" for p in problems)
            + f". Limits are {', '.join(_UNITS)}.",
            errors=problems,
        ) from None


def check_in(tx: Tx, run_id: str) -> LimitState | None:
    """Return a limit of the run or its session that is reached; log one that nearly is, once per limit.

    The time since the last check counts as execution.
    """
    return next((state for state in _checked(tx, run_id) if state.reached), None)


def check_time_in(tx: Tx, run_id: str) -> LimitState | None:
    """Like `check_in`, of the limits of time alone."""
    return next((s for s in _checked(tx, run_id) if s.reached and s.limit == "max_seconds"), None)


def note_in(tx: Tx, run_id: str) -> None:
    """Log what is reached or nearly so by what was just used, once per limit."""
    run = runs.get_run(tx, run_id)
    _note(tx, run, _states(tx, sessions.get_session(tx, run.session_id), run))


def time_left_in(tx: Tx, run_id: str) -> float | None:
    """Return the seconds of execution that are left to a run now, 0 or less when none are; None: no limit."""
    run = runs.get_run(tx, run_id)
    states = _states(tx, sessions.get_session(tx, run.session_id), run)
    left = [state.allowed - state.used for state in states if state.limit == "max_seconds"]
    if not left:
        return None
    since = run.active_since or tx.now
    return min(left) - max(0.0, (tx.now - since).total_seconds())


def warn_of_unpriced_in(tx: Tx, run: Run, model: str) -> None:
    """Log, once for each limit in dollars, that it counts nothing of a model without a known price."""
    session = sessions.get_session(tx, run.session_id)
    for state in _states(tx, session, run):
        if state.limit == "max_cost_usd":
            whose = run.session_id if state.scope == "session" else run.id
            message = (
                f"The cost limit of this {state.scope} cannot be kept: model {model} is unpriced, and its "
                "calls count as nothing. Limit tokens or seconds instead."
            )
            data = ErrorEvent(code="cost-limit-unpriced", message=message)
            tx.emit(run.session_id, data, run_id=run.id, dedupe=f"{whose}:{data.code}")


def _checked(tx: Tx, run_id: str) -> list[LimitState]:
    run = runs.get_run(tx, run_id)
    usage.tick(tx, run)
    states = _states(tx, sessions.get_session(tx, run.session_id), run)
    _note(tx, run, states)
    return states


def _note(tx: Tx, run: Run, states: list[LimitState]) -> None:
    for state in states:
        if state.nearly:
            _log(tx, run, state)


def raise_in(tx: Tx, approval: Approval, answer: Any) -> None:
    """Raise the limit that a question is about to what the answer says, or by as much again.

    A limit that was raised meanwhile stays as it is.
    """
    if has_room(tx, sessions.get_session(tx, approval.session_id), approval):
        return
    state = LimitState.model_validate(approval.request_data)
    given: Any = cast("dict[str, Any]", answer).get(state.limit) if isinstance(answer, dict) else None
    allowed = float(given) if given is not None else state.used + state.allowed
    value = allowed if state.limit in ("max_cost_usd", "max_seconds") else int(allowed)
    if state.scope == "session":
        session = sessions.get_session(tx, approval.session_id, lock=True)
        limits = {**session.resource_limits, state.limit: value}
        sessions.change_session(tx, session, resource_limits=limits)
    else:
        run = runs.get_run(tx, approval.run_id, lock=True)
        own = cast("dict[str, Any]", run.config.get("resource_limits") or {})
        changed = {**own, state.limit: value}
        runs.change_run(tx, run, config={**run.config, "resource_limits": changed})


def has_room(tx: Tx, session: Session, approval: Approval) -> bool:
    """Whether the limit that a question is about allows more by now."""
    asked = LimitState.model_validate(approval.request_data)
    run = runs.get_run(tx, approval.run_id)
    now = [s for s in _states(tx, session, run) if (s.scope, s.limit) == (asked.scope, asked.limit)]
    return not any(state.reached for state in now)


def answer_schema(state: LimitState) -> dict[str, Any]:
    """Return what an answer may say: the new limit, above what is used."""
    return {
        "type": "object",
        "properties": {
            state.limit: {
                "type": "number",
                "exclusiveMinimum": state.used,
                "description": f"The new limit in {_UNITS[state.limit]}; left out, as much again is allowed.",
            }
        },
        "additionalProperties": False,
    }


def words(state: LimitState) -> str:
    """Say the state in a sentence."""
    whose = "This session" if state.scope == "session" else "This run"
    return f"{whose} has used {state.used:g} of {state.allowed:g} {_UNITS[state.limit]}."


def _states(tx: Tx, session: Session, run: Run) -> list[LimitState]:
    found: list[LimitState] = []
    if session.resource_limits:
        limits = ResourceLimits.model_validate(session.resource_limits)
        found += limit_states(limits, usage.of_session(tx, session.id), "session")
    own = run.config.get("resource_limits")
    if own:
        used: Usage = usage.of_run(tx, run.id)
        found += limit_states(ResourceLimits.model_validate(own), used, "run")
    return found


def _log(tx: Tx, run: Run, state: LimitState) -> None:
    data = (BudgetExceeded if state.reached else BudgetWarning)(
        limit=state.limit, scope=state.scope, allowed=state.allowed, used=state.used
    )
    whose = run.session_id if state.scope == "session" else run.id
    key = f"{whose}:{state.limit}:{state.allowed:g}:{data.type}"
    tx.emit(run.session_id, data, run_id=run.id, dedupe=key)
