"""Fan-out: 1 000 viewers of one session at 50 events a second, from one server process.

The floor is a bare application that coalesces the same way: everything new in one frame. Our events are
stored, durably, before they are sent; the floor's are not.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import median
from typing import Any

from benchmarks import ours
from benchmarks.harness import ROOT, Bar, Result, Scale, event_loop
from benchmarks.process import ServerProcess, bare_server, perdure_server
from benchmarks.rest import Client

_RATE = 50
_PAD = "x" * 200


def run(scale: Scale) -> list[Result]:
    """Measure both servers in turn, each idle while the other is measured."""
    rounds, viewers, events = scale.of(3, 1), scale.of(1000, 20), scale.of(300, 25)
    found: dict[str, list[dict[str, Any]]] = {"bare": [], "ours": []}
    with (
        ours.folder() as folder,
        event_loop() as runner,
        bare_server("benchmarks.bare_apps:fanout", folder) as bare,
        perdure_server(folder, PERDURE_MAX_CONNECTIONS="5000") as mine,
    ):
        for number in range(rounds):
            for name in sorted(found, reverse=bool(number % 2)):
                server = bare if name == "bare" else mine
                found[name].append(runner.run(_round(server, name == "ours", viewers, events)))
    lost = sum(viewers * events - r["received"] + r["doubled"] for r in found["ours"])
    name = f"{viewers:,} viewers, {_RATE} events/s"
    results = [
        _compare(name, f"{share}", found, share, Bar(at_most=1.5) if share == "p99" else None, lost)
        for share in ("p50", "p99")
    ]
    cpu = {who: [r["cpu"] / max(r["received"], 1) * 1e3 for r in rows] for who, rows in found.items()}
    ratio = median(a / b for a, b in zip(cpu["ours"], cpu["bare"], strict=True))
    results.append(
        Result(
            "fan-out",
            f"{name}, processor time a delivery",
            "µs",
            median(cpu["ours"]) * 1e3,
            median(cpu["bare"]) * 1e3,
            ratio,
        )
    )
    return results


def _compare(
    name: str, case: str, found: dict[str, list[dict[str, Any]]], share: str, bar: Bar | None, lost: int
) -> Result:
    mine = [r[share] * 1e3 for r in found["ours"]]
    floor = [r[share] * 1e3 for r in found["bare"]]
    ratio = median(a / b for a, b in zip(mine, floor, strict=True))
    return Result("fan-out", f"{name}, {case}", "ms", median(mine), median(floor), ratio, bar, lost)


async def _round(server: ServerProcess, is_ours: bool, viewers: int, events: int) -> dict[str, Any]:
    client = Client(server.port)
    if is_ours:
        ids: list[str] = []
        await client.create(ids)
        url = f"ws://127.0.0.1:{server.port}/ws/sessions/{ids[0]}?batch=true"
        path = f"/api/sessions/{ids[0]}/state"
    else:
        await client.post("/append", b'{"clear":true}', b"204")
        url, path = f"ws://127.0.0.1:{server.port}/watch", "/append"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.viewers",
        url,
        str(viewers),
        str(events),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError("the viewers could not connect")
        process.stdin.write(f"{events / _RATE + 15}\n".encode())
        before = server.cpu_seconds()
        await _send(client, "PUT" if is_ours else "POST", path, events)
        answer = json.loads(await process.stdout.read())
        return {**answer, "cpu": server.cpu_seconds() - before}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await client.aclose()


async def _send(client: Client, method: str, path: str, events: int) -> None:
    """Send each event when it is due, whether or not the one before has been answered."""
    begun = time.monotonic() + 0.2
    sending: list[asyncio.Task[bytes]] = []
    for number in range(events):
        due = begun + number / _RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        text = f"due={due:.6f}n={number + 1}{_PAD}"
        body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
        sending.append(asyncio.create_task(client.post(path, body, b"20", method)))
    await asyncio.gather(*sending)
