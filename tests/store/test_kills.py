"""Invariant 1: what was acknowledged survives `kill -9` at any moment."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from perdure.store import events, maintenance, sessions
from tests import factories
from tests.factories import OpenStore

ROUNDS = {"file": 10, "postgres": 3}
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["file", "postgres"])
def test_acknowledged_events_survive_a_kill_at_any_moment(
    open_store: OpenStore, request: pytest.FixtureRequest, kind: str
) -> None:
    url = request.getfixturevalue("sqlite_url" if kind == "file" else "ready_postgres_url")
    made = factories.session()
    store = open_store(url)
    store.write_now(factories.add_people)
    store.write_now(lambda tx: sessions.insert_session(tx, made))
    store.close()
    acknowledged: list[int] = []
    for round_ in range(ROUNDS[kind]):
        acknowledged += _append_until_killed(url, made.id, random.Random(round_).uniform(0.01, 0.25))
        found = maintenance.check(url)
        assert (found["integrity"], found["gaps"]) == ("ok", [])
    store = open_store(url)
    stored = store.write_now(lambda tx: [seq for seq, _ in events.read_frames(tx, made.id, 0, 1_000_000)])
    assert stored == list(range(1, len(stored) + 1))
    assert set(acknowledged) <= set(stored)
    assert acknowledged == sorted(set(acknowledged))
    assert len(acknowledged) > ROUNDS[kind]
    assert len(stored) <= len(acknowledged) + 2 * ROUNDS[kind]


def _append_until_killed(url: str, session_id: str, after_s: float) -> list[int]:
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("kill_child.py")), url, session_id],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
        text=True,
    )
    with child:
        assert child.stdout is not None
        first = child.stdout.readline()
        killer = threading.Timer(after_s, child.kill)
        killer.start()
        lines = [first, *child.stdout]
        killer.join()
    return [int(text) for text in lines if text.endswith("\n")]
