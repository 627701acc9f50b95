"""How every service method that changes something is called so that it succeeds, and what the audit log says then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from perdure.core.access import Scope
from perdure.core.hops import HopCommand
from perdure.core.people import UserRole
from perdure.core.tools import ToolCategory
from perdure.services import grants
from perdure.services.api_keys import ApiKeyService
from perdure.services.credentials import Rights
from perdure.services.fork_making import Wish
from perdure.services.grants import GrantService
from perdure.services.secrets import SecretService
from perdure.services.share_links import ShareLinkService
from perdure.services.shares import ShareService
from tests.factories import OWNER, STRANGER
from tests.unit.services.audit_world import ADMIN, BY, HOPS, SECRET, World, address

Prepare = Callable[[World], Coroutine[Any, Any, Awaitable[object]]]
CASES: dict[tuple[str, str], tuple[Prepare, list[str]]] = {}


def case(service: str, method: str, *actions: str) -> Callable[[Prepare], Prepare]:
    """Note how a method is called so that it succeeds, and what the audit log has to say then."""

    def note(prepare: Prepare) -> Prepare:
        CASES[service, method] = (prepare, list(actions))
        return prepare

    return note


def of_session(method: str, status: str = "active", *arguments: Any, **options: Any) -> None:
    async def prepare(w: World) -> Awaitable[object]:
        session = await w.session(status)
        return getattr(w.services.sessions, method)(BY, session.id, *arguments, **options)

    case("SessionService", method, f"session.{method}")(prepare)


of_session("update", patch={"metadata": {"key": SECRET}, "name": SECRET})
of_session("save_state", messages=[{"role": "user", "content": SECRET}], context_variables={"k": SECRET})
of_session("suspend", "active", "boundary", SECRET)
of_session("resume", "suspended", SECRET)
of_session("complete")
of_session("archive", "suspended")
of_session("restore", "deleted")
of_session("delete")
of_session("purge", "deleted")
of_session("load")


@case("SessionService", "create", "session.create")
async def _create(w: World) -> Awaitable[object]:
    return w.services.sessions.create(BY, mode="task", name=SECRET, metadata={"token": SECRET})


@case("RunService", "start", "run.start")
async def _start(w: World) -> Awaitable[object]:
    return w.services.runs.start(BY, (await w.session()).id, SECRET)


@case("RunService", "submit", "session.create", "run.start")
async def _submit(w: World) -> Awaitable[object]:
    return w.services.runs.submit(BY, SECRET, {"mode": "task"})


@case("RunService", "pause", "session.suspend")
async def _pause(w: World) -> Awaitable[object]:
    return w.services.runs.pause(BY, (await w.running())[1].id)


@case("RunService", "resume", "session.resume")
async def _resume(w: World) -> Awaitable[object]:
    return w.services.runs.resume(BY, (await w.paused()).id, SECRET)


@case("RunService", "cancel", "run.cancel")
async def _cancel(w: World) -> Awaitable[object]:
    return w.services.runs.cancel(BY, (await w.running())[1].id)


@case("RunService", "retry", "run.retry")
async def _retry(w: World) -> Awaitable[object]:
    return w.services.runs.retry(BY, (await w.failed()).id)


@case("RunService", "steer", "run.steer")
async def _steer(w: World) -> Awaitable[object]:
    return w.services.runs.steer(BY, (await w.running())[0].id, SECRET)


@case("ApprovalService", "answer", "approval.answer")
async def _answer(w: World) -> Awaitable[object]:
    return w.services.approvals.answer(BY, await w.asked(), resolution="reject", feedback=SECRET)


@case("QueueService", "add", "queue.add")
async def _queue_add(w: World) -> Awaitable[object]:
    return w.services.queue.add(BY, (await w.running())[0].id, SECRET)


@case("QueueService", "update", "queue.update")
async def _queue_update(w: World) -> Awaitable[object]:
    return w.services.queue.update(BY, *(await w.queued()), content=SECRET)


@case("QueueService", "remove", "queue.remove")
async def _queue_remove(w: World) -> Awaitable[object]:
    return w.services.queue.remove(BY, *(await w.queued()))


@case("QueueService", "reorder", "queue.reorder")
async def _queue_reorder(w: World) -> Awaitable[object]:
    session_id, item_id = await w.queued()
    return w.services.queue.reorder(BY, session_id, [item_id])


@case("GrantService", "revoke", "grant.revoke")
async def _grant_revoke(w: World) -> Awaitable[object]:
    session = await w.session()
    await w.services.store.write(lambda tx: grants.add_in(tx, session.id, ToolCategory.SHELL))
    return GrantService(w.services.store).revoke(BY, session.id, ToolCategory.SHELL)


@case("HistoryService", "add", "message.add")
async def _message(w: World) -> Awaitable[object]:
    return w.services.history.add(BY, (await w.session()).id, [{"role": "user", "content": SECRET}])


@case("HistoryService", "clear", "history.clear")
async def _clear(w: World) -> Awaitable[object]:
    return w.services.history.clear(BY, (await w.session()).id)


@case("HistoryService", "export_console", "session.export")
async def _export_console(w: World) -> Awaitable[object]:
    return w.services.history.export_console(BY, (await w.session()).id)


@case("FileService", "archive", "session.export")
async def _archive(w: World) -> Awaitable[object]:
    return w.files.archive(BY, (await w.session()).id)


@case("FileService", "upload", "file.upload")
async def _upload(w: World) -> Awaitable[object]:
    async def chunks() -> AsyncIterator[bytes]:
        yield SECRET.encode()

    return w.files.upload(BY, (await w.session()).id, "notes/a.md", chunks(), 1000)


@case("ForkService", "fork", "session.fork", "session.create")
async def _fork(w: World) -> Awaitable[object]:
    return w.forks.fork(BY, (await w.session()).id, wish=Wish(name=SECRET, input=SECRET))


@case("ForkService", "fork_run", "session.fork", "session.create")
async def _fork_run(w: World) -> Awaitable[object]:
    return w.forks.fork_run(BY, (await w.failed()).id)


@case("MissionCommands", "create", "mission.create")
async def _mission(w: World) -> Awaitable[object]:
    return w.services.mission_commands.create(BY, goal=SECRET, hops=HOPS)


@case("MissionCommands", "link", "mission.link")
async def _link(w: World) -> Awaitable[object]:
    made = await w.services.mission_commands.create(OWNER, goal="g")
    return w.services.mission_commands.link(BY, (await w.session()).id, made.mission.id)


def of_mission(method: str, *before: str, **arguments: Any) -> None:
    async def prepare(w: World) -> Awaitable[object]:
        mission = await w.mission(*before)
        return getattr(w.services.mission_commands, method)(BY, mission.id, **arguments)

    case("MissionCommands", method, f"mission.{method}")(prepare)


of_mission("update", patch={"name": SECRET})
of_mission("propose", "reject")
of_mission("accept")
of_mission("reject", feedback=SECRET)
of_mission("revise", feedback=SECRET)
of_mission("modify", hops=[{"goal": SECRET}])
of_mission("cancel")
of_mission("fail", "accept", reason=SECRET)
of_mission("complete", "accept")


@case("MissionCommands", "reorder", "mission.reorder")
async def _reorder(w: World) -> Awaitable[object]:
    mission = await w.mission()
    return w.services.mission_commands.reorder(BY, mission.id, [h.id for h in reversed(mission.hops)])


@case("HopCommands", "add", "hop.add")
async def _hop_add(w: World) -> Awaitable[object]:
    return w.services.hops.add(BY, (await w.mission()).id, {"goal": SECRET})


@case("HopCommands", "update", "hop.update")
async def _hop_update(w: World) -> Awaitable[object]:
    return w.services.hops.update(BY, (await w.mission()).hops[0].id, {"goal": SECRET})


@case("HopCommands", "remove", "hop.remove")
async def _hop_remove(w: World) -> Awaitable[object]:
    return w.services.hops.remove(BY, (await w.mission()).hops[1].id)


@case("HopCommands", "move", "hop.start")
async def _hop_move(w: World) -> Awaitable[object]:
    return w.services.hops.move(BY, (await w.mission("accept")).hops[0].id, HopCommand.START)


@case("HopCommands", "add_tool_step", "hop.add_tool_step")
async def _tool_step(w: World) -> Awaitable[object]:
    hop = (await w.mission()).hops[0]
    return w.services.hops.add_tool_step(BY, hop.id, tool="t", parameters={"key": SECRET})


@case("HopCommands", "reorder_tool_steps", "hop.reorder_tool_steps")
async def _tool_steps(w: World) -> Awaitable[object]:
    hop = (await w.mission()).hops[0]
    steps = [await w.services.hops.add_tool_step(OWNER, hop.id, tool="t") for _ in range(2)]
    return w.services.hops.reorder_tool_steps(BY, hop.id, [s.id for s in reversed(steps)])


@case("AssetCommands", "create", "asset.create")
async def _asset(w: World) -> Awaitable[object]:
    return w.assets.create(BY, mission_id=(await w.mission()).id, name="x", value=SECRET)


@case("AssetCommands", "update", "asset.update")
async def _asset_update(w: World) -> Awaitable[object]:
    asset = await w.assets.create(OWNER, mission_id=(await w.mission()).id, name="x", value=1)
    return w.assets.update(BY, asset.id, {"value": SECRET})


@case("ShareService", "create", "share.create")
async def _share(w: World) -> Awaitable[object]:
    email = await address(w.services, STRANGER)
    return ShareService(w.services.store).create(BY, (await w.session()).id, email=email, role="view")


async def _shared(w: World) -> str:
    session = await w.session()
    email = await address(w.services, STRANGER)
    await ShareService(w.services.store).create(OWNER, session.id, email=email, role="view")
    return session.id


@case("ShareService", "update", "share.update")
async def _share_update(w: World) -> Awaitable[object]:
    session_id = await _shared(w)
    return ShareService(w.services.store).update(BY, session_id, STRANGER.user_id, role="edit")


@case("ShareService", "delete", "share.delete")
async def _share_delete(w: World) -> Awaitable[object]:
    return ShareService(w.services.store).delete(BY, await _shared(w), STRANGER.user_id)


@case("ShareLinkService", "create", "share_link.create")
async def _link_create(w: World) -> Awaitable[object]:
    return ShareLinkService(w.services.store).create(BY, (await w.session()).id, role="view")


@case("ShareLinkService", "delete", "share_link.delete")
async def _link_delete(w: World) -> Awaitable[object]:
    links, session = ShareLinkService(w.services.store), await w.session()
    link, _ = await links.create(OWNER, session.id, role="view")
    return links.delete(BY, session.id, link.id)


@case("ShareLinkService", "accept", "share_link.accept")
async def _link_accept(w: World) -> Awaitable[object]:
    links = ShareLinkService(w.services.store)
    _, token = await links.create(
        STRANGER, (await w.services.sessions.create(STRANGER, mode="task")).id, role="view"
    )
    return links.accept(BY, token)


@case("SecretService", "put", "secret.put")
async def _secret(w: World) -> Awaitable[object]:
    return SecretService(w.services.store).put(BY, "work", SECRET)


@case("SecretService", "delete", "secret.delete")
async def _secret_delete(w: World) -> Awaitable[object]:
    secrets = SecretService(w.services.store)
    await secrets.put(OWNER, "work", SECRET)
    return secrets.delete(BY, "work")


@case("ApiKeyService", "create", "key.create")
async def _key(w: World) -> Awaitable[object]:
    return ApiKeyService(w.services.store, Rights()).create(BY, name=SECRET, scopes=[Scope.READ])


@case("ApiKeyService", "revoke", "key.revoke")
async def _key_revoke(w: World) -> Awaitable[object]:
    keys = ApiKeyService(w.services.store, Rights())
    return keys.revoke(BY, (await keys.create(OWNER, name="k", scopes=[Scope.READ])).key.id)


@case("SignInService", "logout", "sign-in.logout")
async def _logout(w: World) -> Awaitable[object]:
    opened = await w.sign_in.open_for(OWNER.user_id, "password")
    return w.sign_in.logout(replace(BY, credential_id=opened.sign_in_id))


@case("SignInService", "end", "sign-in.end")
async def _sign_in_end(w: World) -> Awaitable[object]:
    return w.sign_in.end(BY, (await w.sign_in.open_for(OWNER.user_id, "password")).sign_in_id)


@case("SignInService", "logout_everywhere", "sign-in.logout-everywhere")
async def _logout_everywhere(w: World) -> Awaitable[object]:
    await w.sign_in.open_for(OWNER.user_id, "password")
    return w.sign_in.logout_everywhere(BY)


@case("UserService", "create", "user.create")
async def _user(w: World) -> Awaitable[object]:
    return w.users.create(ADMIN, email=f"{SECRET}@example.org", name=SECRET, role=UserRole.MEMBER)


@case("UserService", "change", "user.update")
async def _user_change(w: World) -> Awaitable[object]:
    return w.users.change(ADMIN, STRANGER.user_id, name=SECRET)


@case("UserService", "sign_out", "user.sign-out")
async def _user_sign_out(w: World) -> Awaitable[object]:
    return w.users.sign_out(ADMIN, STRANGER.user_id)


@case("UserService", "change_me", "user.update")
async def _change_me(w: World) -> Awaitable[object]:
    return w.users.change_me(BY, name=SECRET)
