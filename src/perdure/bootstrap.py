"""The one wiring point: settings in, a running Perdure out."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from perdure import __version__
from perdure.agents.config_check import check_config
from perdure.agents.documents.limits import DocumentLimits
from perdure.agents.documents.worker import DocumentReaders
from perdure.agents.models import MissingModelKey, ModelCatalog, ProviderNotInstalled, default_model
from perdure.agents.papers.library import PaperLibrary
from perdure.agents.papers.site import Site
from perdure.agents.prices import price_table
from perdure.agents.roles import ROLES
from perdure.agents.sandbox.limits import SandboxLimits
from perdure.agents.sandbox.sandbox import Isolation, Sandbox
from perdure.agents.tools.documents import DocumentTools
from perdure.agents.tools.mcp import McpServers
from perdure.agents.tools.papers import PaperTools
from perdure.agents.tools.standard import standard_tools
from perdure.agents.web.guard import OutgoingGuard
from perdure.config import Settings
from perdure.core.acting import SERVER, acting_as
from perdure.engine.runtime import EngineRuntime
from perdure.errors import InvalidInput, PerdureError, StartupError
from perdure.ids import new_id
from perdure.live.bus import Bus, MemoryBus
from perdure.live.deltas import Deltas
from perdure.live.hub import Hub
from perdure.modes.registry import ModeRegistry
from perdure.redaction import guard_logs, passwords_in, redactor, secrets_of_environment
from perdure.services.api_keys import ApiKeyService
from perdure.services.approvals import ApprovalService
from perdure.services.audit import AuditService
from perdure.services.comparing import ComparisonService
from perdure.services.connections import ConnectionService
from perdure.services.costs import CostService
from perdure.services.credentials import Credentials, Rights
from perdure.services.files import FileService
from perdure.services.forking import ForkService
from perdure.services.grants import GrantService
from perdure.services.history import HistoryService
from perdure.services.idempotency import IdempotencyService
from perdure.services.identities import IdentityService
from perdure.services.mission_assets import AssetCommands
from perdure.services.mission_commands import MissionCommands
from perdure.services.mission_hops import HopCommands
from perdure.services.missions import MissionService
from perdure.services.passwords import Passwords
from perdure.services.ports import Limits, NoEngine, RunEngine
from perdure.services.presence import PresenceService
from perdure.services.progress import RunProgress
from perdure.services.queue import QueueService
from perdure.services.runs import RunService
from perdure.services.secrets import SecretService
from perdure.services.sessions import SessionService
from perdure.services.share_links import ShareLinkService
from perdure.services.shares import ShareService
from perdure.services.sign_in import SignInRules, SignInService
from perdure.services.stats import StatsService
from perdure.services.sweeps import SweepService
from perdure.services.tickets import TicketService
from perdure.services.tokens import AccessTokens, ServerKeys
from perdure.services.users import NO_ADMIN, UserService
from perdure.services.watching import WatchService
from perdure.store.shares import people_of
from perdure.store.store import Store
from perdure.store.transaction import ListHint

log = logging.getLogger("perdure")


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """Somebody else who can say who a person is."""

    id: str
    label: str


@dataclass
class Perdure:
    """Everything a server or a library needs, wired together. Start it before use, stop it after."""

    settings: Settings
    server_id: str
    data_dir: Path
    store: Store
    modes: ModeRegistry
    catalog: ModelCatalog
    default_model: str
    bus: Bus
    deltas: Deltas
    hub: Hub
    sessions: SessionService
    runs: RunService
    history: HistoryService
    approvals: ApprovalService
    missions: MissionService
    mission_commands: MissionCommands
    hops: HopCommands
    assets: AssetCommands
    costs: CostService
    files: FileService
    forks: ForkService
    comparisons: ComparisonService
    queue: QueueService
    grants: GrantService
    connections: ConnectionService
    presence: PresenceService
    shares: ShareService
    share_links: ShareLinkService
    sweeps: SweepService
    stats: StatsService
    idempotency: IdempotencyService
    secrets: SecretService
    audit: AuditService
    users: UserService
    sign_in: SignInService
    identities: IdentityService
    api_keys: ApiKeyService
    tickets: TicketService
    credentials: Credentials
    rights: Rights
    watching: WatchService
    engine: EngineRuntime | None
    documents: DocumentReaders
    sandbox: Sandbox
    identity_providers: list[IdentityProvider] = field(default_factory=list["IdentityProvider"])
    _temporary: Path | None = None
    _started: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    async def start(self) -> None:
        """Open the store, start the engine, the sweeps and the loading of the model. Started, it does nothing.

        Raises:
            StartupError: saying which setting to change; nothing is left running then.
        """
        if self._started:
            return
        await asyncio.to_thread(self.store.open)
        self._started = True
        if self.settings.auth == "password" and not await self.users.has_admin():
            log.warning("%s", NO_ADMIN)
        if self.engine is None:
            return
        try:
            await asyncio.to_thread(self.sandbox.detect)
            if self.sandbox.isolation is Isolation.LIMITS_ONLY:
                log.warning("%s", self.sandbox.state()["says"])
            await self.engine.start()
        except BaseException:
            self._started = False
            self.store.close()
            raise
        self._tasks.append(asyncio.create_task(self._sweep()))
        self.catalog.warm(self.default_model)

    async def stop(self) -> None:
        """Let calls in flight end, then close everything. A second call does nothing."""
        self._started = False
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.engine is not None:
            await self.engine.stop()
        await asyncio.to_thread(self.documents.close)
        await self.catalog.aclose()
        await asyncio.to_thread(self.store.close)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def readiness(self) -> dict[str, Any]:
        """Return what `/ready` answers; the server is ready without waiting for the model."""
        storage = self.store.health()
        engine = self.engine.state() if self.engine is not None else {"ok": True, "kind": "none"}
        return {
            "ready": bool(storage["ok"] and engine["ok"]),
            "version": __version__,
            "server_id": self.server_id,
            "storage": {**storage, "ephemeral": self._temporary is not None or self.store.address.is_memory},
            "engine": engine,
            "model": {"name": self.default_model, **self.catalog.state().get(self.default_model, {})},
            "sandbox": self.sandbox.state(),
        }

    async def _sweep(self) -> None:
        while True:
            try:
                done = await self.sweeps.run_once()
                if any(done.values()):
                    log.info("sweep %s", {k: v for k, v in done.items() if v})
            except PerdureError as error:
                log.warning("sweep failed: %s", error)
            except Exception:  # whatever it is, the next sweep is due all the same
                log.exception("sweep failed")
            await asyncio.sleep(self.settings.cleanup_interval_seconds)


class _LateEngine:
    """Stands for the engine while the services that it needs are made."""

    def __init__(self) -> None:
        self.engine: RunEngine = NoEngine()

    async def enqueue(self, run_id: str) -> None:
        await self.engine.enqueue(run_id)

    async def abort(self, run_id: str) -> None:
        await self.engine.abort(run_id)

    async def repair(self) -> int:
        return await self.engine.repair()

    async def forget(self) -> int:
        return await self.engine.forget()


def build(settings: Settings, *, engine: bool = True, modes: ModeRegistry | None = None) -> Perdure:
    """Wire a Perdure; nothing is opened or started yet. Without `engine` it keeps sessions and runs nothing.

    Raises:
        StartupError: when the database address, a private host or a tool server cannot be used as it is set.
    """
    temporary = Path(tempfile.mkdtemp(prefix="perdure-")) if settings.ephemeral else None
    data_dir = temporary or settings.data_dir
    url = f"sqlite:///{data_dir / 'perdure.db'}" if temporary else settings.url
    secret = settings.secret_key.get_secret_value() if settings.secret_key else None
    store = Store(
        url,
        durability=settings.durability,
        secret_key=secret,
        key_file=None if url in ("sqlite://", "sqlite:///:memory:") else data_dir / "secret.key",
        row_security=settings.row_security == "on",
    )
    limits = Limits(
        session_ttl=settings.session_ttl,
        suspended_ttl=settings.suspended_ttl,
        archive_after=settings.archive_after,
        purge_after=settings.purge_after,
        approval_deadline=settings.approval_deadline,
        connection_stale_after=settings.connection_stale_after,
        max_text_bytes=settings.max_text_bytes,
    )
    guard = _guard(settings)
    files = None if settings.auth == "local" else {settings.model or default_model()}
    catalog = ModelCatalog(data_dir, model_file=settings.model_file, guard=guard, files=files)
    _check_model(catalog, settings.model or default_model())
    servers = McpServers(settings.mcp_servers)
    _mask(settings, servers)
    registry = modes or ModeRegistry(check=partial(check_config, catalog, servers.names))
    server_id = new_id()
    rights, passwords, tokens = Rights(), Passwords(), AccessTokens(ServerKeys(store))
    credentials = Credentials(store, tokens, rights)
    rules = SignInRules(
        settings.sign_in_ttl,
        settings.sign_in_idle_ttl,
        registration=settings.registration == "open",
        refresh_grace=settings.refresh_grace,
    )
    presence = PresenceService(store)
    late = _LateEngine()
    bus, deltas = MemoryBus(), Deltas()
    history = HistoryService(store)
    sessions = SessionService(store, registry, late, limits)
    runs = RunService(store, registry, late, limits, sessions)
    approvals = ApprovalService(store, late, limits)
    files = FileService(store, data_dir / "workspaces")
    papers = PaperLibrary(
        Site(settings.arxiv_api_base, settings.arxiv_pdf_base, settings.arxiv_contact),
        interval_s=settings.arxiv_interval_s,
    )
    documents = DocumentReaders(
        settings.document_processes, DocumentLimits(max_pages=settings.document_max_pages)
    )
    sandbox = make_sandbox(settings, hidden=data_dir)
    runtime = None
    if engine:
        runtime = EngineRuntime(
            store=store,
            progress=RunProgress(store, registry, limits, server_id),
            modes=registry,
            catalog=catalog,
            files=files,
            deltas=deltas,
            tools=standard_tools(
                sandbox,
                guard,
                more=[PaperTools(papers).group(), DocumentTools(documents).group()],
                servers=servers,
            ),
            default_model=settings.model or default_model(),
            server_id=server_id,
            data_dir=data_dir,
            max_parallel_runs=settings.max_parallel_runs,
            lease=settings.server_lease,
        )
        late.engine = runtime

    def committed(grown: set[str], hints: list[ListHint]) -> None:
        for session_id in grown:
            bus.publish(session_id)
        for hint in hints:
            told = {"type": hint.type, "session_id": hint.session_id}
            bus.publish_list(hint.owner_id, told, personal=hint.personal)

    store.on_commit(committed)

    async def fetch(session_id: str, after: int, limit: int) -> list[tuple[int, bytes]]:
        with acting_as(SERVER):  # one feed for all readers; each was let in before
            return await history.frames(None, session_id, after, limit)

    async def head(session_id: str) -> tuple[int, int]:
        with acting_as(SERVER):
            return await history.head(session_id)

    async def audience(session_ids: Sequence[str]) -> dict[str, set[str]]:
        with acting_as(SERVER):
            return await store.read(lambda tx: people_of(tx, session_ids))

    return Perdure(
        settings=settings,
        server_id=server_id,
        data_dir=data_dir,
        store=store,
        modes=registry,
        catalog=catalog,
        default_model=settings.model or default_model(),
        bus=bus,
        deltas=deltas,
        hub=Hub(bus, deltas, fetch, head, audience),
        sessions=sessions,
        runs=runs,
        history=history,
        approvals=approvals,
        missions=MissionService(store),
        mission_commands=MissionCommands(store, late, ROLES),
        hops=HopCommands(store, ROLES),
        assets=AssetCommands(store, files),
        costs=CostService(store, price_table()),
        files=files,
        forks=ForkService(store, registry, late, limits, files),
        comparisons=ComparisonService(store),
        queue=QueueService(store, registry, limits, runs),
        grants=GrantService(store),
        connections=ConnectionService(store, server_id, presence.changed),
        presence=presence,
        shares=ShareService(store, rights.changed),
        share_links=ShareLinkService(store, rights.changed),
        sweeps=SweepService(store, approvals, runs, late, limits, files),
        stats=StatsService(store),
        idempotency=IdempotencyService(store),
        secrets=SecretService(store),
        audit=AuditService(store),
        users=UserService(store, passwords, rights),
        sign_in=SignInService(store, passwords, tokens, rights, rules),
        identities=IdentityService(store, registration=rules.registration),
        identity_providers=[
            IdentityProvider(each, provider.label or each)
            for each, provider in settings.oidc_providers.items()
        ],
        api_keys=ApiKeyService(store, rights),
        tickets=TicketService(store, credentials),
        credentials=credentials,
        rights=rights,
        watching=WatchService(store),
        engine=runtime,
        documents=documents,
        sandbox=sandbox,
        _temporary=temporary,
    )


def make_sandbox(settings: Settings, *, hidden: Path) -> Sandbox:
    """Make the sandbox as set; programs never see the `hidden` folder, where they can be kept from it."""
    limits = SandboxLimits(
        time_s=settings.sandbox_time_limit.total_seconds(),
        memory_bytes=settings.sandbox_memory_bytes,
        output_bytes=settings.sandbox_output_bytes,
        processes=settings.sandbox_processes,
        disk_bytes=settings.sandbox_disk_bytes,
    )
    return Sandbox(limits, choice=settings.sandbox, hidden=[hidden])


def _mask(settings: Settings, servers: McpServers) -> None:
    """Keep the secrets of settings and environment out of log lines, events and errors."""
    guard_logs()
    keys = settings.secret_key.get_secret_value() if settings.secret_key else ""
    own = [part.rpartition(":")[2].strip() for part in keys.split(",")]
    for provider in settings.oidc_providers.values():
        own += [provider.client_secret.get_secret_value()] if provider.client_secret else []
    for address in (settings.url, settings.redis_url.get_secret_value() if settings.redis_url else ""):
        own += passwords_in(address)
    redactor.remember_always([*secrets_of_environment(), *servers.values, *own])


def _check_model(catalog: ModelCatalog, name: str) -> None:
    try:
        catalog.check_name(name)
    except (MissingModelKey, ProviderNotInstalled):  # told when it is used: sessions may name other models
        return
    except InvalidInput as error:
        raise StartupError(f"PERDURE_MODEL or --model: {error.message}", setting="PERDURE_MODEL") from error


def _guard(settings: Settings) -> OutgoingGuard:
    try:
        return OutgoingGuard(settings.allowed_private_hosts)
    except InvalidInput as error:
        raise StartupError(f"PERDURE_ALLOWED_PRIVATE_HOSTS: {error.message}") from error
