"""What waits for a session, or is said to a run, is bounded; what is refused leaves nothing behind."""

from __future__ import annotations

import pytest

from perdure.errors import Conflict
from perdure.services import bounds
from tests.factories import OWNER, Services


@pytest.mark.parametrize("way", ["queue", "enqueue", "interrupt"])
async def test_the_queue_is_full_at_its_limit(
    services: Services, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(bounds, "MAX_QUEUED", 2)
    session, run = await services.running("talk")
    for text in ("one", "two"):
        await services.queue.add(OWNER, session.id, text)
    adding = services.queue.add(OWNER, session.id, "three")
    if way != "queue":
        adding.close()
        adding = services.runs.start(OWNER, session.id, "three", on_busy=way)
    with pytest.raises(Conflict, match="2 inputs wait") as refused:
        await adding

    assert refused.value.fields["limit"] == 2
    assert [i["content"] for i in await services.queue.list(OWNER, session.id)] == ["one", "two"]
    assert (await services.runs.get(OWNER, run.id)).status == "running"
    (first, _) = await services.queue.list(OWNER, session.id)
    await services.queue.remove(OWNER, session.id, first["id"])
    await services.queue.add(OWNER, session.id, "three")


@pytest.mark.parametrize(
    ("name", "most", "said"), [("MAX_ADDED", 2, "2 things"), ("MAX_ADDED_CHARS", 7, "8 char")]
)
async def test_a_run_is_told_so_much_and_no_more(
    services: Services, monkeypatch: pytest.MonkeyPatch, name: str, most: int, said: str
) -> None:
    monkeypatch.setattr(bounds, name, most)
    session, run = await services.running("talk")
    for text in ("one", "two"):
        await services.runs.steer(OWNER, session.id, text)
    with pytest.raises(Conflict, match=said):
        await services.runs.steer(OWNER, session.id, "xx")
    await services.sessions.suspend(OWNER, session.id)
    with pytest.raises(Conflict, match=said):
        await services.sessions.resume(OWNER, session.id, "xx")

    told = (await services.runs.get(OWNER, run.id)).config["additional_context"]
    assert told == ["one", "two"]
    page = await services.history.messages(OWNER, session.id, limit=50)
    assert [m.text for m in page.messages][-2:] == ["one", "two"]
    assert (await services.sessions.get(OWNER, session.id)).session.status == "suspended"
