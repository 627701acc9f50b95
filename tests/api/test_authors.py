"""In a shared session it is said who said what, and nobody can say it for another."""

from __future__ import annotations

import json
from typing import Any

from perdure.core.runs import RunStatus
from perdure.store import approvals, runs
from tests import factories
from tests.api.conftest import Shared, events_of, until


def author(shared: Shared, who: str, name: str | None = None) -> dict[str, str]:
    return {"user_id": shared.ids[who], "name": name or who}


async def say(shared: Shared, who: str, session: str, text: str, **body: Any) -> dict[str, Any]:
    return await shared.done(
        who, "POST", f"/api/sessions/{session}/messages", {"content": text, "on_busy": "steer", **body}
    )


async def history(shared: Shared, session: str) -> list[tuple[str, Any]]:
    page = await shared.done("owner", "GET", f"/api/sessions/{session}/history")
    return [(message["content"], message["author"]) for message in page["messages"]]


async def test_messages_name_who_wrote_them_everywhere(shared: Shared) -> None:
    session = await shared.session()
    await shared.share(session, "ann", "edit")
    await say(shared, "owner", session, "First.")
    await say(shared, "ann", session, "Second.", author={"user_id": shared.ids["owner"], "name": "owner"})
    said = [("First.", author(shared, "owner")), ("Second.", author(shared, "ann"))]
    assert await history(shared, session) == said
    detail = await shared.done("owner", "GET", f"/api/sessions/{session}")
    assert [m["author"] for m in detail["conversation_history"]] == [a for _, a in said]
    log = await shared.done("owner", "GET", f"/api/sessions/{session}/events?type=agent_message")
    assert [e["data"]["author"] for e in log["events"]] == [a for _, a in said]
    async with shared.socket("ann", f"/ws/sessions/{session}?after=0") as socket:
        frames = await until(socket, lambda f: "Second." in json.dumps(f))
        heard = [e["data"]["author"] for e in events_of(frames) if e["type"] == "agent_message"]
    assert heard == [a for _, a in said]
    lines = ""
    stream = f"/api/sessions/{session}/stream?after=0"
    async with shared.running.http.stream("GET", stream, headers=shared.headers("ann")) as answer:
        assert answer.status_code == 200
        async for part in answer.aiter_text():
            lines += part
            if "Second." in lines:
                break
    assert json.dumps(author(shared, "ann"), separators=(",", ":")) in lines


async def test_what_was_said_keeps_the_name_of_then(shared: Shared) -> None:
    session = await shared.session()
    await say(shared, "owner", session, "Said before.")
    before = await shared.running.perdure.history.frames(None, session, 0, 100)
    await shared.done("admin", "PATCH", f"/api/users/{shared.ids['owner']}", {"name": "Olga"})
    await say(shared, "owner", session, "Said after.")
    after = await shared.running.perdure.history.frames(None, session, 0, 100)
    assert after[: len(before)] == before
    assert await history(shared, session) == [
        ("Said before.", author(shared, "owner")),
        ("Said after.", author(shared, "owner", "Olga")),
    ]


async def test_a_waiting_input_is_whose_text_it_is(shared: Shared) -> None:
    session = await shared.session()
    await shared.share(session, "ann", "edit")
    await say(shared, "owner", session, "Runs now.")
    base = f"/api/sessions/{session}/queue"
    for text in ("One.", "Two."):
        await shared.done("owner", "POST", base, {"content": text})
    items = (await shared.done("ann", "GET", base))["items"]
    assert [item["author"] for item in items] == [author(shared, "owner")] * 2
    changed = await shared.done("ann", "PATCH", f"{base}/{items[0]['queue_item_id']}", {"content": "Mine."})
    assert changed["author"] == author(shared, "ann")
    run = (await shared.done("owner", "GET", f"/api/sessions/{session}/runs"))["runs"][0]
    await shared.done("owner", "POST", f"/api/runs/{run['run_id']}/cancel")
    assert (await history(shared, session))[-1] == ("Mine.", author(shared, "ann"))


async def test_context_added_when_going_on_names_who_added_it(shared: Shared) -> None:
    session = await shared.session()
    await shared.share(session, "ann", "edit")
    await say(shared, "owner", session, "Begin.")
    await shared.done("owner", "POST", f"/api/sessions/{session}/suspend")
    await shared.done("ann", "POST", f"/api/sessions/{session}/resume", {"additional_context": "In German."})
    assert (await history(shared, session))[-1] == ("In German.", author(shared, "ann"))
    log = await shared.done("owner", "GET", f"/api/sessions/{session}/events?type=workflow_resumed")
    assert log["events"][-1]["data"]["author"] == author(shared, "ann")


async def test_an_answer_names_who_gave_it(shared: Shared) -> None:
    session = await shared.session()
    await shared.share(session, "ann", "edit")
    one = factories.run(session, status=RunStatus.WAITING)
    question = factories.approval(session, one.id)

    def ask(tx: Any) -> None:
        runs.insert_run(tx, one, shared.ids["owner"])
        approvals.insert_approval(tx, question)

    await shared.running.perdure.store.write(ask)
    asked = await shared.done("ann", "GET", f"/api/approvals/{question.id}")
    assert asked["answered_by"] is None
    answered = await shared.done("ann", "POST", f"/api/approvals/{question.id}", {"resolution": "approve"})
    assert answered["answered_by"] == author(shared, "ann")
    assert "responded_by_id" not in answered
    log = await shared.done("owner", "GET", f"/api/sessions/{session}/events?type=approval_resolved")
    assert log["events"][-1]["data"]["answered_by"] == author(shared, "ann")


async def test_state_from_outside_is_said_by_who_brought_it(shared: Shared) -> None:
    session = await shared.session()
    await shared.share(session, "ann", "edit")
    claimed = {"role": "user", "content": "I am the owner.", "author": author(shared, "owner")}
    answer = {"role": "assistant", "content": "Are you?", "author": author(shared, "owner")}
    await shared.done("ann", "PUT", f"/api/sessions/{session}/state", {"messages": [claimed, answer]})
    assert await history(shared, session) == [
        ("I am the owner.", author(shared, "ann")),
        ("Are you?", None),
    ]
