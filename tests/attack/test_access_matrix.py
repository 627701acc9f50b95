"""Every route, asked by everybody: the answer is what the role table says, and strangers learn nothing.

Of ids in paths, that is; those in bodies and queries are in `test_ids_elsewhere.py`, and the one exception, the id of a
session that somebody wants to create, in `test_used_ids.py`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from starlette.routing import Route, WebSocketRoute

from perdure.api.app import describe_app
from perdure.core.access import Scope
from perdure.ids import new_id
from tests.attack.access_cases import CASES, Case, Right
from tests.attack.access_world import NOT_SIGNED_IN, SHARED_AS, World, mail, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

RIGHT_OF = {
    "admin": Right.SERVER,
    "owner": Right.OWN,
    "share-admin": Right.SHARE,
    "editor": Right.EDIT,
    "viewer": Right.VIEW,
    "stranger": Right.SIGNED_IN,
    "revoked": Right.SIGNED_IN,
}
NOT_DESCRIBED = {"GET /openapi.json", "GET /docs"}
PAGES = "GET /{path}"
"""The console's own files, and its page for every other address; they are the same for everybody."""
LET_THROUGH = {200, 201, 202, 204, 409}
"""409: it was allowed, and does not fit the state that the thing is in."""
DECIDED_BY_BODY = {
    "POST /api/auth/login": 401,
    "POST /api/auth/refresh": 401,
    "POST /api/auth/register": 403,
    "GET /api/auth/oidc/{provider}/login": 404,
    "GET /api/auth/oidc/{provider}/callback": 404,
}
ENDS_SIGN_IN = {
    "POST /api/auth/logout",
    "POST /api/auth/logout-everywhere",
    "POST /api/users/{user_id}/sign-out",
}
CONDITIONS = {
    "If-Match": "*",
    "If-None-Match": "*",
    "If-Modified-Since": "Wed, 21 Oct 2026 07:28:00 GMT",
    "Range": "bytes=0-0",
    "Last-Event-ID": "1",
    "Idempotency-Key": "the same for all",
}
"""What makes an answer depend on the state of the thing, where there is one to be seen."""
VARIES = {"date", "content-length", "retry-after"}
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def case_id(case: Case) -> str:
    return case.route + (f"?{case.query}" if case.query else "")


