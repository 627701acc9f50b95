"""Services with everything that leaves entries in the audit log, for the tests of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from perdure.core.access import Actor
from perdure.core.audit import AuditEntry
from perdure.core.missions import Mission
from perdure.core.runs import Run
from perdure.core.sessions import Session
from perdure.services.audit import AuditService
from perdure.services.credentials import Rights
from perdure.services.files import FileService
from perdure.services.forking import ForkService
from perdure.services.mission_assets import AssetCommands
from perdure.services.passwords import Passwords
from perdure.services.sign_in import SignInRules, SignInService
from perdure.services.tokens import AccessTokens, ServerKeys
from perdure.services.users import UserService
from perdure.store import audit, users
from tests import factories
from tests.factories import OWNER, Services

SECRET = "sk-do-not-write-this-down"
BY = replace(OWNER, source="10.0.0.7 tester")
ADMIN = replace(BY, is_admin=True)
HOPS = [{"name": "read", "goal": "g", "outputs": ["facts"]}, {"name": "write", "goal": "g"}]


class World:
    """Services, and the parts that need a folder."""

    def __init__(self, services: Services, folder: Path) -> None:
        self.services = services
        self.files = FileService(services.store, folder)
        self.assets = AssetCommands(services.store, self.files)
        self.forks = ForkService(services.store, services.modes, services.engine, services.limits, self.files)
        self.audit = AuditService(services.store)
        rights, passwords, tokens = Rights(), Passwords(), AccessTokens(ServerKeys(services.store))
        self.users = UserService(services.store, passwords, rights)
        self.sign_in = SignInService(services.store, passwords, tokens, rights, SignInRules())

    async def entries(self) -> list[AuditEntry]:
        """Everything in the log, oldest first."""
        found, total = await self.services.store.read(lambda tx: audit.list_entries(tx, limit=1000))
        assert len(found) == total
        return found[::-1]

    async def session(self, status: str = "active") -> Session:
        """A session that has come to be in that status."""
        session = await self.services.session(config={})
        for command in {"suspended": ("suspend",), "deleted": ("delete",)}.get(status, ()):
            await getattr(self.services.sessions, command)(OWNER, session.id)
        return session

    async def running(self) -> tuple[Session, Run]:
        """A session with a run that is executed."""
        return await self.services.running()

    async def failed(self) -> Run:
        """A run that has failed."""
        _, run = await self.services.running()
        await self.services.progress.fail(run, {"message": "no"}, None)
        return run

    async def paused(self) -> Run:
        """A paused run of a session that is active."""
        session = await self.services.session()
        started = await self.services.runs.start(OWNER, session.id, "t")
        assert started.run is not None
        await self.services.sessions.suspend(OWNER, session.id)
        return started.run

    async def asked(self) -> str:
        """A question that waits."""
        _, run = await self.services.running()
        question = factories.approval(run.session_id, run.id, options=["approve", "reject"])
        return (await self.services.progress.ask(run, question)).id

    async def queued(self) -> tuple[str, str]:
        """A session and an input that waits in it."""
        session, _ = await self.services.running()
        item = await self.services.queue.add(OWNER, session.id, "later")
        return session.id, item["id"]

    async def mission(self, *commands: str) -> Mission:
        """A mission with two hops, linked to a session."""
        session = await self.services.session()
        made = await self.services.mission_commands.create(OWNER, goal="g", hops=HOPS, session_id=session.id)
        for command in commands:
            await getattr(self.services.mission_commands, command)(OWNER, made.mission.id)
        return made.mission


async def address(services: Services, person: Actor) -> str:
    """Give somebody an e-mail address, by which a session is shared with them."""
    email = f"{person.name}@example.org"
    await services.store.write(lambda tx: users.update_user(tx, person.user_id, email=email))
    return email
