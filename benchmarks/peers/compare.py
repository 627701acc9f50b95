"""Peers, each in a throw-away environment of its own, in turn with us: append to a long session and read its last page."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import ours
from benchmarks.harness import ROOT, Result, Scale, against, event_loop, timed_async
from perdure.store.messages import list_messages

PEERS = {
    "openai_agents": ["openai-agents==0.24.0"],
    "adk": ["google-adk==2.13.0", "sqlalchemy==2.1.9", "aiosqlite==0.22.1", "greenlet"],
    "langgraph": ["langgraph==1.2.22", "langgraph-checkpoint==4.3.2", "langgraph-checkpoint-sqlite==3.1.2"],
    "agno": ["agno==3.1.10", "sqlalchemy==2.1.9", "greenlet"],
}
"""Pinned, so that figures of different days are of the same programs."""

_UV = ROOT / ".cache" / "uv" / "bin" / "uv"
_LONGEST_S = 3000
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
    history, calls, rounds = scale.history, scale.of(10, 3), scale.of(15, 2)
    theirs: dict[str, list[float]] = {"append": [], "last": []}
    mine: dict[str, list[float]] = {"append": [], "last": []}
    with (
        ours.folder() as folder,
        _peer(python, name, folder, history) as ask,
        ours.open_store(folder) as store,
        event_loop() as runner,
    ):
        session_id = ours.create(store, history)
        turns = {
            "append": timed_async(runner, lambda: store.append(session_id, [ours.message()])),
            "last": timed_async(runner, lambda: store.read(lambda tx: list_messages(tx, session_id))),
        }
        for turn in turns.values():
            turn(3)  # as the peer's own first calls, which open its files, are not counted
        for number in range(rounds):
            for side in ("theirs", "mine") if number % 2 else ("mine", "theirs"):
                if side == "theirs":
                    for kind, spent in ask(calls).items():
                        theirs[kind].append(median(spent))
                else:
                    for kind, turn in turns.items():
                        mine[kind].append(median(turn(calls)))
    return [
        against(
            f"peer {name}", f"{case} at {history:,}", mine[kind], theirs[kind], note="the floor is the peer"
        )
        for kind, case in (("append", "append one"), ("last", "last 50"))
    ]


@contextmanager
def _peer(
    python: Path, name: str, folder: Path, history: int
) -> Iterator[Callable[[int], dict[str, list[float]]]]:
    """Let a peer fill its session, and give what lets it take a turn of so many calls."""
    program = [str(python), str(Path(__file__).parent / f"with_{name}.py"), str(folder), str(history)]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
        ) as running,
    ):
        watch = threading.Timer(_LONGEST_S, running.kill)
        watch.start()

        def answer() -> Any:
            assert running.stdout is not None
            for line in running.stdout:
                if line.startswith("{"):  # what else it says is not for us
                    return json.loads(line)
            said.seek(0)
            raise RuntimeError(said.read() or "it ended without a word")

        def ask(calls: int) -> dict[str, list[float]]:
            assert running.stdin is not None
            running.stdin.write(f"{calls}\n")
            running.stdin.flush()
            return answer()

        try:
            if missing := answer()["missing"]:
                raise RuntimeError(f"{name} lost {missing} of the last messages")
            yield ask
        finally:
            watch.cancel()
            running.kill()


def _call(command: list[object], timeout_s: float) -> None:
    subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=timeout_s, check=True
    )
