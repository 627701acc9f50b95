"""Sockets: start, attach, replay, follow, command, refuse."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from perdure.core.access import LOCAL_ACTOR
from perdure.core.events import AgentMessage, Console
from tests.api.conftest import Running, events_of, eventually, frame, running, to_the_end, until


def _line(number: int) -> Any:
    return lambda f: any(e["data"].get("lines") == [str(number)] for e in events_of([f]))


async def test_a_new_task_starts_and_streams_from_its_first_event(app: Running) -> None:
    async with app.socket("/ws/task-1") as socket:
        await socket.send(json.dumps({"task": "Hello", "config": {"mode": "one-shot"}}))
        first = await frame(socket)
        assert first["type"] == "status"
        assert first["status"] == "connected"
        assert first["session_id"] == first["sessionId"]
        assert (first["task_id"], first["taskId"]) == ("task-1", "task-1")
        assert (await app.http.get(f"/api/runs/{first['run_id']}")).json()["task"] == "Hello"
        sync = await frame(socket)
        assert (sync["type"], sync["from_seq"], sync["through_seq"]) == ("sync", 1, first["seq"])
        seen = events_of(await until(socket, lambda f: f.get("type") == "agent_message"))
        assert [e["seq"] for e in seen] == list(range(1, len(seen) + 1))


async def test_a_known_task_is_attached_to_and_never_run_again(app: Running) -> None:
    first: dict[str, Any] = {}
    for _ in range(3):
        async with app.socket("/ws/t") as socket:
            await socket.send(json.dumps({"task": "Once", "config": {"mode": "one-shot"}}))
            status = await frame(socket)
            first = first or status
            assert status["run_id"] == first["run_id"]
    assert (await app.http.get(f"/api/sessions/{first['session_id']}/runs")).json()["total"] == 1


async def test_a_new_task_id_on_a_busy_session_hands_its_text_to_the_run(app: Running) -> None:
    async with app.socket("/ws/a") as socket:
        await socket.send(json.dumps({"task": "Start", "config": {"mode": "one-shot"}}))
        status = await frame(socket)
    config = {"copilotSessionId": status["session_id"]}
    async with app.socket("/ws/b") as socket:
        await socket.send(json.dumps({"task": "And this", "config": config, "batch": True}))
        again = await frame(socket)
        assert again["run_id"] == status["run_id"]
    runs = (await app.http.get(f"/api/sessions/{status['session_id']}/runs")).json()
    assert runs["total"] == 1
    history = (await app.http.get(f"/api/sessions/{status['session_id']}/history")).json()
    assert "And this" in [m["content"] for m in history["messages"]]


async def test_resumes_behind_the_cursor_without_hole_or_repetition(app: Running) -> None:
    session_id = (await app.create())["id"]
    await app.lines(session_id, 1, 30)
    seen: list[int] = []
    writer = asyncio.create_task(app.lines(session_id, 31, 120))
    while not seen or seen[-1] < 121:
        after = seen[-1] if seen else 0
        async with app.socket(f"/ws/sessions/{session_id}?after={after}&batch=true") as socket:
            for _ in range(6):
                try:
                    seen += [e["seq"] for e in events_of([await frame(socket, 1.0)])]
                except TimeoutError:
                    break
    await writer
    assert seen == list(range(1, len(seen) + 1))


async def test_batches_what_is_due_together(app: Running) -> None:
    session_id = (await app.create())["id"]
    async with app.socket(f"/ws/sessions/{session_id}?batch=true") as socket:
        await until(socket, lambda f: f["type"] == "events")
        await asyncio.gather(*(app.log(session_id, Console(lines=[str(n)])) for n in range(200)))
        got: list[dict[str, Any]] = []
        while len(events_of(got)) < 200:
            got.append(await frame(socket))
        assert len(got) < 100
        assert {f["type"] for f in got} == {"events"}


async def test_many_viewers_see_every_event_once_in_order(app: Running) -> None:
    session_id = (await app.create())["id"]

    async def view(number: int) -> list[int]:
        batch = "true" if number % 2 else "false"
        async with app.socket(f"/ws/sessions/{session_id}?batch={batch}") as socket:
            frames = await until(socket, _line(150))
            return [e["seq"] for e in events_of(frames)]

    viewers = [asyncio.create_task(view(n)) for n in range(20)]
    await app.lines(session_id, 1, 150)
    for seen in await asyncio.gather(*viewers):
        assert seen == list(range(1, 152))


async def test_a_viewer_that_joins_late_gets_the_text_so_far_and_then_the_rest(app: Running) -> None:
    session_id = (await app.create())["id"]
    deltas = app.perdure.deltas
    deltas.begin(session_id, "m1", run_id="r", agent="engineer")
    deltas.append(session_id, "m1", "Grüße 👋 ")
    async with app.socket(f"/ws/sessions/{session_id}?batch=true") as one:
        first = (await until(one, lambda f: f["type"] == "message_delta"))[-1]
        assert (first["offset"], first["text"]) == (0, "Grüße 👋 ")
        deltas.append(session_id, "m1", "to ")
        second = await frame(one)
        assert (second["offset"], second["text"]) == (8, "to ")
        async with app.socket(f"/ws/sessions/{session_id}") as two:
            late = (await until(two, lambda f: f["type"] == "message_delta"))[-1]
            assert (late["offset"], late["text"]) == (0, "Grüße 👋 to ")
            deltas.append(session_id, "m1", "all")
            deltas.end(session_id, "m1")
            done = AgentMessage(message_id="m1", position=1, role="assistant", content="Grüße 👋 to all")
            await app.log(session_id, done)
            for socket in (one, two):
                rest = await until(socket, lambda f: events_of([f]) != [])
                assert [(f["offset"], f["text"]) for f in rest[:-1]] == [(11, "all")]
                assert events_of(rest)[0]["data"]["content"] == "Grüße 👋 to all"


async def test_a_message_begun_anew_starts_its_text_from_nothing(app: Running) -> None:
    session_id = (await app.create())["id"]
    deltas = app.perdure.deltas
    async with app.socket(f"/ws/sessions/{session_id}") as socket:
        for text in ("first try", "other"):
            deltas.begin(session_id, "m", run_id=None, agent=None)
            deltas.append(session_id, "m", text)
            got = (await until(socket, lambda f: f["type"] == "message_delta"))[-1]
            assert (got["offset"], got["text"]) == (0, text)


async def test_answers_every_client_frame(app: Running) -> None:
    session_id = (await app.create())["id"]
    async with app.socket(f"/ws/sessions/{session_id}") as socket:

        async def ask(**sent: Any) -> dict[str, Any]:
            await socket.send(json.dumps(sent))
            return (
                await until(
                    socket,
                    lambda f: f["type"] in {"ack", "pong"} or (f["type"] == "error" and "seq" not in f),
                )
            )[-1]

        assert (await ask(type="ping", ref=1)) == {"type": "pong", "ref": 1}
        sent = await ask(type="message", content="Go", client_id="c1")
        assert (sent["type"], sent["ref"], sent["client_id"]) == ("ack", "c1", "c1")
        again = await ask(type="message", content="Go", client_id="c1")
        assert again["run_id"] == sent["run_id"]
        assert again["repeated"] is True
        assert (await ask(type="steer", content="More", ref="s"))["message_id"]
        state = await ask(type="request_state", ref="q")
        assert state["state"]["session_id"] == session_id
        paused = await ask(type="pause", ref="p")
        assert paused["status"] == "suspended"
        assert (await ask(type="resume", ref="r"))["status"] == "active"
        assert (await ask(type="cancel", ref="x"))["run_id"] == sent["run_id"]
        assert (await ask(type="approval_response", approval_id=str(uuid.uuid4()), approved=True))[
            "code"
        ] == "not-found"
        assert (await ask(type="nonsense", ref=9))["code"] == "bad-frame"
        assert (await ask(type="watch", session_id=session_id))["type"] == "error"


@pytest.mark.parametrize(
    "text", ["", "nope", "[1]", '{"type": 3}', '{"type":"message"}', "[" * 100000, '{"a": NaN}', "\x00"]
)
async def test_survives_frames_that_are_nonsense(app: Running, text: str) -> None:
    session_id = (await app.create())["id"]
    async with app.socket(f"/ws/sessions/{session_id}") as socket:
        await socket.send(text)
        refused = (await until(socket, lambda f: f["type"] == "error"))[-1]
        assert refused["code"] in {"bad-frame", "bad-json"}
        await socket.send('{"type":"ping"}')
        await until(socket, lambda f: f["type"] == "pong")


async def test_closes_on_an_oversized_frame_and_stays_up(tmp_path: Path) -> None:
    async with running(tmp_path, max_frame_bytes=2048) as app:
        session_id = (await app.create())["id"]
        async with app.socket(f"/ws/sessions/{session_id}") as socket:
            await socket.send("x" * 5000)
            with pytest.raises(ConnectionClosed) as closed:
                await until(socket, lambda f: False)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        assert (await app.http.get("/health")).status_code == 200


async def _close_of(app: Running, path: str, *texts: str, **options: Any) -> tuple[int, list[dict[str, Any]]]:
    seen: list[dict[str, Any]] = []
    async with app.socket(path, **options) as socket:
        for text in texts:
            await socket.send(text)
        with pytest.raises(ConnectionClosed) as closed:
            await to_the_end(socket, seen)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, seen


async def test_closes_with_the_code_that_says_why(app: Running) -> None:
    made = await app.create()
    assert (await _close_of(app, f"/ws/sessions/{uuid.uuid4()}"))[0] == 4404
    assert (await _close_of(app, "/ws/sessions/not-a-uuid"))[0] == 4400
    assert (await _close_of(app, "/ws/t", "nope"))[0] == 4400
    assert (await _close_of(app, "/ws/t", '{"task": ""}'))[0] == 4400
    code, seen = await _close_of(app, "/ws/t", '{"task": "x", "config": {"mode": "one-shot", "modle": 1}}')
    assert (code, seen[-1]["code"]) == (4400, "unknown-config-key")
    code, seen = await _close_of(app, f"/ws/sessions/{made['id']}?after=999")
    assert (code, seen[-1]["type"]) == (4410, "reset")
    code, seen = await _close_of(app, f"/ws/sessions/{made['id']}?after=0&epoch=7")
    assert (code, seen[-1]["type"]) == (4410, "reset")
    assert (await _close_of(app, f"/ws/sessions/{made['id']}", origin="https://evil.example"))[0] == 4403


async def test_refuses_one_connection_too_many_and_admits_again_later(tmp_path: Path) -> None:
    async with running(tmp_path, max_connections=2) as app:
        session_id = (await app.create())["id"]
        async with app.socket("/ws/sessions") as one, app.socket(f"/ws/sessions/{session_id}"):
            await frame(one)
            code, seen = await _close_of(app, "/ws/sessions")
            assert code == 4429
            assert "PERDURE_MAX_CONNECTIONS" in seen[0]["message"]
            assert (await app.http.get(f"/api/sessions/{session_id}/stream")).status_code == 429
        await asyncio.sleep(0.1)
        async with app.socket("/ws/sessions") as socket:
            assert (await frame(socket))["type"] == "status"


async def test_one_socket_carries_the_list_and_several_logs(app: Running) -> None:
    one, two = (await app.create())["id"], (await app.create())["id"]
    async with app.socket("/ws/sessions") as socket:
        listed = (await until(socket, lambda f: f["type"] == "sessions"))[-1]
        assert listed["total"] == 2
        for session_id in (one, two):
            await socket.send(
                json.dumps({"type": "watch", "session_id": session_id, "after": 1, "batch": True})
            )
        await until(socket, lambda f: f["type"] == "sync" and f["session_id"] == two)
        await app.lines(one, 1, 1)
        assert {e["session_id"] for e in events_of(await until(socket, _line(1)))} == {one}
        await app.lines(two, 2, 2)
        assert {e["session_id"] for e in events_of(await until(socket, _line(2)))} == {two}
        await socket.send(json.dumps({"type": "unwatch", "session_id": one}))
        await until(socket, lambda f: f["type"] == "ack" and f["command"] == "unwatch")
        await app.lines(one, 3, 3)
        await app.lines(two, 4, 4)
        assert {e["session_id"] for e in events_of(await until(socket, _line(4)))} == {two}
        third = await app.create()
        hint = (await until(socket, lambda f: f["type"] == "session:created"))[-1]
        assert hint["session_id"] == third["id"]
        await socket.send(json.dumps({"type": "watch", "session_id": str(uuid.uuid4())}))
        refused = (await until(socket, lambda f: f["type"] == "error"))[-1]
        assert refused["code"] == "not-found"
        assert refused["session_id"]


async def test_a_lost_wake_up_costs_time_and_no_data(app: Running) -> None:
    session_id = (await app.create())["id"]
    app.perdure.store.on_commit(lambda _grown, _hints: None)
    async with app.socket(f"/ws/sessions/{session_id}") as socket:
        await until(socket, lambda f: f.get("seq") == 1 and "data" in f)
        await app.lines(session_id, 1, 3)
        seen = events_of(await until(socket, _line(3)))
        assert [e["seq"] for e in seen] == [2, 3, 4]


async def test_ends_a_reader_that_does_not_read_and_keeps_serving(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.api.socket.sender.PROGRESS_WITHIN_S", 0.5)
    session_id = (await app.create())["id"]
    async with app.socket(f"/ws/sessions/{session_id}?batch=true", max_queue=1, max_size=None) as socket:
        await frame(socket)
        big = "x" * 200_000
        for number in range(120):
            await app.log(session_id, Console(lines=[big, str(number)]))
        await eventually(lambda: app.open_readers == 0)
        seen: list[dict[str, Any]] = []
        with pytest.raises(ConnectionClosed) as closed:
            await to_the_end(socket, seen)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4408
        assert seen[-1]["type"] == "lag"
        numbers = [e["seq"] for e in events_of(seen)]
        assert numbers == list(range(1, len(numbers) + 1))
    async with app.socket(
        f"/ws/sessions/{session_id}?after={numbers[-1]}&batch=true", max_size=None
    ) as socket:
        rest = [
            e["seq"]
            for e in events_of(await until(socket, lambda f: any(e["seq"] == 121 for e in events_of([f]))))
        ]
    assert numbers + rest == list(range(1, 122))


async def test_sends_everybody_away_with_1012_when_the_server_ends(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        session_id = (await app.create())["id"]
        async with app.socket(f"/ws/sessions/{session_id}") as socket:
            await frame(socket)
            app.server.should_exit = True
            with pytest.raises(ConnectionClosed) as closed:
                await until(socket, lambda f: False)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012


async def test_gives_up_on_a_first_frame_that_does_not_come(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.api.socket.connection.FIRST_FRAME_WITHIN_S", 0.2)
    code, seen = await _close_of(app, "/ws/quiet")
    assert (code, seen[0]["code"]) == (4400, "bad-frame")


async def test_refuses_unknown_socket_addresses(app: Running) -> None:
    with pytest.raises(InvalidStatus):
        async with app.socket("/ws/a/b/c"):
            pass


async def test_pings(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.api.socket.connections.PING_EVERY_S", 0.1)
    async with app.socket("/ws/sessions") as socket:
        await until(socket, lambda f: f["type"] == "ping")


async def _sse(
    app: Running, path: str, wanted: int, headers: dict[str, str] | None = None
) -> list[tuple[str | None, Any]]:
    found: list[tuple[str | None, Any]] = []
    async with asyncio.timeout(5), app.http.stream("GET", path, headers=headers or {}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        cursor = None
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                cursor = line[4:]
            elif line.startswith("data: "):
                found.append((cursor, json.loads(line[6:])))
                cursor = None
                if len(found) == wanted:
                    return found
    return found


async def test_the_same_log_as_server_sent_events(app: Running) -> None:
    session_id = (await app.create())["id"]
    await app.lines(session_id, 1, 5)
    path = f"/api/sessions/{session_id}/stream"
    first = await _sse(app, path, 4)
    assert first[0][1]["type"] == "sync"
    assert [c for c, _ in first[1:]] == [f"{session_id}:{n}" for n in (1, 2, 3)]
    later = asyncio.create_task(_sse(app, path, 5, {"Last-Event-ID": f"{session_id}:3"}))
    await asyncio.sleep(0.2)
    await app.lines(session_id, 6, 6)
    assert [e["seq"] for _, e in (await later)[1:]] == [4, 5, 6, 7]
    listed = await _sse(app, "/api/sessions/stream", 1)
    assert listed[0][1]["type"] == "sessions"


async def test_frames_are_the_same_bytes_over_every_way(app: Running) -> None:
    session_id = (await app.create())["id"]
    await app.lines(session_id, 1, 3)
    over_rest = (await app.http.get(f"/api/sessions/{session_id}/events")).json()["events"]
    over_sse = [e for _, e in (await _sse(app, f"/api/sessions/{session_id}/stream", 5))[1:]]
    async with app.socket(f"/ws/sessions/{session_id}") as socket:
        over_socket = events_of(await until(socket, _line(3)))
    stored = [
        json.loads(data) for _, data in await app.perdure.history.frames(LOCAL_ACTOR, session_id, 0, 10)
    ]
    assert over_rest == over_sse == over_socket == stored
