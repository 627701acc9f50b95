"""Peers, each in a throw-away environment of its own, in turn with us: append to a long session and read its last page."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from statistics import median

from benchmarks import ours
from benchmarks.harness import ROOT, Result, Scale, event_loop, timed_async
from perdure.store.messages import list_messages

PEERS = {
    "openai_agents": ["openai-agents==0.24.0"],
    "adk": ["google-adk==2.13.0", "sqlalchemy==2.1.9", "aiosqlite==0.22.1", "greenlet"],
    "langgraph": ["langgraph==1.2.22", "langgraph-checkpoint==4.3.2", "langgraph-checkpoint-sqlite==3.1.2"],
    "agno": ["agno==3.1.10", "sqlalchemy==2.1.9", "greenlet"],
}
"""Pinned, so that figures of different days are of the same programs."""

_UV = ROOT / ".cache" / "uv" / "bin" / "uv"
_FILLING_S = 3000
_HOMES = ROOT / ".cache" / "bench-peers"


def run(scale: Scale) -> list[Result]:
    """Measure every peer that can be installed; one that cannot is named with its reason."""
    results: list[Result] = []
    for name, packages in PEERS.items():
        try:
            python = _environment(name, packages)
            results += _measure(scale, name, python)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            reason = getattr(error, "stderr", None) or str(error)
            last = str(reason).strip().splitlines()[-1:] or ["no reason given"]
            print(f"{name}: not measured: {last[0]}")
    return results


def _environment(name: str, packages: list[str]) -> Path:
    home = _HOMES / name
    python = home / "bin" / "python"
    done = home / "installed"
    wanted = "\n".join(packages)
    if not done.is_file() or done.read_text() != wanted:
        _call([_UV, "venv", "--clear", "--python", "3.11", home], 300)
        _call([_UV, "pip", "install", "--python", python, *packages], 900)
        done.write_text(wanted)
    return python


def _measure(scale: Scale, name: str, python: Path) -> list[Result]:
    history, calls, rounds = scale.history, scale.of(30, 3), 1  # filling a peer can take minutes
    spent: dict[str, list[float]] = {"append": [], "last": []}
    mine: dict[str, list[float]] = {"append": [], "last": []}
    for _ in range(rounds):
        with ours.folder() as folder:
            program = Path(__file__).parent / f"with_{name}.py"
            answer = json.loads(_call([python, program, folder, history, calls], _FILLING_S).splitlines()[-1])
            if answer["missing"]:
                raise RuntimeError(f"{name} lost {answer['missing']} of the last messages")
            with ours.open_store(folder) as store, event_loop() as runner:
                session_id = ours.create(store, history)
                append = timed_async(runner, lambda: store.append(session_id, [ours.message()]))  # noqa: B023
                last = timed_async(runner, lambda: store.read(lambda tx: list_messages(tx, session_id)))  # noqa: B023
                append(3)  # as the peer's own first calls, which open its files, are not counted
                last(3)
                for kind, turn in (("append", append), ("last", last)):
                    mine[kind].append(median(turn(calls)))
                    spent[kind].append(median(answer[kind]))
    return [
        Result(
            f"peer {name}",
            f"{case} at {history:,}",
            "µs",
            median(mine[kind]) * 1e6,
            median(spent[kind]) * 1e6,
            median(a / b for a, b in zip(mine[kind], spent[kind], strict=True)),
            note="the floor is the peer",
        )
        for kind, case in (("append", "append one"), ("last", "last 50"))
    ]


def _call(command: list[object], timeout_s: float) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=timeout_s, check=True
    )
    return done.stdout
