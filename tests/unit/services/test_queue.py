"""Waiting inputs: checked when they are given, started when their session is active, and never before."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.runs import RunStatus
from perdure.errors import InvalidInput, NotAllowedNow, NotFound, UnknownConfigKey
from perdure.ids import new_id
from perdure.store.transaction import ListHint
from tests.factories import OWNER, STRANGER, Services


async def _waiting(services: Services, session_id: str) -> list[str]:
    return [item["content"] for item in await services.queue.list(OWNER, session_id)]


async def _tasks(services: Services, session_id: str) -> list[tuple[str, str]]:
    found, _ = await services.runs.list(OWNER, session_id, 10, 0)
    return [(run.task, run.status) for run in reversed(found)]


async def test_a_config_is_checked_when_it_is_given_and_keeps_its_own_keys(services: Services) -> None:
    session, _ = await services.running(config={"model": "a:b"})
    with pytest.raises(UnknownConfigKey):
        await services.queue.add(OWNER, session.id, "next", {"modle": "x:y"})
    with pytest.raises(InvalidInput):
        await services.queue.add(OWNER, session.id, "next", {"max_rounds": 0})
    assert await _waiting(services, session.id) == []

    item = await services.queue.add(OWNER, session.id, "next", {"maxRounds": 3})

    assert item["config"] == {"max_rounds": 3}
    with pytest.raises(UnknownConfigKey):
        await services.queue.update(OWNER, session.id, item["id"], config={"nope": 1})
    changed = await services.queue.update(OWNER, session.id, item["id"], config={"max_rounds": 4})
    assert (changed["content"], changed["config"]) == ("next", {"max_rounds": 4})


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "\ud800", "x" * (2**20 + 1)])
async def test_a_text_that_cannot_be_stored_does_not_wait(services: Services, text: str) -> None:
    session, _ = await services.running()
    item = await services.queue.add(OWNER, session.id, "next")
    with pytest.raises(InvalidInput):
        await services.queue.add(OWNER, session.id, text)
    with pytest.raises(InvalidInput):
        await services.queue.update(OWNER, session.id, item["id"], text)
    assert await _waiting(services, session.id) == ["next"]


async def test_an_input_of_an_idle_session_starts_at_once(services: Services) -> None:
    session = await services.session("talk")
    await services.queue.add(OWNER, session.id, "now", {"max_rounds": 3})
    (run,), _ = await services.runs.list(OWNER, session.id, 10, 0)
    assert (run.task, run.config, services.engine.enqueued) == ("now", {"max_rounds": 3}, [run.id])
    assert await _waiting(services, session.id) == []


async def test_completing_a_session_starts_none_of_its_inputs(services: Services) -> None:
    session, run = await services.running("talk")
    for text in ("first", "second"):
        await services.queue.add(OWNER, session.id, text)
    await services.sessions.complete(OWNER, session.id)
    assert await services.progress.stopped(run) is None
    await services.sweeps.run_once()
    await services.runs.start_waiting(session.id)

    assert await services.status(session.id) == "completed"
    assert await _waiting(services, session.id) == ["first", "second"]
    assert (await services.sessions.get(OWNER, session.id)).queue_length == 2

    again = await services.runs.start(OWNER, session.id, "third")
    assert again.run is not None
    begun = await services.progress.begin(again.run.id)
    following = await services.progress.finish(begun, {"summary": "s"})
    assert following is not None
    assert following.task == "first"


@pytest.mark.parametrize("mode", ["task", "talk"])
async def test_a_run_goes_on_with_the_next_input_before_its_session_completes(
    services: Services, mode: str
) -> None:
    session, run = await services.running(mode)
    await services.queue.add(OWNER, session.id, "next")
    following = await services.progress.finish(run, {"summary": "s"})
    assert following is not None
    assert await services.status(session.id) == "active"
    reasons = [
        e.payload["reason"]
        for e in await services.history.events(OWNER, session.id, types=["session_update"])
    ]
    assert "run completed" not in reasons

    last = await services.progress.begin(following.id)
    assert await services.progress.finish(last, {"summary": "s"}) is None
    assert await services.status(session.id) == ("completed" if mode == "task" else "active")


async def test_what_waits_in_a_suspended_session_starts_when_it_is_resumed(services: Services) -> None:
    session = await services.session("talk")
    await services.sessions.suspend(OWNER, session.id)
    await services.queue.add(OWNER, session.id, "later")
    await services.sweeps.run_once()
    assert await _waiting(services, session.id) == ["later"]

    resumed, run = await services.sessions.resume(OWNER, session.id)

    assert run is not None
    assert (run.task, run.status, resumed.status) == ("later", RunStatus.QUEUED, "active")
    assert services.engine.enqueued == [run.id]


async def test_every_change_of_the_queue_is_hinted(services: Services) -> None:
    session, _ = await services.running("talk")
    seen: list[ListHint] = []
    services.store.on_commit(lambda _grown, hints: seen.extend(hints))

    async def hinted(call: Any) -> Any:
        seen.clear()
        result = await call
        assert (OWNER.user_id, "session:updated", session.id) in [
            (h.owner_id, h.type, h.session_id) for h in seen
        ]
        return result

    first = await hinted(services.queue.add(OWNER, session.id, "a"))
    second = await hinted(services.queue.add(OWNER, session.id, "b"))
    await hinted(services.queue.update(OWNER, session.id, first["id"], "A"))
    await hinted(services.queue.reorder(OWNER, session.id, [second["id"], first["id"]]))
    await hinted(services.queue.remove(OWNER, session.id, second["id"]))
    assert await _waiting(services, session.id) == ["A"]


async def test_strangers_see_and_change_no_queue(services: Services) -> None:
    session, _ = await services.running()
    item = await services.queue.add(OWNER, session.id, "mine")
    queue = services.queue
    for call in (
        queue.list(STRANGER, session.id),
        queue.add(STRANGER, session.id, "x"),
        queue.update(STRANGER, session.id, item["id"], "x"),
        queue.remove(STRANGER, session.id, item["id"]),
        queue.reorder(STRANGER, session.id, [item["id"]]),
        queue.update(OWNER, session.id, new_id(), config={}),
    ):
        with pytest.raises(NotFound):
            await call
    assert await _waiting(services, session.id) == ["mine"]


async def test_a_run_that_is_being_cancelled_is_not_steered(services: Services) -> None:
    session, run = await services.running("talk")
    await services.runs.cancel(OWNER, run.id)
    with pytest.raises(NotAllowedNow):
        await services.runs.steer(OWNER, session.id, "too late")
    result = await services.runs.start(OWNER, session.id, "then this", on_busy="steer")
    assert result.queue_item is not None
    await services.progress.stopped(run)
    assert await _tasks(services, session.id) == [
        ("Write a report", "cancelled"),
        ("then this", "queued"),
    ]


async def test_a_conversation_takes_the_next_input_at_once_also_after_a_turn_that_failed(
    services: Services,
) -> None:
    session, run = await services.running("talk")
    await services.queue.add(OWNER, session.id, "next")

    following = await services.progress.fail(run, {"message": "The provider is down."}, None)

    assert following is not None
    assert await _tasks(services, session.id) == [("Write a report", "failed"), ("next", "queued")]
    assert await _waiting(services, session.id) == []


async def test_what_waits_stays_when_a_session_fails(services: Services) -> None:
    session, run = await services.running("task")
    await services.queue.add(OWNER, session.id, "next")

    assert await services.progress.fail(run, {"message": "The provider is down."}, None) is None

    assert await _waiting(services, session.id) == ["next"]
