"""Frames of every bad kind: each is answered or closes its own socket, and nobody else notices."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
import zlib
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from perdure.api.socket.protocol import Close
from perdure.ids import new_id
from tests.api.conftest import Running, events_of, eventually, frame, running, until
from tests.attack.access_world import world
from tests.attack.hostile_frames import DOUBLED, NOT_A_FRAME, NOT_JSON, WRONG, wrong_frames

ANSWERS = {"ack", "pong", "error"}
DOCUMENTED = {int(code) for code in Close} | {1000, 1002, 1003, 1007, 1009}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as served:
        yield served


class Bystander:
    """A socket of somebody else's: it goes on while others misbehave."""

    def __init__(self, app: Running, session_id: str, socket: ClientConnection) -> None:
        self._app = app
        self._session_id = session_id
        self._socket = socket
        self._lines = 0

    async def assert_unharmed(self) -> None:
        """Fail when this socket does not get the next event, or the server does not answer."""
        self._lines += 1
        await self._app.lines(self._session_id, self._lines, self._lines)
        wanted = [str(self._lines)]
        await until(self._socket, lambda f: any(e["data"].get("lines") == wanted for e in events_of([f])))
        assert (await self._app.http.get("/health")).status_code == 200


@pytest.fixture
async def bystander(app: Running) -> AsyncIterator[Bystander]:
    session_id = (await app.create())["id"]
    async with app.socket(f"/ws/sessions/{session_id}") as socket:
        yield Bystander(app, session_id, socket)


