"""Access with row security on: the interface works as without, and holds when our own checks are taken out."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from websockets.exceptions import ConnectionClosed

import perdure.api.acting
import perdure.api.socket.connection
from perdure.core import access as rules
from perdure.core.access import LOCAL_USER_ID, Role
from perdure.core.events import Console
from perdure.services import access as asking
from perdure.store import shares
from tests.api import (
    conftest,
    test_audit,
    test_authors,
    test_downloads,
    test_grants,
    test_missions,
    test_run_control,
    test_secrets,
    test_sessions,
    test_shares,
    test_sign_in,
    test_sign_in_sockets,
    test_sockets,
    test_streams,
)
from tests.api.conftest import Running, Shared, events_of, frame, running, until
from tests.attack.access_cases import CASES, Case, Right
from tests.attack.access_world import World, world
from tests.provision.postgres import PostgresServer
from tests.provision.row_security import guarded_database

SUITES = (test_sessions, test_run_control, test_missions, test_downloads, test_shares, test_authors)
"""Taken over whole, but for `ABOUT_INPUT`."""
SOME = {
    test_sockets: (
        test_sockets.test_a_new_task_starts_and_streams_from_its_first_event,
        test_sockets.test_resumes_behind_the_cursor_without_hole_or_repetition,
        test_sockets.test_answers_every_client_frame,
        test_sockets.test_one_socket_carries_the_list_and_several_logs,
        test_sockets.test_the_same_log_as_server_sent_events,
    ),
    test_streams: (test_streams.test_a_change_between_the_list_and_the_stream_is_told,),
    test_sign_in: (
        test_sign_in.test_a_person_signs_in_and_is_known,
        test_sign_in.test_a_refresh_token_counts_once_and_used_twice_ends_the_sign_in,
        test_sign_in.test_of_requests_that_race_with_one_refresh_token_one_wins,
        test_sign_in.test_sign_ins_are_listed_and_ended_one_by_one,
        test_sign_in.test_a_key_acts_as_its_owner_as_far_as_its_scopes_go,
        test_sign_in.test_an_administrator_makes_changes_and_disables_people,
        test_sign_in.test_a_new_password_ends_all_other_sign_ins,
        test_sign_in.test_every_change_leaves_its_entry_with_who_and_from_where,
    ),
    test_sign_in_sockets: (
        test_sign_in_sockets.test_a_ticket_opens_one_socket_once,
        test_sign_in_sockets.test_a_lost_share_ends_the_watch_and_leaves_the_socket,
        test_sign_in_sockets.test_who_is_no_administrator_any_more_loses_what_they_saw_as_one,
    ),
    test_audit: (
        test_audit.test_a_sessions_log_says_who_did_what_from_where,
        test_audit.test_what_is_taken_away_as_a_whole_is_on_record,
        test_audit.test_what_a_socket_asks_for_is_noted_with_its_program,
    ),
    test_secrets: (
        test_secrets.test_a_secret_is_set_listed_and_deleted_and_its_value_never_shown,
        test_secrets.test_a_key_given_to_a_session_is_shown_as_a_reference,
    ),
    test_grants: (test_grants.test_what_was_allowed_is_listed_and_taken_back,),
}
"""Of suites that are mostly about other things: those that read or write rows of somebody."""
ABOUT_INPUT = {
    test_missions.test_bad_missions_name_the_field_and_leave_nothing,
    test_run_control.test_a_fork_that_cannot_be_made_makes_nothing,
    test_sessions.test_accepts_a_trailing_slash_without_a_redirect,
    test_sessions.test_gives_bare_arrays_on_request,
    test_sessions.test_reports_about_itself,
    test_shares.test_a_share_that_cannot_be_is_refused,
}
"""Answered before a row is looked for, or whatever the rows are: the same on every database."""


def _taken_over(module: ModuleType, wanted: Iterable[Any]) -> dict[str, Any]:
    """Return tests of another file that ask one server, to be run here against the server of this file."""
    short = module.__name__.rsplit("_", 1)[-1]
    return {
        f"{function.__name__}__{short}": function
        for function in wanted
        if {"app", "shared", "signed"} & set(inspect.signature(function).parameters)
    }


def _all_of(module: ModuleType) -> list[Any]:
    return [f for name, f in vars(module).items() if name.startswith("test_") and f not in ABOUT_INPUT]


for suite in SUITES:
    globals().update(_taken_over(suite, _all_of(suite)))
for suite, chosen in SOME.items():
    taken = _taken_over(suite, chosen)
    assert len(taken) == len(chosen)
    globals().update(taken)


@pytest.fixture
async def app(
    tmp_path: Path, guarded_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    """A server for which the local user is a user like any other, on a database that checks rows."""
    monkeypatch.setattr(perdure.api.acting, "SERVER", LOCAL_USER_ID)
    monkeypatch.setattr(perdure.api.socket.connection, "name_of", lambda actor: actor.user_id)
    async with running(tmp_path, database_url=guarded_postgres_url, row_security="on") as served:
        yield served


@pytest.fixture(autouse=True)
def _sharing_on_a_guarded_database(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The servers of the tests about sharing are like the one above; their people are signed in."""

    def guarded(folder: Path, **settings: Any) -> Any:
        url = request.getfixturevalue("guarded_postgres_url")
        return running(folder, database_url=url, row_security="on", **settings)

    monkeypatch.setattr(conftest, "running", guarded)


