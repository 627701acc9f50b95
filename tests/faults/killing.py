"""Runs with effects on a server that is killed again and again, and what must hold of each when it ended."""

from __future__ import annotations

import json
import random
import time
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from perdure.client import Perdure
from perdure.client.models import Costs, Event
from tests.fakes.openai_server import Call, OpenAIServer
from tests.fakes.perdure_server import PerdureServer

STEPS = 3
KILLS_OF_ONE_RUN = 5
KEYS = ("plan", *(f"step-{number + 1}" for number in range(STEPS)), "report")
_SHELL: dict[str, Any] = {"mode": "planning-control", "tool_permissions": {"shell": "auto_allow"}}


@dataclass
class Seen:
    """What was done, and what came of it."""

    seed: int
    kills: int = 0
    kills_while_starting: int = 0
    runs: int = 0
    asked: int = 0
    made_again: int = 0
    effects: int = 0
    effects_known_to_have_ended: int = 0
    calls: int = 0
    calls_in_ledger: int = 0
    calls_unknown: int = 0
    """In the ledger without their usage: the server was killed before it had the answer, or before it asked."""
    calls_repeated: int = 0
    killed_after: dict[str, int] = field(default_factory=dict[str, int])
    """The newest event in the log when the server was killed, by type."""


def check_ledger(costs: Costs, calls: list[Call], told: str) -> int:
    """Match each call that reached the provider with its own row of the ledger; returns how many are unknown.

    A run makes its calls one after another, and opens the row first: a call's row is the newest that was there
    when the call arrived. Rows with usage have a call of just that usage, rows without have at most one.
    """
    since = time.time() - time.monotonic()
    rows: list[dict[str, Any]] = sorted(costs.model_dump()["records"], key=lambda row: row["created_at"])
    assert costs.calls == len(rows) == len({row["call_id"] for row in rows}), told
    opened = [datetime.fromisoformat(row["created_at"]).timestamp() for row in rows]
    known: dict[int, Call] = {}
    for call in calls:
        at = bisect_right(opened, since + call.at) - 1
        assert at >= 0, f"{told}: a call came before any row of the ledger"
        assert at not in known, f"{told}: two calls came for one row of the ledger: {rows[at]}"
        known[at] = call
    unknown = 0
    for at, row in enumerate(rows):
        if row["finished"]:
            assert at in known, f"{told}: a row has usage, and no call was made: {row}"
            assert row["input_tokens"] == len(known[at].text.split()), f"{told}: {row}"
            assert row["output_tokens"], f"{told}: {row}"
        else:
            usage = (row["input_tokens"], row["output_tokens"], row["cost_usd"])
            assert usage == (None, None, None), f"{told}: {row}"
            unknown += 1
    return unknown


