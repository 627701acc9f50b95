"""`perdure sessions`: find sessions and move them through their life."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from perdure.cli import output
from perdure.cli.live import line_of
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, SessionId, connect
from perdure.client.models import CommandResult, Event, Session, SessionDetail

app = typer.Typer(help="Find sessions and move them through their life.", no_args_is_help=True)

_LIST_LIMIT = 200
_PAST_ALL = 2**53


@app.command("list")
def list_(
    status: Annotated[list[str] | None, typer.Option(help="Only with this status; may be repeated.")] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="Only what needs_you, is running, ready, paused, failed, done …; may be repeated."),
    ] = None,
    mode: Annotated[str | None, typer.Option(help="Only of this mode.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only with this tag.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_LIST_LIMIT)] = 20,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List sessions, the last active first."""
    _list(server, as_json, limit, status=status, group=group, mode=mode, tag=tag)


@app.command()
def search(
    words: Annotated[str, typer.Argument(help="Words in the name or the conversation.")],
    limit: Annotated[int, typer.Option(min=1, max=_LIST_LIMIT)] = 20,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Search names and conversations."""
    _list(server, as_json, limit, q=words)


@app.command()
def show(session: SessionId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Show one session with its steps and what it waits for."""
    with connect(server) as client:
        detail = client.sessions.get(session)
        if as_json:
            output.print_json(detail)
            return
        steps = client.sessions.steps(session).steps
    _describe(detail)
    for step in steps:
        output.line(f"  {step.status:<10} {step.name}" + (f": {step.summary}" if step.summary else ""))


@app.command()
def messages(
    session: SessionId,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many of the newest.")] = 50,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Print the conversation."""
    with connect(server) as client:
        page = client.sessions.history(session, limit=limit)
    if as_json:
        output.print_json(page)
        return
    if page.has_more:
        output.note(f"The newest {len(page.messages)} of {page.total_messages} messages:")
    for message in page.messages:
        speaker = message.agent or (message.author.name if message.author else message.role)
        output.line(f"{speaker}: {message.content}\n")


@app.command()
def events(
    session: SessionId,
    search: Annotated[str | None, typer.Option(help="Only what says this, in the whole log.")] = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="Only of this type; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest.")] = 50,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Print the newest part of the log, or what a search finds in all of it."""
    found: list[Event] = []
    before: int | None = _PAST_ALL
    with connect(server) as client:
        while before is not None and len(found) < limit:
            page = client.sessions.events(
                session, before=before, limit=limit - len(found), type=type_, search=search
            )
            found = [*page.events, *found]
            before = page.next_before if page.has_more else None
    if as_json:
        for event in found:
            output.print_json_line(event)
        return
    for event in found:
        at = event.timestamp and f"{event.timestamp:%Y-%m-%d %H:%M:%S}"
        said = " ".join((line_of(event) or (json.dumps(event.data, ensure_ascii=False), ""))[0].split())
        output.line(f"{event.seq:>6}  {at}  {event.type:<18} {said}")
    if before is not None:
        output.note(f"The newest {len(found)}; --limit shows more.")
    elif not found:
        output.note("No event says that." if search else "There is no such event.")


@app.command()
def suspend(
    session: SessionId,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for the step in flight.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for others.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Suspend a session; its run stops at the next step boundary."""
    with connect(server) as client:
        _done(client.sessions.suspend(session, when="now" if now else "boundary", reason=reason), as_json)


@app.command()
def resume(
    session: SessionId,
    context: Annotated[
        str | None, typer.Option(help="Something to tell the agent before it goes on.")
    ] = None,
    from_step: Annotated[str | None, typer.Option(help="Step to go on from.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Resume a session; its run goes on from the last finished step."""
    with connect(server) as client:
        _done(client.sessions.resume(session, additional_context=context, from_step=from_step), as_json)


@app.command()
def complete(session: SessionId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Mark a session as completed."""
    with connect(server) as client:
        _done(client.sessions.complete(session), as_json)


@app.command()
def archive(session: SessionId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Put a session away."""
    with connect(server) as client:
        _done(client.sessions.archive(session), as_json)


@app.command()
def restore(session: SessionId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Bring an archived or deleted session back."""
    with connect(server) as client:
        _done(client.sessions.restore(session), as_json)


@app.command()
def fork(
    session: SessionId,
    from_seq: Annotated[int | None, typer.Option(help="Share the log up to this sequence number.")] = None,
    from_step: Annotated[str | None, typer.Option(help="Share what was before this step began.")] = None,
    text: Annotated[
        str | None, typer.Option("--input", help="Another task for the run that goes on.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Another model.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new session.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Make a new session with this one's past; a run in which the point lies goes on there."""
    config = {"model": model} if model else None
    with connect(server) as client:
        forked = client.sessions.fork(
            session, from_seq=from_seq, from_step=from_step, name=name, input=text, config=config
        )
    output.forked(forked, as_json)


@app.command()
def grants(
    session: SessionId,
    revoke: Annotated[
        str | None, typer.Option(help="Category to take back: code, shell, network, or all.")
    ] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List what was allowed for the rest of a session, or take it back."""
    with connect(server) as client:
        if revoke is None:
            found = client.sessions.grants(session)
        else:
            found = client.sessions.revoke_grant(session, None if revoke == "all" else revoke)
    if as_json:
        output.print_json(found)
    elif found.grants:
        for category in found.grants:
            output.line(category)
    else:
        output.note("Nothing is allowed for the whole session.")


@app.command()
def delete(
    session: SessionId,
    purge: Annotated[bool, typer.Option("--purge", help="For good: it cannot be restored.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Delete a session; it can be restored until it is purged."""
    if purge and not yes:
        typer.confirm(f"Remove session {session} and all its files for good?", abort=True, err=True)
    with connect(server) as client:
        _done(client.sessions.delete(session, purge=purge), as_json)


def _list(
    server: str,
    as_json: bool,
    limit: int,
    *,
    status: list[str] | None = None,
    group: list[str] | None = None,
    mode: str | None = None,
    tag: str | None = None,
    q: str | None = None,
) -> None:
    with connect(server) as client:
        page = client.sessions.list(status=status, group=group, mode=mode, tag=tag, q=q, limit=limit)
    if as_json:
        output.print_json(page)
        return
    columns = ("SESSION", "STATUS", "RUN", "STEPS", "MODE", "MESSAGES", "COST", "ACTIVE", "NAME")
    output.table(columns, [_row(s) for s in page.sessions], numbers=("STEPS", "MESSAGES", "COST"))
    if page.total > len(page.sessions):
        output.note(f"{len(page.sessions)} of {page.total}; --limit shows more.")


def _row(session: Session) -> tuple[str | None, ...]:
    return (
        session.session_id,
        session.status,
        session.run_status,
        f"{session.plan_steps_done}/{session.plan_steps}" if session.plan_steps else None,
        session.mode,
        str(session.message_count),
        output.money(session.cost_usd, session.unpriced_calls),
        output.ago(session.last_active_at),
        session.name,
    )


def _describe(detail: SessionDetail) -> None:
    fields = {
        "session": detail.session_id,
        "name": detail.name,
        "status": detail.status,
        "mode": detail.mode,
        "run": detail.current_run and f"{detail.current_run.run_id} ({detail.current_run.status})",
        "phase": detail.current_phase,
        "messages": str(detail.message_count),
        "cost": output.money(detail.cost_usd, detail.unpriced_calls),
        "tags": ", ".join(detail.tags),
        "created": detail.created_at and f"{detail.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "active": output.ago(detail.last_active_at),
        "waits for": ", ".join(f"{a.title} ({a.approval_id})" for a in detail.approvals),
    }
    for key, value in fields.items():
        if value:
            output.line(f"{key:<10} {value}")


def _done(result: CommandResult, as_json: bool) -> None:
    if as_json:
        output.print_json(result)
    else:
        output.line(f"{result.session_id} {result.status}")
        if result.run_id:
            output.note(f"Its run goes on; see it with: perdure attach {result.session_id}")
