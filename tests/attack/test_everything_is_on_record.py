"""Every route that changes something leaves an entry in the audit log: the routes are asked, not a list of ours."""

from __future__ import annotations

from pathlib import Path

import httpx
from sqlalchemy import select

from perdure.core.tools import ToolCategory
from perdure.services import grants
from perdure.store.tables import audit_head
from tests.attack.access_cases import CASES, Case, Right
from tests.attack.access_world import World, world

CHANGES = [case for case in CASES if case.method != "GET"]
EXPORTS = [case for case in CASES if case.path.endswith(("files.zip", "console.log"))]
AT_WORK = {"POST /api/sessions/{session_id}/activity", "POST /api/auth/tickets"}
"""Being at work in a session, and opening a socket: what is done there has its own entries."""
SESSION = "/api/sessions/{session_id}"
BEFORE = {
    f"POST {SESSION}/resume": f"POST {SESSION}/suspend",
    f"POST {SESSION}/archive": f"POST {SESSION}/suspend",
    "POST /api/sessions/bulk": f"POST {SESSION}/suspend",
    f"POST {SESSION}/restore": f"DELETE {SESSION}",
    "POST /api/runs/{run_id}/resume": "POST /api/runs/{run_id}/pause",
    "POST /api/hops/{hop_id}/{command}": "POST /api/missions/{mission_id}/accept",
    "POST /api/missions/{mission_id}/fail": "POST /api/missions/{mission_id}/accept",
}
"""What brings a thing into the state that a route asks for."""
BY_OTHERS = {"POST /api/share-links/accept": "stranger"}
WITH_ANOTHER_BODY = {"POST /api/auth/login", "POST /api/auth/refresh", "POST /api/auth/register"}
"""Those that sign in: test_sign_in.py holds them to their entries."""
NOT_REACHED = {
    "POST /api/missions/{mission_id}/complete",
    "POST /api/runs/{run_id}/retry",
    "PUT /api/missions/{mission_id}/hops",
}
"""They ask for work that ended or for more than one hop; the test of the services brings them there."""


async def head(everybody: World) -> int:
    """Return the position of the newest entry."""
    query = select(audit_head.c.position)
    return await everybody.running.perdure.store.read(lambda tx: tx.db.execute(query).scalar_one())


async def prepared(everybody: World, case: Case) -> dict[str, str]:
    """Return ids of things that the case can be carried out with."""
    before = BEFORE.get(case.route)
    first = None if before is None else Case(before, Right.OWN)
    both = case if first is None else Case(f"{case.method} {case.path}{first.path}", case.right, case.body)
    things = await everybody.things(both, [])
    if first is not None:
        answer = await everybody.send("owner", first, things)
        assert answer.is_success, f"{before}: {answer.text}"
    if "grants" in case.path:
        session = things["session_id"]
        await everybody.running.perdure.store.write(
            lambda tx: grants.add_in(tx, session, ToolCategory(things["category"]))
        )
    return things


async def test_whatever_changes_something_or_takes_it_away_is_on_record(tmp_path: Path) -> None:
    unrecorded: set[str] = set()
    not_reached: dict[str, httpx.Response] = {}
    async with world(tmp_path) as everybody:
        for case in [*CHANGES, *EXPORTS]:
            person = BY_OTHERS.get(case.route, "admin" if case.right is Right.SERVER else "owner")
            things = await prepared(everybody, case)
            before = await head(everybody)
            answer = await everybody.send(person, case, things)
            if not answer.is_success:
                not_reached[case.route] = answer
            elif await head(everybody) == before:
                unrecorded.add(case.route)
            if "logout" in case.path or "sign-out" in case.path:
                everybody.tokens[person] = await everybody.sign_in(person)
    said = {route: f"{answer.status_code} {answer.text}" for route, answer in not_reached.items()}
    assert said.keys() - WITH_ANOTHER_BODY <= NOT_REACHED, said
    assert unrecorded - NOT_REACHED == AT_WORK
