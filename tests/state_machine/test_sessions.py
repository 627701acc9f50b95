"""Random programs of commands, with crashes and time jumps among them, against a small model of the design."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from perdure.core.approvals import OnExpiry
from perdure.core.runs import Run
from perdure.errors import AlreadyAnswered, NotAllowedNow, NotFound, PerdureError, RunInProgress, StaleWriter
from perdure.store import events, maintenance, runs, sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx
from tests import factories
from tests.factories import KEY, OWNER, Clock, Services

T = TypeVar("T")
DAY = timedelta(hours=24)
OPEN = {"queued", "running", "waiting", "pausing", "paused", "cancelling"}
UNHURRIED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
SMOKE = settings(max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=UNHURRIED)
DEEP = settings(SMOKE, max_examples=3000, stateful_step_count=80)


@dataclass
class RunModel:
    """What the design says of one run."""

    id: str
    status: str = "queued"
    attempt: int = 1
    handle: Run | None = None
    stale: Run | None = None
    steps: int = 0
    asked: str | None = None
    deadline: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.PAUSE

    def cancel(self) -> None:
        if self.status in ("running", "pausing"):
            self.status = "cancelling"
        elif self.status in ("queued", "waiting", "paused"):
            self.status, self.asked = "cancelled", None


@dataclass
class SessionModel:
    """What the design says of one session."""

    id: str
    expires_at: datetime | None
    status: str = "active"
    before: str = "active"
    warned_at: datetime | None = None
    deleted_at: datetime | None = None
    run: RunModel | None = None
    version: int = 1
    starts: int = 0
    asked: int = 0
    steps: int = 0
    past: list[RunModel] = field(default_factory=list[RunModel])

    @property
    def open_run(self) -> RunModel | None:
        return self.run if self.run is not None and self.run.status in OPEN else None


class Sessions(RuleBasedStateMachine):
    """One server on one file, and everything that can happen to it."""

    template: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="perdure-machine-"))
        self.url = f"sqlite:///{self.folder / 'perdure.db'}"
        if Sessions.template is None:
            Sessions.template = Path(tempfile.mkdtemp(prefix="perdure-machine-")) / "template.db"
            maintenance.upgrade(f"sqlite:///{Sessions.template}")
        shutil.copy(Sessions.template, self.folder / "perdure.db")
        self.clock = Clock()
        self.model: dict[str, SessionModel] = {}
        self.open()

    def open(self) -> None:
        self.store = Store(self.url, secret_key=KEY, clock=self.clock, durability="normal")
        self.store.open()
        self.services = Services(self.store)

    def teardown(self) -> None:
        self.store.close()
        self.runner.close()
        shutil.rmtree(self.folder)

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    def refused(self, call: Coroutine[Any, Any, Any], *errors: type[PerdureError]) -> None:
        with pytest.raises(errors):
            self.do(call)

    def one(self, data: st.DataObject) -> SessionModel:
        return self.model[data.draw(st.sampled_from(sorted(self.model)), label="session")]

    def worked(self, data: st.DataObject, *statuses: str) -> tuple[SessionModel, RunModel, Run] | None:
        """A session with a run that a worker has, in one of the statuses."""
        fitting = sorted(
            s.id
            for s in self.model.values()
            if s.run and s.run.handle and (not statuses or s.run.status in statuses)
        )
        if not fitting:
            return None
        session = self.model[data.draw(st.sampled_from(fitting), label="session")]
        assert session.run is not None
        assert session.run.handle is not None
        return session, session.run, session.run.handle

    def idle_from_now(self, session: SessionModel) -> None:
        now = self.clock.now
        session.expires_at = {"active": now + DAY, "expired": now}.get(session.status)

    @initialize()
    def first(self) -> None:
        self.create()

    @precondition(lambda self: len(self.model) < 3)
    @rule()
    def create(self) -> None:
        made = self.do(self.services.session())
        self.model[made.id] = SessionModel(made.id, self.clock.now + DAY)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        s = self.one(data)
        call = self.services.runs.start(OWNER, s.id, "Do it")
        if s.status == "deleted":
            self.refused(call, NotFound)
        elif s.open_run:
            self.refused(call, RunInProgress)
        elif s.status not in ("active", "completed"):
            self.refused(call, NotAllowedNow)
        else:
            started = self.do(call)
            assert started.run is not None
            if s.run is not None:
                s.past.append(s.run)
            s.run, s.status = RunModel(started.run.id), "active"
            self.idle_from_now(s)

    @precondition(lambda self: any(s.run for s in self.model.values()))
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        ids = sorted(s.id for s in self.model.values() if s.run)
        s = self.model[data.draw(st.sampled_from(ids))]
        assert s.run is not None
        taken = self.do(self.services.progress.begin(s.run.id))
        if s.run.status in OPEN:
            s.run.stale, s.run.handle = s.run.handle, taken
            if s.run.status in ("queued", "waiting", "running"):
                s.run.status = "running"
        assert taken.status == s.run.status

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        found = self.worked(data, "running", "pausing")
        if found is None:
            return
        s, run, handle = found
        key = f"s{data.draw(st.integers(0, 3))}"
        progress = self.services.progress
        before = self.do(progress.kept_steps(run.id))
        made = self.do(
            progress.begin_step(
                handle, key, phase="p", name=key, goal=None, agent=None, hop_id=None, number=None
            )
        )
        self.do(
            progress.complete_step(
                handle, made, checkpoint=self.clock.now.isoformat(), summary=None, number=None
            )
        )
        after = self.do(progress.kept_steps(run.id))
        assert before.items() <= after.items()  # a finished step is never replaced
        s.steps += key not in before

    @rule(data=st.data(), on_expiry=st.sampled_from(list(OnExpiry)), hours=st.integers(1, 60))
    def ask(self, data: st.DataObject, on_expiry: OnExpiry, hours: int) -> None:
        found = self.worked(data, "running", "pausing")
        if found is None or found[1].asked:
            return
        s, run, handle = found
        s.asked += 1
        deadline = self.clock.now + timedelta(hours=hours)
        question = factories.approval(s.id, run.id, key=f"q{s.asked}", deadline=deadline, on_expiry=on_expiry)
        asked = self.do(self.services.progress.ask(handle, question))
        run.asked, run.deadline, run.on_expiry = asked.id, deadline, on_expiry
        if run.status == "running":
            run.status = "waiting"

    @rule(data=st.data(), approved=st.booleans())
    def answer(self, data: st.DataObject, approved: bool) -> None:
        ids = sorted(s.id for s in self.model.values() if s.run and s.run.asked)
        if not ids:
            return
        s = self.model[data.draw(st.sampled_from(ids))]
        assert s.run is not None
        assert s.run.asked is not None
        assert s.run.deadline is not None
        call = lambda: self.services.approvals.answer(OWNER, asked, approved=approved)  # noqa: E731
        asked = s.run.asked
        if s.status == "deleted":
            self.refused(call(), NotFound)
        elif s.run.deadline <= self.clock.now:
            self.refused(call(), AlreadyAnswered)
        else:
            self.do(call())
            s.run.asked = None
            if s.run.status == "waiting":
                s.run.status = "queued"
            self.refused(call(), AlreadyAnswered)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), when=st.sampled_from(["boundary", "now"]))
    def suspend(self, data: st.DataObject, when: str) -> None:
        s = self.one(data)
        call = self.services.sessions.suspend(OWNER, s.id, when)
        if s.status != "active":
            self.refused(call, NotFound if s.status == "deleted" else NotAllowedNow)
            return
        self.do(call)
        s.status, s.expires_at = "suspended", None
        if s.run is not None:
            s.run.status = {"running": "pausing", "queued": "paused", "waiting": "paused"}.get(
                s.run.status, s.run.status
            )

    @rule(data=st.data())
    def park(self, data: st.DataObject) -> None:
        found = self.worked(data)
        if found is None:
            return
        _, run, handle = found
        if run.status == "pausing":
            run.status = "paused"
        assert self.do(self.services.progress.park(handle)) == run.status

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        s = self.one(data)
        call = self.services.sessions.resume(OWNER, s.id)
        if s.status not in ("suspended", "failed", "expired"):
            self.refused(call, NotFound if s.status == "deleted" else NotAllowedNow)
            return
        self.do(call)
        if s.run is not None:
            if s.status == "failed" and s.run.status == "failed":
                s.run.status, s.run.attempt = "queued", s.run.attempt + 1
            else:
                s.run.status = {"pausing": "running", "paused": "queued"}.get(s.run.status, s.run.status)
        s.status = "active"
        self.idle_from_now(s)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        ids = sorted(s.id for s in self.model.values() if s.run)
        if not ids:
            return
        s = self.model[data.draw(st.sampled_from(ids))]
        assert s.run is not None
        call = self.services.runs.cancel(OWNER, s.run.id)
        if s.status == "deleted":
            self.refused(call, NotFound)
        elif s.run.status in ("completed", "failed"):
            self.refused(call, NotAllowedNow)
        else:
            self.do(call)
            if s.run.status in ("cancelling", "cancelled"):
                return
            s.run.cancel()
            if s.run.status == "cancelled" and s.status == "suspended":
                s.status = "active"
            self.idle_from_now(s)

    @rule(data=st.data())
    def stopped(self, data: st.DataObject) -> None:
        found = self.worked(data, "cancelling")
        if found is None:
            return
        s, run, handle = found
        self.do(self.services.progress.stopped(handle))
        run.status, run.asked = "cancelled", None
        if s.status == "suspended":
            s.status = "active"
        self.idle_from_now(s)

    @rule(data=st.data(), failing=st.booleans())
    def end(self, data: st.DataObject, failing: bool) -> None:
        found = self.worked(data)
        if found is None:
            return
        s, run, handle = found
        progress = self.services.progress
        call = progress.fail(handle, {"message": "x"}, None) if failing else progress.finish(handle, {})
        if run.status not in ("running", "pausing", *(["queued"] if failing else [])):
            self.refused(call, NotAllowedNow)
            return
        self.do(call)
        run.status = "failed" if failing else "completed"
        if s.status in ("active", "suspended"):
            s.status = run.status
        if not failing:
            self.idle_from_now(s)

    @rule(data=st.data())
    def stale_worker_writes(self, data: st.DataObject) -> None:
        ids = sorted(s.id for s in self.model.values() if s.run and s.run.stale)
        if ids:
            run = self.model[data.draw(st.sampled_from(ids))].run
            assert run is not None
            assert run.stale is not None
            self.refused(self.services.progress.finish(run.stale, {}), StaleWriter)
            self.refused(self.services.progress.log(run.stale, factories.line("x")), StaleWriter)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        s = self.one(data)
        call = self.services.sessions.complete(OWNER, s.id)
        if s.status not in ("active", "suspended"):
            self.refused(call, NotFound if s.status == "deleted" else NotAllowedNow)
            return
        self.do(call)
        s.status = "completed"
        if s.run is not None:
            s.run.cancel()

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def archive(self, data: st.DataObject) -> None:
        s = self.one(data)
        call = self.services.sessions.archive(OWNER, s.id)
        if s.status in ("completed", "failed", "suspended", "expired"):
            self.do(call)
            s.status = "archived"
        else:
            self.refused(call, NotFound if s.status == "deleted" else NotAllowedNow)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        s = self.one(data)
        self.do(self.services.sessions.delete(OWNER, s.id))
        if s.status != "deleted":
            s.before, s.status, s.deleted_at = s.status, "deleted", self.clock.now
            if s.run is not None and s.run.status != "paused":
                s.run.cancel()

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        s = self.one(data)
        call = self.services.sessions.restore(OWNER, s.id)
        if s.status not in ("archived", "deleted"):
            self.refused(call, NotAllowedNow)
            return
        self.do(call)
        s.status = s.before if s.status == "deleted" else "suspended"
        self.idle_from_now(s)

    @rule(hours=st.sampled_from([1, 5, 24, 24, 25, 24 * 7, 24 * 8, 24 * 90]))
    def sweep(self, hours: int) -> None:
        self.clock.move(hours=hours)
        self.do(self.services.sweeps.run_once())
        now = self.clock.now
        for s in list(self.model.values()):
            run = s.run
            if run is not None and run.asked and run.deadline is not None and run.deadline <= now:
                run.asked = None
                pausing = run.on_expiry is OnExpiry.PAUSE
                if run.status == "waiting":
                    run.status = "paused" if pausing else "queued"
                if pausing and s.status == "active":
                    s.status, s.expires_at = "suspended", None
            busy = s.open_run is not None and s.open_run.status != "paused"
            if s.status in ("active", "suspended") and not busy:
                self.warn(s)
            due = s.expires_at is not None and s.expires_at <= now
            if s.status in ("active", "suspended") and due and not busy:
                s.status, s.expires_at = "expired", now
            elif (
                s.status == "expired" and s.expires_at is not None and s.expires_at <= now - timedelta(days=7)
            ):
                s.status = "archived"
            elif (
                s.status == "deleted"
                and s.deleted_at is not None
                and s.deleted_at <= now - timedelta(days=90)
            ):
                del self.model[s.id]

    def warn(self, s: SessionModel) -> None:
        now, notice = self.clock.now, timedelta(hours=1)
        if s.expires_at is None or s.expires_at > now + notice:
            return
        if s.warned_at is None or s.warned_at < s.expires_at - notice:
            s.warned_at = now
            s.expires_at = s.expires_at if s.expires_at > now else now + notice

    @rule()
    def crash(self) -> None:
        self.store.close()
        self.open()

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        def look(tx: Tx) -> None:
            count = tx.db.exec_driver_sql("SELECT count(*) FROM pd_sessions").scalar_one()
            assert count == len(self.model)
            for s in self.model.values():
                stored = sessions.get_session(tx, s.id)
                assert stored.status == s.status
                assert stored.version >= s.version
                s.version = stored.version
                if s.status in ("active", "suspended", "expired"):
                    assert stored.expires_at == s.expires_at
                log = events.list_events(tx, s.id, limit=100_000)
                assert [e.seq for e in log] == list(range(1, stored.last_seq + 1))
                assert sum(e.type == "step_completed" for e in log) == s.steps
                open_run = runs.find_open_run(tx, s.id)
                assert (open_run.id if open_run else None) == (s.open_run.id if s.open_run else None)
                for run in (*s.past, *([s.run] if s.run else [])):
                    now = runs.get_run(tx, run.id)
                    assert (now.status, now.attempt) == (run.status, run.attempt)

        self.store.write_now(look)

    @invariant()
    def the_inbox_holds_what_is_asked(self) -> None:
        waiting, total = self.do(self.services.approvals.list(OWNER, limit=100))
        expected = {
            s.run.asked for s in self.model.values() if s.run and s.run.asked and s.status != "deleted"
        }
        assert {a.id for a in waiting} == expected
        assert total == len(expected)


def test_random_programs_never_leave_the_design() -> None:
    run_state_machine_as_test(Sessions, settings=SMOKE)


@pytest.mark.soak
def test_long_random_programs_never_leave_the_design() -> None:
    run_state_machine_as_test(Sessions, settings=DEEP)
