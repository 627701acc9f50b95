"""Every service method that changes something for somebody leaves its entry in the audit log."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

import perdure.services
from perdure.core.access import LOCAL_ACTOR, SYSTEM_ACTOR, Actor, Scope
from perdure.core.audit import AuditEntry, verify
from perdure.core.hops import HopCommand
from perdure.core.missions import Mission
from perdure.core.people import UserRole
from perdure.core.runs import Run
from perdure.core.sessions import Session
from perdure.core.tools import ToolCategory
from perdure.errors import Forbidden, NotAllowedNow, NotFound
from perdure.ids import new_id
from perdure.services import grants, plans
from perdure.services.api_keys import ApiKeyService
from perdure.services.audit import AuditQuery, AuditService
from perdure.services.credentials import Rights
from perdure.services.files import FileService
from perdure.services.forking import ForkService, Wish
from perdure.services.grants import GrantService
from perdure.services.mission_assets import AssetCommands
from perdure.services.passwords import Passwords
from perdure.services.secrets import SecretService
from perdure.services.share_links import ShareLinkService
from perdure.services.shares import ShareService
from perdure.services.sign_in import SignInRules, SignInService
from perdure.services.tokens import AccessTokens, ServerKeys
from perdure.services.users import UserService
from perdure.store import audit, sessions
from perdure.store.tables import shares
from tests import factories
from tests.factories import OWNER, START, STRANGER, VIEWER, Clock, Services

SECRET = "sk-do-not-write-this-down"
BY = replace(OWNER, source="10.0.0.7 tester")
ADMIN = replace(BY, is_admin=True)
HOPS = [{"name": "read", "goal": "g", "outputs": ["facts"]}, {"name": "write", "goal": "g"}]

READING = {
    "ApiKeyService": {"list"},
    "ApprovalService": {"get", "list"},
    "AuditService": {"list", "list_of_session"},
    "ComparisonService": {"diff"},
    "CostService": {"summary"},
    "Credentials": {"fresh"},
    "FileService": {"archive", "list", "open"},
    "GrantService": {"list"},
    "HistoryService": {"console", "events", "frames", "messages"},
    "MissionService": {"asset", "dag", "for_session", "get", "hop", "list", "list_assets"},
    "PresenceService": {"viewers"},
    "QueueService": {"list"},
    "RunService": {"find_by_task", "get", "list", "steps"},
    "SecretService": {"list"},
    "SessionService": {"active", "get", "list", "view"},
    "ShareLinkService": {"list"},
    "ShareService": {"list"},
    "SignInService": {"list"},
    "StatsService": {"snapshot"},
    "UserService": {"find", "get", "list", "me"},
}
"""Methods that change nothing; the test holds them to it."""
BOOKKEEPING = {
    "IdempotencyService": {"begin", "finish"},
    "SessionService": {"touch", "bulk"},
    "TicketService": {"create"},
}
"""Methods that change nothing by themselves which anybody asked for: the request they stand for is audited."""


class World:
    """Services, and the parts that need a folder."""

    def __init__(self, services: Services, folder: Path) -> None:
        self.services = services
        self.files = FileService(services.store, folder)
        self.assets = AssetCommands(services.store, self.files)
        self.forks = ForkService(services.store, services.modes, services.engine, services.limits, self.files)
        self.audit = AuditService(services.store)
        rights, passwords, tokens = Rights(), Passwords(), AccessTokens(ServerKeys(services.store))
        self.users = UserService(services.store, passwords, rights)
        self.sign_in = SignInService(services.store, passwords, tokens, rights, SignInRules())

    async def entries(self) -> list[AuditEntry]:
        """Everything in the log, oldest first."""
        found, total = await self.services.store.read(lambda tx: audit.list_entries(tx, limit=1000))
        assert len(found) == total
        return found[::-1]

    async def session(self, status: str = "active") -> Session:
        """A session that has come to be in that status."""
        session = await self.services.session(config={})
        for command in {"suspended": ("suspend",), "deleted": ("delete",)}.get(status, ()):
            await getattr(self.services.sessions, command)(OWNER, session.id)
        return session

    async def running(self) -> tuple[Session, Run]:
        """A session with a run that is executed."""
        return await self.services.running()

    async def failed(self) -> Run:
        """A run that has failed."""
        _, run = await self.services.running()
        await self.services.progress.fail(run, {"message": "no"}, None)
        return run

    async def paused(self) -> Run:
        """A paused run of a session that is active."""
        session = await self.services.session()
        started = await self.services.runs.start(OWNER, session.id, "t")
        assert started.run is not None
        await self.services.sessions.suspend(OWNER, session.id)
        return started.run

    async def asked(self) -> str:
        """A question that waits."""
        _, run = await self.services.running()
        question = factories.approval(run.session_id, run.id, options=["approve", "reject"])
        return (await self.services.progress.ask(run, question)).id

    async def queued(self) -> tuple[str, str]:
        """A session and an input that waits in it."""
        session, _ = await self.services.running()
        item = await self.services.queue.add(OWNER, session.id, "later")
        return session.id, item["id"]

    async def mission(self, *commands: str) -> Mission:
        """A mission with two hops, linked to a session."""
        session = await self.services.session()
        made = await self.services.mission_commands.create(OWNER, goal="g", hops=HOPS, session_id=session.id)
        for command in commands:
            await getattr(self.services.mission_commands, command)(OWNER, made.mission.id)
        return made.mission


@pytest.fixture
def world(services: Services, tmp_path: Path) -> World:
    return World(services, tmp_path)


Prepare = Callable[[World], Coroutine[Any, Any, Awaitable[object]]]
CASES: dict[tuple[str, str], tuple[Prepare, list[str]]] = {}


def case(service: str, method: str, *actions: str) -> Callable[[Prepare], Prepare]:
    """Note how a method is called so that it succeeds, and what the audit log has to say then."""

    def note(prepare: Prepare) -> Prepare:
        CASES[service, method] = (prepare, list(actions))
        return prepare

    return note


def of_session(method: str, status: str = "active", *arguments: Any, **options: Any) -> None:
    async def prepare(w: World) -> Awaitable[object]:
        session = await w.session(status)
        return getattr(w.services.sessions, method)(BY, session.id, *arguments, **options)

    case("SessionService", method, f"session.{method}")(prepare)


of_session("update", patch={"metadata": {"key": SECRET}, "name": SECRET})
of_session("save_state", messages=[{"role": "user", "content": SECRET}], context_variables={"k": SECRET})
of_session("suspend", "active", "boundary", SECRET)
of_session("resume", "suspended", SECRET)
of_session("complete")
of_session("archive", "suspended")
of_session("restore", "deleted")
of_session("delete")
of_session("purge", "deleted")
of_session("load")


@case("SessionService", "create", "session.create")
async def _create(w: World) -> Awaitable[object]:
    return w.services.sessions.create(BY, mode="task", name=SECRET, metadata={"token": SECRET})


@case("RunService", "start", "run.start")
async def _start(w: World) -> Awaitable[object]:
    return w.services.runs.start(BY, (await w.session()).id, SECRET)


@case("RunService", "submit", "session.create", "run.start")
async def _submit(w: World) -> Awaitable[object]:
    return w.services.runs.submit(BY, SECRET, {"mode": "task"})


@case("RunService", "pause", "session.suspend")
async def _pause(w: World) -> Awaitable[object]:
    return w.services.runs.pause(BY, (await w.running())[1].id)


@case("RunService", "resume", "session.resume")
async def _resume(w: World) -> Awaitable[object]:
    return w.services.runs.resume(BY, (await w.paused()).id, SECRET)


@case("RunService", "cancel", "run.cancel")
async def _cancel(w: World) -> Awaitable[object]:
    return w.services.runs.cancel(BY, (await w.running())[1].id)


@case("RunService", "retry", "run.retry")
async def _retry(w: World) -> Awaitable[object]:
    return w.services.runs.retry(BY, (await w.failed()).id)


@case("RunService", "steer", "run.steer")
async def _steer(w: World) -> Awaitable[object]:
    return w.services.runs.steer(BY, (await w.running())[0].id, SECRET)


@case("ApprovalService", "answer", "approval.answer")
async def _answer(w: World) -> Awaitable[object]:
    return w.services.approvals.answer(BY, await w.asked(), resolution="reject", feedback=SECRET)


@case("QueueService", "add", "queue.add")
async def _queue_add(w: World) -> Awaitable[object]:
    return w.services.queue.add(BY, (await w.running())[0].id, SECRET)


@case("QueueService", "update", "queue.update")
async def _queue_update(w: World) -> Awaitable[object]:
    return w.services.queue.update(BY, *(await w.queued()), content=SECRET)


@case("QueueService", "remove", "queue.remove")
async def _queue_remove(w: World) -> Awaitable[object]:
    return w.services.queue.remove(BY, *(await w.queued()))


@case("QueueService", "reorder", "queue.reorder")
async def _queue_reorder(w: World) -> Awaitable[object]:
    session_id, item_id = await w.queued()
    return w.services.queue.reorder(BY, session_id, [item_id])


@case("GrantService", "revoke", "grant.revoke")
async def _grant_revoke(w: World) -> Awaitable[object]:
    session = await w.session()
    await w.services.store.write(lambda tx: grants.add_in(tx, session.id, ToolCategory.SHELL))
    return GrantService(w.services.store).revoke(BY, session.id, ToolCategory.SHELL)


@case("HistoryService", "add", "message.add")
async def _message(w: World) -> Awaitable[object]:
    return w.services.history.add(BY, (await w.session()).id, [{"role": "user", "content": SECRET}])


@case("HistoryService", "clear", "history.clear")
async def _clear(w: World) -> Awaitable[object]:
    return w.services.history.clear(BY, (await w.session()).id)


@case("FileService", "upload", "file.upload")
async def _upload(w: World) -> Awaitable[object]:
    async def chunks() -> AsyncIterator[bytes]:
        yield SECRET.encode()

    return w.files.upload(BY, (await w.session()).id, "notes/a.md", chunks(), 1000)


@case("ForkService", "fork", "session.fork", "session.create")
async def _fork(w: World) -> Awaitable[object]:
    return w.forks.fork(BY, (await w.session()).id, wish=Wish(name=SECRET, input=SECRET))


@case("ForkService", "fork_run", "session.fork", "session.create")
async def _fork_run(w: World) -> Awaitable[object]:
    return w.forks.fork_run(BY, (await w.failed()).id)


@case("MissionCommands", "create", "mission.create")
async def _mission(w: World) -> Awaitable[object]:
    return w.services.mission_commands.create(BY, goal=SECRET, hops=HOPS)


@case("MissionCommands", "link", "mission.link")
async def _link(w: World) -> Awaitable[object]:
    made = await w.services.mission_commands.create(OWNER, goal="g")
    return w.services.mission_commands.link(BY, (await w.session()).id, made.mission.id)


def of_mission(method: str, *before: str, **arguments: Any) -> None:
    async def prepare(w: World) -> Awaitable[object]:
        mission = await w.mission(*before)
        return getattr(w.services.mission_commands, method)(BY, mission.id, **arguments)

    case("MissionCommands", method, f"mission.{method}")(prepare)


of_mission("update", patch={"name": SECRET})
of_mission("propose", "reject")
of_mission("accept")
of_mission("reject", feedback=SECRET)
of_mission("revise", feedback=SECRET)
of_mission("modify", hops=[{"goal": SECRET}])
of_mission("cancel")
of_mission("fail", "accept", reason=SECRET)
of_mission("complete", "accept")


@case("MissionCommands", "reorder", "mission.reorder")
async def _reorder(w: World) -> Awaitable[object]:
    mission = await w.mission()
    return w.services.mission_commands.reorder(BY, mission.id, [h.id for h in reversed(mission.hops)])


@case("HopCommands", "add", "hop.add")
async def _hop_add(w: World) -> Awaitable[object]:
    return w.services.hops.add(BY, (await w.mission()).id, {"goal": SECRET})


@case("HopCommands", "update", "hop.update")
async def _hop_update(w: World) -> Awaitable[object]:
    return w.services.hops.update(BY, (await w.mission()).hops[0].id, {"goal": SECRET})


@case("HopCommands", "remove", "hop.remove")
async def _hop_remove(w: World) -> Awaitable[object]:
    return w.services.hops.remove(BY, (await w.mission()).hops[1].id)


@case("HopCommands", "move", "hop.start")
async def _hop_move(w: World) -> Awaitable[object]:
    return w.services.hops.move(BY, (await w.mission("accept")).hops[0].id, HopCommand.START)


@case("HopCommands", "add_tool_step", "hop.add_tool_step")
async def _tool_step(w: World) -> Awaitable[object]:
    hop = (await w.mission()).hops[0]
    return w.services.hops.add_tool_step(BY, hop.id, tool="t", parameters={"key": SECRET})


@case("HopCommands", "reorder_tool_steps", "hop.reorder_tool_steps")
async def _tool_steps(w: World) -> Awaitable[object]:
    hop = (await w.mission()).hops[0]
    steps = [await w.services.hops.add_tool_step(OWNER, hop.id, tool="t") for _ in range(2)]
    return w.services.hops.reorder_tool_steps(BY, hop.id, [s.id for s in reversed(steps)])


@case("AssetCommands", "create", "asset.create")
async def _asset(w: World) -> Awaitable[object]:
    return w.assets.create(BY, mission_id=(await w.mission()).id, name="x", value=SECRET)


@case("AssetCommands", "update", "asset.update")
async def _asset_update(w: World) -> Awaitable[object]:
    asset = await w.assets.create(OWNER, mission_id=(await w.mission()).id, name="x", value=1)
    return w.assets.update(BY, asset.id, {"value": SECRET})


@case("ShareService", "create", "share.create")
async def _share(w: World) -> Awaitable[object]:
    return ShareService(w.services.store).create(
        BY, (await w.session()).id, user_id=STRANGER.user_id, role="view"
    )


async def _shared(w: World) -> str:
    session = await w.session()
    await ShareService(w.services.store).create(OWNER, session.id, user_id=STRANGER.user_id, role="view")
    return session.id


@case("ShareService", "update", "share.update")
async def _share_update(w: World) -> Awaitable[object]:
    session_id = await _shared(w)
    return ShareService(w.services.store).update(BY, session_id, STRANGER.user_id, role="edit")


@case("ShareService", "delete", "share.delete")
async def _share_delete(w: World) -> Awaitable[object]:
    return ShareService(w.services.store).delete(BY, await _shared(w), STRANGER.user_id)


@case("ShareLinkService", "create", "share_link.create")
async def _link_create(w: World) -> Awaitable[object]:
    return ShareLinkService(w.services.store).create(BY, (await w.session()).id, role="view")


@case("ShareLinkService", "delete", "share_link.delete")
async def _link_delete(w: World) -> Awaitable[object]:
    links, session = ShareLinkService(w.services.store), await w.session()
    link, _ = await links.create(OWNER, session.id, role="view")
    return links.delete(BY, session.id, link.id)


@case("ShareLinkService", "accept", "share_link.accept")
async def _link_accept(w: World) -> Awaitable[object]:
    links = ShareLinkService(w.services.store)
    _, token = await links.create(
        STRANGER, (await w.services.sessions.create(STRANGER, mode="task")).id, role="view"
    )
    return links.accept(BY, token)


@case("SecretService", "put", "secret.put")
async def _secret(w: World) -> Awaitable[object]:
    return SecretService(w.services.store).put(BY, "work", SECRET)


@case("SecretService", "delete", "secret.delete")
async def _secret_delete(w: World) -> Awaitable[object]:
    secrets = SecretService(w.services.store)
    await secrets.put(OWNER, "work", SECRET)
    return secrets.delete(BY, "work")


@case("ApiKeyService", "create", "key.create")
async def _key(w: World) -> Awaitable[object]:
    return ApiKeyService(w.services.store, Rights()).create(BY, name=SECRET, scopes=[Scope.READ])


@case("ApiKeyService", "revoke", "key.revoke")
async def _key_revoke(w: World) -> Awaitable[object]:
    keys = ApiKeyService(w.services.store, Rights())
    return keys.revoke(BY, (await keys.create(OWNER, name="k", scopes=[Scope.READ])).key.id)


@case("SignInService", "logout", "sign-in.logout")
async def _logout(w: World) -> Awaitable[object]:
    opened = await w.sign_in.open_for(OWNER.user_id, "password")
    return w.sign_in.logout(replace(BY, credential_id=opened.sign_in_id))


@case("SignInService", "end", "sign-in.end")
async def _sign_in_end(w: World) -> Awaitable[object]:
    return w.sign_in.end(BY, (await w.sign_in.open_for(OWNER.user_id, "password")).sign_in_id)


@case("SignInService", "logout_everywhere", "sign-in.logout-everywhere")
async def _logout_everywhere(w: World) -> Awaitable[object]:
    await w.sign_in.open_for(OWNER.user_id, "password")
    return w.sign_in.logout_everywhere(BY)


@case("UserService", "create", "user.create")
async def _user(w: World) -> Awaitable[object]:
    return w.users.create(ADMIN, email=f"{SECRET}@example.org", name=SECRET, role=UserRole.MEMBER)


@case("UserService", "change", "user.update")
async def _user_change(w: World) -> Awaitable[object]:
    return w.users.change(ADMIN, STRANGER.user_id, name=SECRET)


@case("UserService", "sign_out", "user.sign-out")
async def _user_sign_out(w: World) -> Awaitable[object]:
    return w.users.sign_out(ADMIN, STRANGER.user_id)


@case("UserService", "change_me", "user.update")
async def _change_me(w: World) -> Awaitable[object]:
    return w.users.change_me(BY, name=SECRET)


def methods() -> list[tuple[str, str, Any]]:
    """Every public method of a service that somebody calls: it is asynchronous and takes an actor."""
    found: dict[tuple[str, str], Any] = {}
    for module in pkgutil.iter_modules(perdure.services.__path__, "perdure.services."):
        for name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ != module.name:
                continue
            for method, function in inspect.getmembers(kind, inspect.iscoroutinefunction):
                if not method.startswith("_") and "actor" in inspect.signature(function).parameters:
                    found[name, method] = function
    return [(*key, function) for key, function in found.items()]


METHODS = methods()


def test_the_walk_finds_the_services() -> None:
    found = {(service, method) for service, method, _ in METHODS}
    assert {("SessionService", "suspend"), ("FileService", "upload"), ("ForkService", "fork")} <= found
    listed = {(s, m) for names in (READING, BOOKKEEPING) for s, ms in names.items() for m in ms}
    assert listed | CASES.keys() == found, "a method is new here: say how it is called, or that it only reads"


@pytest.mark.parametrize(
    ("service", "method", "function"), METHODS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_what_is_said_to_read_does_not_write(service: str, method: str, function: Any) -> None:
    writes = ".write(" in inspect.getsource(function)
    if method in READING.get(service, ()):
        assert not writes


@pytest.mark.parametrize(("service", "method"), list(CASES), ids=".".join)
async def test_every_change_leaves_its_entry_without_secrets(world: World, service: str, method: str) -> None:
    prepare, actions = CASES[service, method]
    act = await prepare(world)
    before = len(await world.entries())
    await act
    entries = await world.entries()
    fresh = entries[before:]
    assert [entry.act.action for entry in fresh] == actions
    for entry in fresh:
        assert (entry.act.actor_id, entry.act.source, entry.act.result) == (OWNER.user_id, BY.source, "done")
        assert SECRET not in json.dumps(entry.act.details)
        assert entry.act.object_id
    assert verify(entries).ok


async def test_what_fails_leaves_no_entry(world: World) -> None:
    session = await world.session("suspended")
    before = await world.entries()
    with pytest.raises(NotAllowedNow):
        await world.services.sessions.suspend(BY, session.id)
    with pytest.raises(NotFound):
        await world.services.sessions.suspend(STRANGER, session.id)
    assert await world.entries() == before


async def test_what_changes_nothing_leaves_no_entry(world: World) -> None:
    session, run = await world.running()
    await world.services.runs.cancel(BY, run.id)
    await world.services.sessions.delete(BY, session.id)
    before = await world.entries()
    await world.services.sessions.delete(BY, session.id)
    await world.services.sessions.touch(BY, [session.id])
    assert await world.entries() == before


async def test_of_many_at_once_each_has_its_entry(world: World) -> None:
    ids = [(await world.session()).id for _ in range(3)]
    before = len(await world.entries())
    await world.services.sessions.bulk(BY, "suspend", [*ids, ids[0]])
    fresh = (await world.entries())[before:]
    assert [(e.act.action, e.act.object_id) for e in fresh] == [("session.suspend", i) for i in ids]


async def share(services: Services, session_id: str, person: Actor, role: str) -> None:
    row = {
        "id": new_id(),
        "session_id": session_id,
        "user_id": person.user_id,
        "role": role,
        "created_by": OWNER.user_id,
        "created_at": START,
    }
    await services.store.write(lambda tx: tx.db.execute(insert(shares).values(row)))


async def test_a_refused_attempt_is_noted_and_changes_nothing(world: World) -> None:
    session = await world.session()
    await share(world.services, session.id, VIEWER, "view")
    before = len(await world.entries())
    viewer = replace(VIEWER, source="10.0.0.8 other")
    with pytest.raises(Forbidden) as refused:
        await world.services.sessions.suspend(viewer, session.id)
    with pytest.raises(Forbidden):
        await world.files.upload(viewer, session.id, "a.md", _nothing(), 10)
    fresh = (await world.entries())[before:]
    assert [(e.act.actor_id, e.act.action, e.act.result, e.act.source) for e in fresh] == [
        (VIEWER.user_id, "session.control", "refused", "10.0.0.8 other"),
        (VIEWER.user_id, "session.edit", "refused", "10.0.0.8 other"),
    ]
    assert {e.act.object_id for e in fresh} == {session.id}
    assert refused.value.to_dict() == {
        "code": "forbidden",
        "kind": "forbidden",
        "message": refused.value.message,
        "role": "view",
    }
    assert await world.services.status(session.id) == "active"


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


async def test_a_viewer_does_not_resume_a_paused_run_of_an_active_session(world: World) -> None:
    session, run = await world.running()
    await world.services.runs.pause(OWNER, run.id)
    run = await world.services.runs.get(OWNER, run.id)
    assert run.status == "pausing"
    await world.services.store.write(lambda tx: sessions.set_fields(tx, session.id, status="active"))
    await share(world.services, session.id, VIEWER, "view")
    with pytest.raises(Forbidden):
        await world.services.runs.resume(VIEWER, run.id)
    assert (await world.services.runs.get(OWNER, run.id)).status == "pausing"
    before = len(await world.entries())
    await world.services.runs.resume(BY, run.id)
    assert [e.act.action for e in (await world.entries())[before:]] == ["run.resume"]


async def test_an_input_while_a_run_is_live_is_noted_as_what_became_of_it(world: World) -> None:
    session, run = await world.running()
    before = len(await world.entries())
    for on_busy in ("enqueue", "steer", "interrupt"):
        await world.services.runs.start(BY, session.id, "more", on_busy=on_busy)
    fresh = (await world.entries())[before:]
    assert [e.act.action for e in fresh] == ["queue.add", "run.steer", "run.cancel", "queue.add"]
    assert {e.act.session_id for e in fresh} == {session.id}
    assert fresh[2].act.object_id == run.id


async def test_accepting_a_runs_plan_notes_the_answer_and_the_mission(world: World) -> None:
    _, run = await world.running()
    steps = [{"name": "one", "goal": "g"}]
    plan = await world.services.progress.write(
        run,
        lambda tx: plans.propose_in(
            tx, run, OWNER.user_id, name="n", goal="g", steps=steps, change="proposed"
        ),
    )
    question = factories.approval(run.session_id, run.id, options=["approve", "reject"])
    await world.services.progress.ask(run, question)
    before = len(await world.entries())
    await world.services.mission_commands.accept(BY, plan.id)
    answered, accepted = (await world.entries())[before:]
    assert (answered.act.action, answered.act.object_id) == ("approval.answer", question.id)
    assert {"resolution": "approve", "status": "approved", "type": "plan"}.items() <= answered.details.items()
    assert (accepted.act.action, accepted.act.object_id) == ("mission.accept", plan.id)
    assert accepted.details["approval_id"] == question.id


async def test_sweeps_act_as_the_system(world: World, clock: Clock) -> None:
    services = world.services
    session = await world.session()
    gone = await world.session("deleted")
    before = len(await world.entries())
    await services.sweeps.run_once()
    clock.move(days=1)
    await services.sweeps.run_once()
    clock.move(hours=2)
    await services.sweeps.run_once()
    clock.move(days=8)
    await services.sweeps.run_once()
    clock.move(days=91)
    await services.sweeps.run_once()
    fresh = (await world.entries())[before:]
    assert [(e.act.action, e.act.object_id) for e in fresh] == [
        ("session.expire", session.id),
        ("session.archive", session.id),
        ("session.purge", gone.id),
    ]
    assert {(e.act.actor_id, e.act.source) for e in fresh} == {(SYSTEM_ACTOR.user_id, "server")}


async def test_a_deadline_that_passes_is_noted(world: World, clock: Clock) -> None:
    _, run = await world.services.running()
    question = factories.approval(run.session_id, run.id, on_expiry="reject")
    question = question.model_copy(update={"deadline": clock.now})
    await world.services.progress.ask(run, question)
    clock.move(days=3)
    before = len(await world.entries())
    assert await world.services.approvals.expire_overdue() == 1
    (entry,) = (await world.entries())[before:]
    assert (entry.act.action, entry.act.actor_id) == ("approval.expire", SYSTEM_ACTOR.user_id)


async def test_a_worker_leaves_nothing_in_the_audit_log(world: World) -> None:
    session, run = await world.running()
    before = await world.entries()
    progress = world.services.progress
    await progress.write(run, lambda tx: tx.append(session.id, *(factories.line(str(n)) for n in range(50))))
    await world.services.store.append(session.id, [factories.message("said")])
    await progress.ask(run, factories.approval(session.id, run.id))
    assert await world.entries() == before
    session, run = await world.running()
    before = await world.entries()
    await progress.fail(run, {"message": "no"}, None)
    assert await world.entries() == before


async def test_those_who_administer_a_session_read_its_log(world: World) -> None:
    session = await world.session()
    other = await world.session()
    await world.services.sessions.suspend(BY, session.id)
    found, total = await world.audit.list_of_session(OWNER, session.id)
    assert [e.act.action for e in found] == ["session.suspend", "session.create"]
    assert total == 2
    await share(world.services, session.id, VIEWER, "admin")
    assert (await world.audit.list_of_session(VIEWER, session.id))[1] == 2
    with pytest.raises(NotFound):
        await world.audit.list_of_session(VIEWER, other.id)
    await share(world.services, other.id, VIEWER, "edit")
    with pytest.raises(Forbidden):
        await world.audit.list_of_session(VIEWER, other.id)
    assert (await world.audit.list_of_session(OWNER, other.id))[0][0].act.action == "session.audit"


async def test_only_administrators_read_the_whole_log(world: World) -> None:
    session = await world.session("deleted")
    await world.services.sessions.purge(OWNER, session.id)
    with pytest.raises(Forbidden):
        await world.audit.list(OWNER, AuditQuery())
    found, total = await world.audit.list(LOCAL_ACTOR, AuditQuery(session_id=session.id))
    assert [e.act.action for e in found] == ["session.purge", "session.delete", "session.create"]
    assert total == 3
    newest, _ = await world.audit.list(LOCAL_ACTOR, AuditQuery(actor_id=OWNER.user_id))
    assert (newest[0].act.action, newest[0].act.result) == ("audit.read", "refused")
