"""`perdure costs`: what sessions have cost."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli import output
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, connect
from perdure.client import Perdure
from perdure.client.models import Costs, Json, Session

_PAGE = 200
_BREAKDOWNS = ("model", "agent", "step", "run", "day")
_SHOWN = {"session_id", "name", "cost_usd", "unpriced_calls"}


def costs(
    session: Annotated[str | None, typer.Argument(help="Id of a session; without it, all of them.")] = None,
    by: Annotated[str, typer.Option(help="model, agent, step, run or day.")] = "model",
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show what one session, or each session, has cost. Unknown prices are named and never taken for zero."""
    if by not in _BREAKDOWNS:
        raise typer.BadParameter(f"use one of {', '.join(_BREAKDOWNS)}", param_hint="--by")
    with connect(server) as client:
        if session is not None:
            _one(client.sessions.costs(session), by, as_json)
        else:
            _all(client, as_json)


def _one(found: Costs, by: str, as_json: bool) -> None:
    if as_json:
        output.print_json(found)
        return
    lists = (found.by_model, found.by_agent, found.by_step, found.by_run, found.by_day)
    rows = lists[_BREAKDOWNS.index(by)]
    columns = (by.upper(), "CALLS", "INPUT", "OUTPUT", "COST")
    output.table(columns, [_row(row) for row in rows], numbers=columns[1:])
    output.line(f"Total: {output.money(found.total_cost_usd, found.unpriced_calls)} in {found.calls} calls")
    again = found.made_again
    if again.get("calls"):
        spent = output.money(again.get("cost_usd"), again.get("unpriced_calls", 0))
        word = "call" if again["calls"] == 1 else "calls"
        output.line(f"Of it spent again after crashes and retries: {spent} in {again['calls']} {word}")
    if found.price_versions:
        output.line(f"Prices: {', '.join(str(prices['version']) for prices in found.price_versions)}")


def _row(row: Json) -> tuple[str, ...]:
    return (
        str(row.get("label") or row.get("key") or "-"),
        str(row.get("calls", 0)),
        str(row.get("input_tokens", 0)),
        str(row.get("output_tokens", 0)),
        output.money(row.get("cost_usd"), row.get("unpriced_calls", 0)),
    )


def _all(client: Perdure, as_json: bool) -> None:
    found: list[Session] = []
    cursor: str | None = None
    while True:
        page = client.sessions.list(limit=_PAGE, cursor=cursor)
        found += page.sessions
        cursor = page.next_cursor
        if cursor is None:
            break
    found.sort(key=lambda session: -(session.cost_usd or 0))
    total = sum(session.cost_usd or 0 for session in found)
    unpriced = sum(session.unpriced_calls for session in found)
    if as_json:
        rows = [s.model_dump(mode="json", include=_SHOWN) for s in found]
        output.print_json({"total_cost_usd": total, "unpriced_calls": unpriced, "sessions": rows})
        return
    shown = [(s.session_id, output.money(s.cost_usd, s.unpriced_calls), s.name) for s in found]
    output.table(("SESSION", "COST", "NAME"), shown, numbers=("COST",))
    output.line(f"Total: {output.money(total, unpriced)} in {len(found)} sessions")
