"""Create and get sessions over REST, 16 requests at a time, against a bare application with one group-committing thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import orjson

from benchmarks import ours
from benchmarks.harness import Bar, Result, Scale, percentile
from benchmarks.process import ServerProcess, bare_server, perdure_server

_AT_ONCE = 16
_BODY = b'{"mode":"one-shot"}'


def run(scale: Scale) -> list[Result]:
    """Measure both servers in turn with the same light client."""
    with (
        ours.folder() as folder,
        bare_server("benchmarks.bare_apps:rest", folder) as bare,
        perdure_server(folder) as mine,
    ):
        return asyncio.run(_measure(scale, bare, mine))


async def _measure(scale: Scale, bare: ServerProcess, mine: ServerProcess) -> list[Result]:
    requests, rounds = scale.of(320, 32), scale.of(5, 1)
    servers = {"bare": bare, "ours": mine}
    created: dict[str, list[float]] = {name: [] for name in servers}
    got: dict[str, list[float]] = {name: [] for name in servers}
    slow: dict[str, list[float]] = {name: [] for name in servers}
    lost = 0
    for number in range(rounds):
        for name in sorted(servers, reverse=bool(number % 2)):
            client = Client(servers[name].port)
            ids: list[str] = []
            rate, p99 = await _load(lambda: client.create(ids), requests)  # noqa: B023 - awaited within the turn
            created[name].append(rate)
            slow[name].append(p99)
            rate, _ = await _load(lambda: client.get(ids[0]), requests)  # noqa: B023
            got[name].append(rate)
            lost += requests - len(set(ids)) if name == "ours" else 0
            await client.aclose()
    return [
        _rate("create a session", created, lost, Bar(at_least=0.4)),
        _rate("get a session", got, 0, None),
        Result(
            "REST",
            "p99 of create",
            "ms",
            median(slow["ours"]) * 1e3,
            median(slow["bare"]) * 1e3,
            median(a / b for a, b in zip(slow["ours"], slow["bare"], strict=True)),
        ),
    ]


class Client:
    """Sixteen connections that stay open; a plain socket each, so that the client costs little."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.LifoQueue()

    async def create(self, ids: list[str]) -> None:
        """Create a session and note its id."""
        body = await self.post("/api/sessions", _BODY, b"201")
        found = orjson.loads(body)
        ids.append(found.get("session_id") or found["id"])

    async def get(self, session_id: str) -> None:
        """Read a session."""
        head = f"GET /api/sessions/{session_id} HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\n\r\n"
        await self._ask(head.encode(), b"200")

    async def post(self, path: str, body: bytes, wanted: bytes, method: str = "POST") -> bytes:
        """Send JSON and return the answer, which must have a status that contains `wanted`."""
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\n"
        length = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        return await self._ask(head.encode() + length.encode() + body, wanted)

    async def aclose(self) -> None:
        """Close the connections."""
        while not self._free.empty():
            _, writer = self._free.get_nowait()
            writer.close()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while not self._free.empty():
            reader, writer = self._free.get_nowait()
            if not reader.at_eof():
                return reader, writer
            writer.close()  # the server has closed it, unused for too long
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _ask(self, request: bytes, wanted: bytes) -> bytes:
        reader, writer = await self._connection()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        body = await reader.readexactly(length)
        self._free.put_nowait((reader, writer))
        if b" " + wanted not in lines[0]:
            raise RuntimeError(f"{lines[0]!r}: {body[:500]!r}")
        return body


async def _load(ask: Callable[[], Awaitable[None]], requests: int) -> tuple[float, float]:
    spent: list[float] = []

    async def one() -> None:
        for _ in range(requests // _AT_ONCE):
            started = time.perf_counter()
            await ask()
            spent.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(_AT_ONCE)))
    return requests / (time.perf_counter() - started), percentile(spent, 0.99)


def _rate(case: str, rates: dict[str, list[float]], lost: int, bar: Bar | None) -> Result:
    share = median(a / b for a, b in zip(rates["ours"], rates["bare"], strict=True))
    return Result("REST", case, "/s", median(rates["ours"]), median(rates["bare"]), share, bar, lost)