class Killer:
    """Starts planned runs that ring a bell and write a file in each step, and kills their server meanwhile."""

    def __init__(self, server: PerdureServer, provider: OpenAIServer, seed: int) -> None:
        self.seen = Seen(seed)
        self._server = server
        self._provider = provider
        self._dice = random.Random(seed)
        provider.set_delay(0.02)

    def kill(self, number: int) -> Seen:
        """Kill that often, over as many runs as it takes; each is carried to its end and looked through.

        Raises:
            AssertionError: when a run did not complete or something was lost or repeated; it names the seed.
        """
        with Perdure(self._server.url) as client:
            while self.seen.kills < number:
                self._one_run(client, number)
        return self.seen

    def _one_run(self, client: Perdure, number: int) -> None:
        calls_before, kills_before = len(self._provider.calls), self.seen.kills
        submitted = client.runs.submit(self._task(), _SHELL)
        session_id = submitted.session_id
        here = 0
        deadline = time.monotonic() + 120
        while (status := client.runs.get(submitted.run_id).status) != "completed":
            assert time.monotonic() < deadline, self._told(f"{status}\n{self._server.log()[-2000:]}")
            assert status not in ("failed", "cancelled"), self._told(client.runs.get(submitted.run_id))
            if status == "waiting":
                self._answer(client, session_id)
            if here < KILLS_OF_ONE_RUN and self.seen.kills < number:
                self._let_it_work(client, session_id)
                killed_at = self._kill_and_start()
                here += 1
                deadline = time.monotonic() + 120
                events = self._events(client, session_id)
                before = [e.type for e in events if e.timestamp and e.timestamp <= killed_at]
                newest = before[-1] if before else "nothing"
                self.seen.killed_after[newest] = self.seen.killed_after.get(newest, 0) + 1
            time.sleep(0.05)
        made = self._provider.calls[calls_before:]
        calls = Counter(call.digest for call in made)
        repeated = calls.total() - len(calls)
        assert repeated <= self.seen.kills - kills_before, self._told(f"calls were repeated: {calls}")
        self.seen.calls_repeated += repeated
        self._look_through(client, session_id, made, self.seen.kills - kills_before)

    def _task(self) -> str:
        ring = {"command": "sleep 0.3; date +%s.%N >> bells.txt; sleep 0.3"}
        facts = {"path": "facts.md", "content": "# Facts"}
        self.seen.runs += 1
        return (
            f"Gather the facts of place {self.seen.runs}. [[call run_shell {json.dumps(ring)}]] "
            f"[[call write_file {json.dumps(facts)}]]"
        )

    def _answer(self, client: Perdure, session_id: str) -> None:
        for question in client.approvals.list(session_id=session_id).approvals:
            assert question.request_data["outcome"] == "unknown", self._told(question)
            choice = self._dice.choice(["skip", "retry"])
            client.approvals.answer(question.approval_id, choice)
            self.seen.asked += 1
            self.seen.made_again += choice == "retry"

    def _let_it_work(self, client: Perdure, session_id: str) -> None:
        """Wait for some events, however slow the machine is: kills fall on all of a run, not on its start alone."""
        wanted = len(self._events(client, session_id)) + self._dice.randrange(14)
        deadline = time.monotonic() + 10  # there may be no more, when the run ends or asks
        while len(self._events(client, session_id)) < wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(self._dice.uniform(0, 0.7))

    def _kill_and_start(self) -> datetime:
        killed_at = datetime.now(UTC)
        self._server.kill()
        self.seen.kills += 1
        if self._dice.random() < 0.2:  # also in the middle of taking its runs up again
            self._server.launch()
            time.sleep(self._dice.uniform(0.2, 3))
            self._server.kill()
            self.seen.kills += 1
            self.seen.kills_while_starting += 1
        self._server.start()
        return killed_at

    def _look_through(self, client: Perdure, session_id: str, calls: list[Call], kills: int) -> None:
        events = self._events(client, session_id)
        kinds = Counter((e.type, e.data.get("key")) for e in events)
        assert [e.seq for e in events] == list(range(1, len(events) + 1)), self._told(session_id)
        for key in KEYS:
            assert kinds["step_started", key] == kinds["step_completed", key] == 1, self._told(key)
        assert kinds["workflow_started", None] == kinds["workflow_complete", None] == 1, self._told(
            session_id
        )
        assert client.sessions.get(session_id).status == "completed", self._told(session_id)
        assert client.approvals.list(session_id=session_id).approvals == [], self._told(session_id)

        folder = self._server.data_dir / "workspaces" / session_id
        bells = folder / "bells.txt"
        rung = [float(line) for line in bells.read_text().splitlines()] if bells.exists() else []
        counted = sum(self._bells_of(events, f"step-{number + 1}", rung) for number in range(STEPS))
        assert counted == len(rung), self._told(f"{len(rung)} bells rang, {counted} of them in a step")
        assert (folder / "facts.md").read_text() == "# Facts", self._told(session_id)
        self.seen.effects += len(rung)

        costs = client.sessions.costs(session_id)
        unknown = check_ledger(costs, calls, self._told(session_id))
        assert unknown <= kills, self._told(f"{unknown} calls are unknown after {kills} kills")
        self.seen.calls += len(calls)
        self.seen.calls_in_ledger += costs.calls
        self.seen.calls_unknown += unknown

    def _bells_of(self, events: list[Event], key: str, rung: list[float]) -> int:
        """Return how often one step's bell rang: once, and once more for each time a person said so."""
        begin, end = (
            next(n for n, e in enumerate(events) if e.type == type_ and e.data.get("key") == key)
            for type_ in ("step_started", "step_completed")
        )
        inside = events[begin:end]
        results = [e.data for e in inside if e.type == "tool_result" and e.data["tool"] == "run_shell"]
        assert len(results) == 1, self._told(f"{key}: {results}")
        again = sum(e.type == "approval_resolved" and e.data["resolution"] == "retry" for e in inside)
        ended = "Exit status 0" in str(results[0])
        first, last = events[begin].timestamp, events[end].timestamp
        assert first is not None
        assert last is not None
        bells = sum(first.timestamp() <= moment <= last.timestamp() for moment in rung)
        assert ended <= bells <= 1 + again, self._told(f"{key}: {bells} bells, {again} again, {results}")
        self.seen.effects_known_to_have_ended += ended
        return bells

    def _events(self, client: Perdure, session_id: str) -> list[Event]:
        return client.sessions.events(session_id, limit=1000).events

    def _told(self, what: object) -> str:
        return f"seed {self.seen.seed}, after {self.seen.kills} kills, run {self.seen.runs}: {what}"
