"""Values that tests need, each in one line, and the seams of the services filled in by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from perdure.core.access import Actor
from perdure.core.approvals import Approval, ApprovalType
from perdure.core.costs import CostRecord
from perdure.core.events import AgentMessage, Console, NewEvent
from perdure.core.messages import text_parts
from perdure.core.runs import Run, RunStatus
from perdure.core.sessions import Session, SessionStatus
from perdure.ids import new_id
from perdure.modes.contract import Mode, ModeConfig, ModeSpec, RunContext
from perdure.modes.registry import ModeRegistry
from perdure.services.approvals import ApprovalService
from perdure.services.connections import ConnectionService
from perdure.services.costs import CostService
from perdure.services.history import HistoryService
from perdure.services.idempotency import IdempotencyService
from perdure.services.mission_commands import MissionCommands
from perdure.services.mission_hops import HopCommands
from perdure.services.missions import MissionService
from perdure.services.ports import Limits
from perdure.services.progress import RunProgress
from perdure.services.queue import QueueService
from perdure.services.runs import RunService
from perdure.services.sessions import SessionService
from perdure.services.stats import StatsService
from perdure.services.sweeps import SweepService
from perdure.store import operations, sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

OWNER = Actor(user_id="00000000-0000-7000-8000-00000000000a", name="owner")
STRANGER = Actor(user_id="00000000-0000-7000-8000-00000000000b", name="stranger")
VIEWER = Actor(user_id="00000000-0000-7000-8000-00000000000c", name="viewer")
OpenStore = Callable[..., Store]
AGENTS = ("engineer", "researcher")
PEOPLE = (OWNER, STRANGER, VIEWER)


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        """Go on by the given days, hours, minutes or seconds."""
        self.now += timedelta(**by)


class RecordingEngine:
    """An engine that executes nothing and remembers what it was told."""

    def __init__(self) -> None:
        self.enqueued: list[str] = []
        self.aborted: list[str] = []

    async def enqueue(self, run_id: str) -> None:
        self.enqueued.append(run_id)

    async def abort(self, run_id: str) -> None:
        self.aborted.append(run_id)

    async def repair(self) -> int:
        return 0

    async def forget(self) -> int:
        return 0


class _Mode(Mode):
    spec: ClassVar[ModeSpec]

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        raise NotImplementedError


def _spec(mode: str, *, resumable: bool, stays: bool) -> ModeSpec:
    return ModeSpec(mode, mode, mode, "dot", resumable, True, ModeConfig, stays)


class TaskMode(_Mode):
    """Does one task and can go on from a step."""

    spec = _spec("task", resumable=True, stays=False)


class BriefMode(_Mode):
    """Does one task and cannot go on from a step."""

    spec = _spec("brief", resumable=False, stays=False)


class TalkMode(_Mode):
    """Waits for the next turn."""

    spec = _spec("talk", resumable=True, stays=True)


@dataclass
class Services:
    """Every service on one store."""

    store: Store
    limits: Limits = field(default_factory=Limits)
    engine: RecordingEngine = field(default_factory=RecordingEngine)
    worker: str = "worker-1"

    def __post_init__(self) -> None:
        modes: dict[str, type[Mode]] = {"t": TaskMode, "b": BriefMode, "c": TalkMode}
        self.modes = ModeRegistry(modes)
        self.sessions = SessionService(self.store, self.modes, self.engine, self.limits)
        self.runs = RunService(self.store, self.modes, self.engine, self.limits, self.sessions)
        self.approvals = ApprovalService(self.store, self.engine, self.limits)
        self.history = HistoryService(self.store)
        self.queue = QueueService(self.store, self.modes, self.limits, self.runs)
        self.costs = CostService(self.store, "prices 8")
        self.missions = MissionService(self.store)
        self.mission_commands = MissionCommands(self.store, self.engine, AGENTS)
        self.hops = HopCommands(self.store, AGENTS)
        self.stats = StatsService(self.store)
        self.connections = ConnectionService(self.store, "server-1")
        self.idempotency = IdempotencyService(self.store)
        self.sweeps = SweepService(self.store, self.approvals, self.runs, self.engine, self.limits)
        self.progress = RunProgress(self.store, self.modes, self.limits, self.worker)
        self.store.write_now(add_people)

    async def session(self, mode: str = "task", **values: Any) -> Session:
        """Create a session of the owner."""
        return await self.sessions.create(OWNER, mode=mode, **values)

    async def running(self, mode: str = "task", **values: Any) -> tuple[Session, Run]:
        """Create a session whose run a worker has begun."""
        session = await self.session(mode, **values)
        started = await self.runs.start(OWNER, session.id, "Write a report")
        assert started.run is not None
        return session, await self.progress.begin(started.run.id)

    async def status(self, session_id: str) -> str:
        """Return the session's status, deleted ones included."""
        return str((await self.store.read(lambda tx: sessions.get_session(tx, session_id))).status)

    async def types(self, session_id: str) -> list[str]:
        """Return the types of the session's events, in order."""
        return [e.type for e in await self.history.events(OWNER, session_id, limit=1000)]


def add_people(tx: Tx) -> None:
    """Make rows for everybody whom tests name."""
    for person in PEOPLE:
        operations.ensure_user(tx, person.user_id, person.name)


def session(**values: Any) -> Session:
    """An active session of the owner that expires in a day."""
    given: dict[str, Any] = {
        "id": new_id(),
        "owner_id": OWNER.user_id,
        "name": "A session",
        "mode": "task",
        "status": SessionStatus.ACTIVE,
        "created_at": START,
        "updated_at": START,
        "last_active_at": START,
        "expires_at": START + timedelta(hours=24),
    }
    return Session(**{**given, **values})


def run(session_id: str, **values: Any) -> Run:
    """A queued run."""
    given: dict[str, Any] = {
        "id": new_id(),
        "session_id": session_id,
        "task": "Write a report",
        "mode": "task",
        "status": RunStatus.QUEUED,
        "created_at": START,
    }
    return Run(**{**given, **values})


def approval(session_id: str, run_id: str, **values: Any) -> Approval:
    """A pending question about a plan."""
    given: dict[str, Any] = {
        "id": new_id(),
        "session_id": session_id,
        "run_id": run_id,
        "key": "plan",
        "request_type": ApprovalType.PLAN,
        "title": "Accept the plan?",
        "created_at": START,
    }
    return Approval(**{**given, **values})


def call(run_: Run, call_id: str, **values: Any) -> CostRecord:
    """A model call of 100 tokens in, 10 out, for 250 micro-dollars."""
    given: dict[str, Any] = {
        "id": new_id(),
        "call_id": call_id,
        "session_id": run_.session_id,
        "run_id": run_.id,
        "model": "m",
        "input_tokens": 100,
        "output_tokens": 10,
        "cost_usd_micros": 250,
        "created_at": START,
    }
    return CostRecord(**{**given, **values})


def line(text: str, dedupe: str | None = None) -> NewEvent:
    """A console event of one line."""
    return NewEvent.of(Console(lines=[text]), dedupe=dedupe)


def message(text: str, role: str = "user", dedupe: str | None = None) -> NewEvent:
    """An entry of the conversation."""
    data = AgentMessage(message_id=new_id(), position=0, role=role, content=text, parts=text_parts(text))
    return NewEvent.of(data, dedupe=dedupe)