shared = conftest.shared
cheap_hashes = test_sign_in.cheap_hashes


@pytest.fixture
async def signed(tmp_path: Path, guarded_postgres_url: str) -> AsyncIterator[Running]:
    """A server with sign-in, one administrator and one member, on a database that checks rows."""
    guarded = {"database_url": guarded_postgres_url, "row_security": "on"}
    async with running(tmp_path, auth="password", rate_limits="off", **guarded) as served:
        await test_sign_in.add_people(served)
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer, guarded_template: str
) -> AsyncIterator[World]:
    """One server with sign-in and people of every kind."""
    with guarded_database(postgres_server, guarded_template) as url:
        folder = tmp_path_factory.mktemp("guarded")
        async with world(folder, database_url=url, row_security="on") as made:
            yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def things(everybody: World) -> dict[str, str]:
    """A session of the owner's with one of everything, shared by role."""
    return await everybody.things()


OF_A_SESSION = [case for case in CASES if Right.VIEW <= case.right <= Right.OWN and not case.personal]
READS = [case for case in OF_A_SESSION if case.method == "GET" and "stream" not in case.path]
WRITES = [case for case in OF_A_SESSION if case.method != "GET"][::5]
"""A slice: what strangers try is tried with all of them, below."""
ROLE_OF = {"owner": Right.OWN, "share-admin": Right.SHARE, "editor": Right.EDIT, "viewer": Right.VIEW}


def case_id(case: Case) -> str:
    return case.route


@pytest.mark.asyncio(loop_scope="module")
async def test_owner_and_those_it_is_shared_with_read_alike_and_strangers_nothing(
    everybody: World, things: dict[str, str]
) -> None:
    assert len(READS) > 15
    for case in READS:
        for person, right in ROLE_OF.items():
            answer = await everybody.send(person, case, things)
            expected = {200} if right >= case.right else {403}
            assert answer.status_code in expected, (
                f"{person} {case.route}: {answer.status_code} {answer.text}"
            )
        assert (await everybody.send("stranger", case, things)).status_code == 404, case.route


@pytest.mark.asyncio(loop_scope="module")
async def test_changes_are_made_by_those_who_may_make_them(everybody: World) -> None:
    assert len(WRITES) > 8
    for case in WRITES:
        for person in ("share-admin", "editor", "viewer"):
            answer = await everybody.send(person, case, await everybody.things(case, [person]))
            expected = {200, 201, 202, 204, 409} if ROLE_OF[person] >= case.right else {403}
            assert answer.status_code in expected, (
                f"{person} {case.route}: {answer.status_code} {answer.text}"
            )


