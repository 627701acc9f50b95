"""How soon the server listens, and the memory it has then; against the bare one."""

from __future__ import annotations

from statistics import median

from benchmarks import ours
from benchmarks.harness import Result, Scale
from benchmarks.process import bare_server, perdure_server


def run(scale: Scale) -> list[Result]:
    """Measure first starts (schema and all) and later ones."""
    rounds = scale.of(3, 1)
    first: list[float] = []
    later: list[float] = []
    bare: list[float] = []
    memory: list[float] = []
    bare_memory: list[float] = []
    for _ in range(rounds):
        with ours.folder() as folder:
            with bare_server("benchmarks.bare_apps:rest", folder) as server:
                bare.append(server.started_in * 1e3)
                bare_memory.append(server.memory_mb())
            with perdure_server(folder) as server:
                first.append(server.started_in * 1e3)
            with perdure_server(folder) as server:
                later.append(server.started_in * 1e3)
                memory.append(server.memory_mb())
    return [
        _result("first start", "ms", first, bare),
        _result("later start", "ms", later, bare),
        _result("memory when idle", "MB", memory, bare_memory),
    ]


def _result(case: str, unit: str, mine: list[float], floor: list[float]) -> Result:
    share = median(a / b for a, b in zip(mine, floor, strict=True))
    return Result("start", case, unit, median(mine), median(floor), share)