async def barrier(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return every answer up to now; the server answers in order, so a ping's comes last."""
    mark = new_id()
    await socket.send(json.dumps({"type": "ping", "ref": mark}))
    seen = await until(socket, lambda f: f["type"] == "pong" and f.get("ref") == mark)
    return [one for one in seen[:-1] if one["type"] in ANSWERS and "seq" not in one]


def assert_refused(answer: dict[str, Any], sent: str) -> None:
    assert answer["type"] == "error", sent[:200]
    assert answer["code"] in {"bad-frame", "bad-json"}, (answer, sent[:200])
    assert "Traceback" not in answer["message"]
    assert len(answer["message"]) < 2_000, sent[:200]


@pytest.mark.parametrize("path", ["/ws/sessions", "/ws/sessions/{id}", "/ws/busy"])
async def test_what_is_no_frame_is_refused_and_the_socket_goes_on(
    app: Running, bystander: Bystander, path: str
) -> None:
    session_id = (await app.create())["id"]
    async with app.socket(path.format(id=session_id), max_size=None) as socket:
        if path == "/ws/busy":
            await socket.send(json.dumps({"task": "Hello", "config": {"mode": "one-shot"}}))
        await barrier(socket)
        for text in [*NOT_JSON, *map(json.dumps, NOT_A_FRAME)]:
            await socket.send(text)
            answers = await barrier(socket)
            assert len(answers) == 1, text[:200]
            assert_refused(answers[0], text)
    await bystander.assert_unharmed()


@pytest.mark.parametrize("path", ["/ws/sessions", "/ws/sessions/{id}"])
async def test_every_field_of_every_frame_with_every_wrong_value_is_answered(
    app: Running, bystander: Bystander, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = (await app.create())["id"]
    frames = wrong_frames()
    assert len(frames) > 500
    if path == "/ws/sessions":
        frames = [
            each for each in frames if "content" not in each
        ]  # they name no session: one more is like the last
    waiting = deque(frames)
    while waiting:
        text = ""
        async with app.socket(path.format(id=session_id), max_size=None) as socket:
            await barrier(socket)
            try:
                while waiting:
                    # one by one where the socket may close, else many for one wait
                    size = 1 if "since" in waiting[0] else len(WRONG)
                    batch = [waiting.popleft() for _ in range(min(size, len(waiting)))]
                    text = batch[0]
                    for each in batch:
                        await socket.send(each)
                    answers = await barrier(socket)
                    assert len(answers) == len(batch), text[:300]
                    assert [one for one in answers if one.get("code") == "internal-error"] == [], text[:300]
            except ConnectionClosed:
                assert socket.close_code == Close.LOG_RESET, text[:300]  # asked for what is still to come
                assert "since" in text
    assert [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []
    await bystander.assert_unharmed()


async def test_of_doubled_names_the_last_holds(app: Running, bystander: Bystander) -> None:
    session_id = (await app.create())["id"]
    async with app.socket(f"/ws/sessions/{session_id}") as socket:
        await barrier(socket)
        for text in DOUBLED:
            await socket.send(text)
            assert len(await barrier(socket)) == 1, text
        await socket.send('{"type": "cancel", "type": "ping", "ref": 1, "ref": 2}')
        assert await barrier(socket) == [{"type": "pong", "ref": 2}]
    await bystander.assert_unharmed()


async def test_a_first_frame_that_is_none_closes_with_4400(app: Running, bystander: Bystander) -> None:
    for first in [*NOT_JSON, *map(json.dumps, NOT_A_FRAME), *DOUBLED, '{"task": 7}']:
        async with app.socket(f"/ws/{new_id()}", max_size=None) as socket:
            await socket.send(first)
            with pytest.raises(ConnectionClosed) as closed:
                await until(socket, lambda _: False)
            assert closed.value.rcvd is not None, first[:100]
            assert closed.value.rcvd.code == Close.BAD_FRAME, first[:100]
    await bystander.assert_unharmed()


FIRST = st.fixed_dictionaries(
    {"task": st.one_of(st.text(max_size=20), st.integers(), st.none())},
    optional={
        "config": st.one_of(st.dictionaries(st.text(max_size=5), st.integers(), max_size=3), st.none()),
        "last_event_id": st.one_of(st.text(max_size=10), st.integers(), st.floats(), st.lists(st.none())),
        "epoch": st.one_of(st.integers(), st.text(max_size=3)),
        "batch": st.one_of(st.booleans(), st.text(max_size=3)),
    },
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "type",
        "ref",
        "session_id",
        "content",
        "after",
        "since",
        "epoch",
        "approval_id",
        "config",
        "client_id",
        "when",
    ]
)
KINDS = st.sampled_from(
    ["message", "approval_response", "pause", "resume", "steer", "request_state", "watch", "auth"]
)
FRAMES = st.one_of(
    st.dictionaries(NAMES, VALUES, max_size=5),
    st.builds(lambda kind, rest: {**rest, "type": kind}, KINDS, st.dictionaries(NAMES, VALUES, max_size=4)),
    VALUES,
).map(json.dumps)
ONE_SERVER = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ONE_SERVER
@given(
    frames=st.lists(st.one_of(FRAMES, st.text(max_size=30), st.binary(max_size=30)), min_size=1, max_size=5)
)
async def test_any_frames_are_answered_one_by_one(app: Running, frames: list[str | bytes]) -> None:
    async with app.socket("/ws/sessions", max_size=None) as socket:
        await barrier(socket)
        for sent in frames:
            await socket.send(sent.encode(errors="surrogatepass") if isinstance(sent, str) else sent)
            answers = await barrier(socket)
            assert len(answers) == 1 or b'"pong"' in _bytes(sent)
            assert all(one.get("code") != "internal-error" for one in answers)


@ONE_SERVER
@given(first=st.one_of(FIRST.map(json.dumps), FRAMES))
async def test_any_first_frame_is_taken_or_closes_with_a_documented_code(app: Running, first: str) -> None:
    async with app.socket(f"/ws/{new_id()}", max_size=None) as socket:
        await socket.send(first)
        try:
            assert (await frame(socket))["type"] in {"status", "error", "ack"}
        except ConnectionClosed:
            assert socket.close_code in DOCUMENTED


def _bytes(sent: str | bytes) -> bytes:
    return sent.encode(errors="surrogatepass") if isinstance(sent, str) else sent


async def test_binary_frames_are_read_as_the_same_text(app: Running, bystander: Bystander) -> None:
    session_id = (await app.create())["id"]
    async with app.socket(f"/ws/sessions/{session_id}") as socket:
        await barrier(socket)
        await socket.send(b'{"type": "ping", "ref": 5}')
        assert await barrier(socket) == [{"type": "pong", "ref": 5}]
        for data in (
            b"",
            b"\xff\xfe",
            b"\x80",
            b"\x1f\x8b\x08" + os.urandom(50),
            b'{"type": "ping", "ref": "\xff"',
        ):
            await socket.send(data)
            (answer,) = await barrier(socket)
            assert_refused(answer, repr(data))
    await bystander.assert_unharmed()


async def test_things_of_others_are_not_there(tmp_path: Path) -> None:
    """Each command that names a session or a question, with those of somebody else and with none of anybody."""
    async with world(tmp_path) as everybody:
        things = await everybody.things()
        own = (await everybody.made("stranger", "POST", "/api/sessions", {"mode": "one-shot"}))["id"]
        headers = {"Authorization": f"Bearer {everybody.tokens['stranger']}"}
        before = (await everybody.ask("owner", "GET", f"/api/sessions/{things['session_id']}")).json()

        async def told(path: str, session_id: str, approval_id: str) -> list[Any]:
            found: list[Any] = []
            async with everybody.running.socket(path, additional_headers=headers) as socket:
                await barrier(socket)
                for sent in (
                    {"type": "approval_response", "approval_id": approval_id, "approved": True},
                    {"type": "approval_response", "approvalId": approval_id, "resolution": "approve"},
                    *(
                        {"type": kind, name: session_id, "content": "x"}
                        for kind in (
                            "message",
                            "pause",
                            "resume",
                            "cancel",
                            "steer",
                            "request_state",
                            "watch",
                            "unwatch",
                        )
                        for name in ("session_id", "sessionId", "copilotSessionId")
                    ),
                ):
                    await socket.send(json.dumps(sent))
                    (answer,) = await barrier(socket)
                    text = json.dumps(answer).replace(session_id, "SESSION").replace(approval_id, "APPROVAL")
                    found.append((sent["type"], text))
                    assert "Secret" not in text
            return found

        for path in ("/ws/sessions", f"/ws/sessions/{own}"):
            theirs = await told(path, things["session_id"], things["approval_id"])
            nobodys = await told(path, new_id(), new_id())
            assert theirs == nobodys
            assert all("error" in text for kind, text in theirs if kind != "unwatch")
        after = (await everybody.ask("owner", "GET", f"/api/sessions/{things['session_id']}")).json()
        assert after == before


async def test_ten_thousand_frames_at_once_are_all_answered(app: Running, bystander: Bystander) -> None:
    session_id = (await app.create())["id"]
    async with app.socket(f"/ws/sessions/{session_id}", max_size=None, max_queue=None) as socket:
        await barrier(socket)
        answered = 0

        async def read() -> None:
            nonlocal answered
            async with asyncio.timeout(90):
                while answered < 10_000:
                    answered += json.loads(await socket.recv())["type"] in ANSWERS

        reading = asyncio.create_task(read())
        for number in range(10_000):
            await socket.send('{"type":"ping"}' if number % 2 else '{"type":"nonsense"')
            if number % 2_500 == 0:
                await bystander.assert_unharmed()
        await reading
    await bystander.assert_unharmed()


async def test_a_flood_whose_answers_nobody_reads_ends_that_socket_alone(
    app: Running, bystander: Bystander, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.api.socket.sender.PROGRESS_WITHIN_S", 0.5)
    before = app.open_readers
    wire = await Wire.open(app, "/ws/sessions")
    nonsense = _frame(0x1, json.dumps({"type": "x" * 900, "ref": "y" * 900}).encode())
    try:
        async with asyncio.timeout(60):
            for _ in range(200):
                wire.writer.write(nonsense * 200)
                await wire.writer.drain()
                if app.open_readers == before:
                    break
    except (ConnectionError, TimeoutError):
        pass
    await bystander.assert_unharmed()
    wire.writer.transport.abort()
    await eventually(lambda: app.open_readers == before, 30)
    await bystander.assert_unharmed()


class Wire:
    """A socket as bytes, for what no client library sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        self.reader = reader
        self.writer = writer
        self.head = head

    @classmethod
    async def open(cls, app: Running, path: str, more: str = "") -> Wire:
        """Shake hands."""
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port, limit=2**24)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{app.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n".encode("latin-1")
        )
        try:
            async with asyncio.timeout(20):
                return cls(reader, writer, await reader.readuntil(b"\r\n\r\n"))
        except BaseException:
            writer.close()
            raise

    async def close_code(self, *frames: bytes) -> int | None:
        """Send frames and return the code the server closes with; None when it just hangs up."""
        try:
            for data in frames:
                self.writer.write(data)
                await self.writer.drain()
            async with asyncio.timeout(30):
                while True:
                    first, second = await self.reader.readexactly(2)
                    size = second & 0x7F
                    if size == 126:
                        (size,) = struct.unpack(">H", await self.reader.readexactly(2))
                    elif size == 127:
                        (size,) = struct.unpack(">Q", await self.reader.readexactly(8))
                    data = await self.reader.readexactly(size)
                    assert first & 0x40 == 0, "a compressed frame"
                    if first & 0x0F == 8:
                        return struct.unpack(">H", data[:2])[0]
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        finally:
            self.writer.close()


def _frame(opcode: int, data: bytes, *, last: bool = True, flags: int = 0, mask: bool = True) -> bytes:
    head = bytes([(0x80 if last else 0) | flags | opcode])
    masked = 0x80 if mask else 0
    if len(data) < 126:
        head += bytes([masked | len(data)])
    elif len(data) < 2**16:
        head += bytes([masked | 126]) + struct.pack(">H", len(data))
    else:
        head += bytes([masked | 127]) + struct.pack(">Q", len(data))
    return head + (b"\0\0\0\0" if mask else b"") + data  # a mask of zeros changes nothing


async def test_compression_is_not_agreed_to_and_a_compressed_bomb_ends_its_socket(
    app: Running, bystander: Bystander
) -> None:
    offers = "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"
    wire = await Wire.open(app, "/ws/sessions", f"Sec-WebSocket-Extensions: {offers}\r\n")
    assert wire.head.startswith(b"HTTP/1.1 101")
    assert b"extensions" not in wire.head.lower()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(b" " * 50_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert await wire.close_code(_frame(0x1, bomb, flags=0x40)) == 1002
    await bystander.assert_unharmed()


PING = b'{"type":"ping","ref":"whole"}'
LARGE = struct.pack(">Q", 2**62)
BROKEN: dict[str, tuple[list[bytes], set[int | None]]] = {
    "unmasked": ([_frame(1, PING, mask=False)], {1002}),
    "reserved bit": ([_frame(1, PING, flags=0x20)], {1002}),
    "unknown opcode": ([_frame(3, PING)], {1002}),
    "unknown control": ([_frame(0xB, b"")], {1002}),
    "text that is no UTF-8": ([_frame(1, b"\xff\xfe")], {1007}),
    "halves of characters": ([_frame(1, b"\xed\xa0\x80")], {1007}),
    "goes on with nothing": ([_frame(0, PING)], {1002}),
    "a new one in the middle": ([_frame(1, b"{", last=False), _frame(1, PING)], {1002}),
    "control in pieces": ([_frame(9, b"x", last=False)], {1002}),
    "control too long": ([_frame(9, b"x" * 126)], {1002}),
    "announces too much": ([bytes([0x81, 0xFF]) + LARGE + b"\0\0\0\0x"], {1009, 1002}),
    "pieces too large together": (
        [_frame(1, b"x", last=False), *[_frame(0, b"x" * 60_000, last=False)] * 80],
        {1009, None},
    ),
    "endless empty pieces, then bad": (
        [_frame(1, b"", last=False), *[_frame(0, b"", last=False)] * 2_000, _frame(1, b"")],
        {1002},
    ),
    "close with a bad code": ([_frame(8, struct.pack(">H", 1005))], {1002}),
    "close with half a code": ([_frame(8, b"\x03")], {1002}),
    "close with bad text": ([_frame(8, struct.pack(">H", 1000) + b"\xff")], {1007, 1002}),
    "half a frame, then nothing": ([bytes([0x81, 0xFE])[:1]], {None}),
}


async def test_frames_that_break_the_protocol_end_their_socket(app: Running, bystander: Bystander) -> None:
    for what, (frames, codes) in BROKEN.items():
        wire = await Wire.open(app, "/ws/sessions")
        if codes == {None}:
            wire.writer.write(frames[0])
            wire.writer.write_eof()
            frames = []
        assert await wire.close_code(*frames) in codes, what
        await eventually(lambda: app.open_readers == 1)
        await bystander.assert_unharmed()


async def test_a_frame_in_many_pieces_with_pings_between_is_one_frame(
    app: Running, bystander: Bystander
) -> None:
    wire = await Wire.open(app, "/ws/sessions")
    pieces = [_frame(1, PING[:1], last=False)]
    for byte in PING[1:]:
        pieces += [_frame(9, b"still here"), _frame(0, bytes([byte]), last=False)]
    wire.writer.write(b"".join([*pieces, _frame(0, b"")]))
    async with asyncio.timeout(20):
        seen = b""
        while b'"whole"' not in seen:
            seen += await wire.reader.read(65_536)
    wire.writer.close()
    await bystander.assert_unharmed()


HEADS = [
    "Origin: " + "\xe9" * 150 + "\r\n",
    "Origin: https://" + "\xff" * 60 + ".example\r\n",
    "Origin: http://[::1\r\n",
    "Origin: http://127.0.0.1:99999999\r\n",
    "Origin: null\r\n",
    "Authorization: Bearer " + "x" * 9_000 + "\r\n",
    "Authorization: \xff\xfe\r\n",
    "Cookie: perdure_access=\xff; =; ;;\r\n",
    "Sec-WebSocket-Protocol: bearer, " + "x" * 2_000 + "\r\n",
    "Last-Event-ID: \xff\r\n",
]


async def test_odd_heads_of_handshakes_are_refused_or_let_in(
    app: Running, bystander: Bystander, caplog: pytest.LogCaptureFixture
) -> None:
    for more in HEADS:
        for path in ("/ws/sessions?after=%FF%00&epoch=1e9", "/ws/x", "/ws/sessions/%2e%2e%2f"):
            try:
                wire = await Wire.open(app, path, more)
            except asyncio.IncompleteReadError:
                assert len(more) > 8_192  # one line of a head is not longer
                continue
            status = wire.head.split()[1]
            assert status in {b"101", b"400", b"403", b"404"}, (more, path)
            if status == b"101":
                assert b"sec-websocket-protocol" not in wire.head.lower()
                code = await wire.close_code(_frame(8, struct.pack(">H", 1000)))
                assert code in DOCUMENTED, (more, path)
            wire.writer.close()
            assert [each for each in caplog.records if each.levelname in {"ERROR", "CRITICAL"}] == [], (
                more,
                path,
            )
    # the library's end of a server does not take handshakes that are being refused
    await eventually(lambda: len(app.server.server_state.connections) <= 2)
    await bystander.assert_unharmed()