@pytest.fixture
def without_our_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check of ours lets everybody do everything, and lists show everything: the database is alone."""

    def anything(*_args: object, **_named: object) -> None:
        return None

    def owner(*_args: object, **_named: object) -> Role:
        return Role.OWNER

    def everything(*_args: object, **_named: object) -> tuple[None, None]:
        return None, None

    for module in _modules_that_know("require"):
        monkeypatch.setattr(module, "require", anything)
    for module in _modules_that_know("require_scope"):
        monkeypatch.setattr(module, "require_scope", anything)
    for module in _modules_that_know("role_in"):
        monkeypatch.setattr(module, "role_in", owner)
    for module in _modules_that_know("whose_list"):
        monkeypatch.setattr(module, "whose_list", everything)
    monkeypatch.setattr(shares, "find_role", owner)


def _modules_that_know(name: str) -> list[ModuleType]:
    originals = {getattr(asking, name, None), getattr(rules, name, None)} - {None}
    return [
        module
        for found, module in sorted(sys.modules.items())
        if found.startswith("perdure.") and getattr(module, name, None) in originals
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_without_our_checks_a_stranger_still_reaches_nothing(
    everybody: World, without_our_checks: None
) -> None:
    assert len(_modules_that_know("session_for")) > 5
    own = await everybody.things()
    before = await _all_rows(everybody)
    reached: list[str] = []
    for case in OF_A_SESSION:
        for person in ("stranger", "revoked"):
            answer = await everybody.send(person, case, own)
            assert answer.status_code != 500, f"{case.route}: {answer.text}"
            if answer.is_success and _tells(answer.text, own):
                reached.append(f"{person} {case.route}: {answer.status_code} {answer.text[:200]}")
            assert "what nobody else may know" not in answer.text
    assert reached == []
    assert await _all_rows(everybody) == before
    everyone = [("GET", "/api/sessions?user_id=all"), ("GET", "/api/approvals"), ("GET", "/api/missions")]
    for method, path in everyone:
        answer = await everybody.ask("stranger", method, path)
        assert answer.status_code == 200, answer.text
        assert own["session_id"] not in answer.text, path
        assert own["session_id"] in (await everybody.ask("owner", method, path)).text, path


@pytest.mark.asyncio(loop_scope="module")
async def test_without_our_checks_a_socket_still_tells_a_stranger_nothing(
    everybody: World, things: dict[str, str], without_our_checks: None
) -> None:
    served = everybody.running
    for person, seen in (("owner", True), ("viewer", True), ("stranger", False)):
        headers = {"Authorization": f"Bearer {everybody.tokens[person]}"}
        path = f"/ws/sessions/{things['session_id']}"
        async with served.socket(path, additional_headers=headers) as socket:
            first = await frame(socket)
            assert (first["type"] == "status") is seen, first
            if not seen:
                assert first["code"] == "not-found"
                with pytest.raises(ConnectionClosed):
                    await frame(socket)
        async with served.socket("/ws/sessions", additional_headers=headers) as socket:
            await frame(socket)
            assert _tells(json.dumps(await frame(socket)), things) is seen


async def _until_said(lines: AsyncIterator[str], wanted: str) -> list[dict[str, Any]]:
    """Return what a stream sends, up to the event that says something."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(15):
        async for line in lines:
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                if wanted in line:
                    break
    return found


def _said(frames: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(e["seq"], e["data"]["lines"][0]) for e in events_of(frames) if e["type"] == "console"]