every_case = pytest.mark.parametrize("case", CASES, ids=case_id)
every_case_of_a_thing = pytest.mark.parametrize(
    "case", [c for c in CASES if Right.VIEW <= c.right <= Right.OWN], ids=case_id
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One server for the whole matrix; every mutation gets a session of its own."""
    async with world(tmp_path_factory.mktemp("matrix")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def read_things(everybody: World) -> dict[str, str]:
    """A session that is only looked at; somebody's share in it was taken back."""
    things = await everybody.things()
    base = f"/api/sessions/{things['session_id']}"
    share = await everybody.made(
        "owner", "POST", f"{base}/shares", {"email": mail("revoked"), "role": "edit"}
    )
    assert (await everybody.ask("revoked", "GET", base)).status_code == 200
    await everybody.made("owner", "DELETE", f"{base}/shares/{share['id']}")
    return things


async def test_every_route_has_its_entry_and_every_entry_a_route(everybody: World) -> None:
    served: set[str] = set()
    for route in everybody.running.app.routes:
        if not isinstance(route, WebSocketRoute):  # those have a matrix of their own
            assert isinstance(route, Route), f"{route} holds others that nobody has looked at"
            assert route.methods, f"{route.path} takes any method"
            methods = route.methods - {"HEAD"} if "GET" in route.methods else route.methods
            served |= {f"{method} {route.path_format}" for method in methods}
    described = {
        f"{method.upper()} {path}" for path, methods in describe_app()["paths"].items() for method in methods
    }
    named = {case.route for case in CASES}
    assert served - named == {PAGES}, "routes without an entry in access_cases.py"
    assert named - served == set(), "entries without a route"
    assert served - described == NOT_DESCRIBED | {PAGES}, "served, and not described"


@every_case
async def test_the_answer_is_what_the_role_table_says(
    everybody: World, read_things: dict[str, str], case: Case
) -> None:
    for person, right in RIGHT_OF.items():
        allowed = right >= case.right and (person == "owner" or not case.personal)
        things = read_things
        if allowed and case.method != "GET":
            things = await everybody.things(case, [person])
        if case.route in ENDS_SIGN_IN:
            everybody.tokens[person] = await everybody.sign_in(person)
        answer = await everybody.send(person, case, things)
        if case.route in ENDS_SIGN_IN:
            everybody.tokens[person] = await everybody.sign_in(person)
        if case.route in DECIDED_BY_BODY:
            expect(answer, person, DECIDED_BY_BODY[case.route])
        elif allowed:
            expect(answer, person, *LET_THROUGH)
        elif case.right is Right.SERVER or (right >= Right.VIEW and not case.personal):
            expect(answer, person, 403)
        else:
            expect(answer, person, 404)


@every_case
async def test_who_is_not_signed_in_reaches_what_is_public_and_nothing_else(
    everybody: World, read_things: dict[str, str], case: Case
) -> None:
    for person in (None, *NOT_SIGNED_IN):
        answer = await everybody.send(person, case, read_things)
        if case.route in DECIDED_BY_BODY:
            expect(answer, person, DECIDED_BY_BODY[case.route])
        elif case.right is Right.PUBLIC:
            expect(answer, person, 200)
        else:
            expect(answer, person, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")


@every_case_of_a_thing
async def test_a_stranger_cannot_tell_a_thing_from_one_that_does_not_exist(
    everybody: World, read_things: dict[str, str], case: Case
) -> None:
    nothing = {name: UUID.sub(new_id(), value) for name, value in read_things.items()}
    nothing["task_id"] = "no-such-task" if not UUID.fullmatch(read_things["task_id"]) else nothing["task_id"]
    for person, more in (("stranger", {}), ("revoked", {}), ("stranger", CONDITIONS)):
        strange = await everybody.send(person, case, read_things, more)
        unknown = await everybody.send(person, case, nothing, more)
        assert (strange.status_code, unknown.status_code) == (404, 404), (strange.text, unknown.text)
        assert anonymous(strange, read_things) == anonymous(unknown, nothing)
        assert list(strange.headers) == list(unknown.headers)
        kept = {k: v for k, v in strange.headers.items() if k not in VARIES}
        assert kept == {k: v for k, v in unknown.headers.items() if k not in VARIES}


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in CASES
        if case.route not in ENDS_SIGN_IN | set(DECIDED_BY_BODY) and case.right is not Right.SERVER
    ],
    ids=case_id,
)
async def test_an_api_key_does_what_its_scope_says(
    everybody: World, read_things: dict[str, str], case: Case
) -> None:
    order = list(Scope)
    for scope in (Scope.READ, Scope.WORK, Scope.MANAGE):
        allowed = order.index(scope) >= order.index(Scope(case.key_scope))
        changes = allowed and case.method != "GET"
        things = await everybody.things(case, []) if changes else read_things
        answer = await everybody.send(f"key:{scope}", case, things)
        expect(answer, scope, *(LET_THROUGH if allowed else {403}))


@pytest.mark.parametrize("case", [c for c in CASES if c.lists], ids=case_id)
@pytest.mark.parametrize("person", ["stranger", "revoked"])
async def test_lists_hold_nothing_of_others(
    everybody: World, read_things: dict[str, str], person: str, case: Case
) -> None:
    text = (await everybody.send(person, case, read_things)).text
    for name in ("session_id", "run_id", "mission_id", "approval_id"):
        assert read_things[name] not in text


def expect(answer: httpx.Response, person: str | None, *statuses: int) -> None:
    """Let the test fail unless the answer is one of these, and a problem document if it refuses."""
    said = f"{person}: {answer.status_code} {answer.headers.get('content-type')}"
    assert answer.status_code in statuses, f"{said} {answer.text[:300]}"
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", said


def anonymous(answer: httpx.Response, things: dict[str, str]) -> str:
    """Return what it says without the ids that the request named."""
    text = answer.text
    for value in things.values():
        text = text.replace(value, "ID") if UUID.search(value) else text
    return text


async def test_the_inbox_holds_what_one_may_answer(everybody: World, read_things: dict[str, str]) -> None:
    for person in ("owner", *SHARED_AS):
        inbox = (await everybody.made(person, "GET", "/api/approvals?limit=200"))["approvals"]
        asked = read_things["approval_id"] in {one["approval_id"] for one in inbox}
        assert asked == (RIGHT_OF[person] >= Right.EDIT), person
