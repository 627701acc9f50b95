"""Every service method that changes something for somebody leaves its entry in the audit log."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest

import perdure.services
from perdure.core.audit import verify
from perdure.errors import NotAllowedNow, NotFound
from tests.factories import OWNER, STRANGER, Services
from tests.unit.services.audit_cases import CASES
from tests.unit.services.audit_world import BY, SECRET, World

READING = {
    "ApiKeyService": {"list"},
    "ApprovalService": {"get", "list"},
    "AuditService": {"list", "list_of_session"},
    "ComparisonService": {"diff"},
    "CostService": {"summary"},
    "Credentials": {"fresh"},
    "FileService": {"list", "open"},
    "GrantService": {"list"},
    "HistoryService": {"console", "event_page", "events", "frames", "messages"},
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
    "IdempotencyService": {"begin"},
    "SessionService": {"touch", "bulk"},
    "TicketService": {"create"},
}
"""Methods that change nothing by themselves which anybody asked for: the request they stand for is audited."""


@pytest.fixture
def world(services: Services, tmp_path: Path) -> World:
    return World(services, tmp_path)


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