async def test_streams_and_sockets_give_their_session_whole_and_no_other(shared: Shared) -> None:
    """Who reads a session shares one reader of the log with the others, whoever came first and has gone since."""
    ours, others = await shared.session(name="Ours"), await shared.session(name="Secret")
    await shared.share(ours, "ann")
    await shared.share(ours, "ben")
    served = shared.running
    await served.log(ours, Console(lines=["before"]))
    path = f"/api/sessions/{ours}/stream?after=0"
    async with (
        served.http.stream("GET", path, headers=shared.headers("ann")) as stream,
        shared.socket("ben", f"/ws/sessions/{ours}?after=0") as socket,
    ):
        lines = stream.aiter_lines()
        streamed = await _until_said(lines, "before")
        heard = await until(socket, lambda f: "before" in json.dumps(f))
        for number in range(3):
            await served.log(others, Console(lines=["of another session"]))
            await served.log(ours, Console(lines=[f"live {number}"]))
        streamed += await _until_said(lines, "live 2")
        heard += await until(socket, lambda f: "live 2" in json.dumps(f))
        log = await shared.done("owner", "GET", f"/api/sessions/{ours}/events?type=console")
        stored = [(e["seq"], e["data"]["lines"][0]) for e in log["events"]]
        assert [text for _, text in stored] == ["before", "live 0", "live 1", "live 2"]
        assert _said(streamed) == _said(heard) == stored
        assert {f["session_id"] for f in (*streamed, *heard) if "session_id" in f} == {ours}

        await shared.done("owner", "DELETE", f"/api/sessions/{ours}/shares/{shared.ids['ann']}")
        last = await _until_said(lines, "not-found")
        assert last[-1]["code"] == "not-found"
        await served.log(ours, Console(lines=["without ann"]))
        heard = await until(socket, lambda f: "without ann" in json.dumps(f))
        assert [text for _, text in _said(heard)] == ["without ann"]
        rest = [line async for line in lines]
        assert "without ann" not in "".join(rest)


async def test_streams_and_sockets_tell_a_stranger_nothing(shared: Shared) -> None:
    session = await shared.session(name="Secret")
    await shared.running.log(session, Console(lines=["Secret"]))
    refused = await shared.ask("stranger", "GET", f"/api/sessions/{session}/stream?after=0")
    assert refused.status_code == 404
    assert "Secret" not in refused.text
    async with shared.socket("stranger", "/ws/sessions") as socket:
        listed = await until(socket, lambda f: f["type"] == "sessions")
        await socket.send(json.dumps({"type": "watch", "session_id": session, "after": 0}))
        answers = await until(socket, lambda f: f["type"] == "error")
        assert answers[-1]["code"] == "not-found"
        await shared.running.log(session, Console(lines=["Secret later"]))
        await shared.done("owner", "PATCH", f"/api/sessions/{session}", {"name": "Secret, renamed"})
        own = await shared.done("stranger", "POST", "/api/sessions", {"mode": "one-shot", "name": "Mine"})
        heard = await until(socket, lambda f: own["session_id"] in json.dumps(f))
    assert "Secret" not in json.dumps([*listed, *answers, *heard])
    assert session not in json.dumps([*listed, *heard])


def _tells(answer: str, own: dict[str, str]) -> bool:
    """Whether an answer names anything but what was asked for by its id."""
    return "Secret" in answer or any(
        f'"{kind}":"{own[name]}"' in answer.replace(" ", "")
        for kind, name in (
            ("owner_id", "session_id"),
            ("id", "session_id"),
            ("id", "mission_id"),
            ("id", "run_id"),
        )
    )


async def _all_rows(everybody: World) -> dict[str, list[str]]:
    """Return everything that is stored of people's work, as the server sees it."""
    tables = ("pd_sessions", "pd_events", "pd_runs", "pd_missions", "pd_hops", "pd_assets", "pd_queue_items")
    tables = (*tables, "pd_approvals", "pd_share_links", "pd_shares", "pd_session_logs", "pd_cost_records")
    store = everybody.running.perdure.store

    def body(tx: Any) -> dict[str, list[str]]:
        return {
            name: sorted(repr(tuple(row)) for row in tx.db.execute(text(f"SELECT * FROM {name}")))
            for name in tables
        }

    return await store.read(body)
