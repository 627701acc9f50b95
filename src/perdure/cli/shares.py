"""`perdure sessions share`, `unshare`, `shares`, `link` and `join`: sessions with others."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from perdure.cli import output
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, SessionId, address_of, connect
from perdure.errors import InvalidInput, NotFound

RoleOption = Annotated[str, typer.Option("--role", help="view, edit or admin.")]
Expires = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="In how long (12h, 7d, 4w) or when (2026-12-31, UTC) it ends."),
]
_ROLES = ("view", "edit", "admin")
_SPAN = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_COLUMNS = ("SHARE", "WITH", "ROLE", "EXPIRES", "SINCE")


def share(
    session: SessionId,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="With whom.")],
    role: Annotated[
        str | None, typer.Option("--role", help="view, edit or admin. Default: view, or what they have.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", help="In how long (12h, 7d, 4w) or when (2026-12-31, UTC) it ends, or `never`."
        ),
    ] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Share a session: `view` reads and watches, `edit` also sends and answers, `admin` also shares and deletes.

    Shared with them already, only what is named is changed.
    """
    ends = None if expires == "never" else _moment(expires)
    _check(role or "view")
    with connect(server) as client:
        found = next((s for s in client.shares.list(session).shares if _same(email, s.email)), None)
        if found is None:
            made = client.shares.create(session, role or "view", email=email, expires_at=ends)
        else:
            patch: dict[str, Any] = {} if role is None else {"role": role}
            if expires is not None:
                patch["expires_at"] = ends.isoformat() if ends else None
            made = client.shares.update(session, found.share_id, patch) if patch else found
    if as_json:
        output.print_json(made)
    else:
        output.line(f"{made.share_id} {made.email or made.name} {made.role} {_until(made.expires_at)}")


def unshare(
    session: SessionId,
    who: Annotated[str, typer.Argument(metavar="WHO", help="E-mail address, or id of a share or link.")],
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """End a share or revoke a link; your own share ends by leaving the session."""
    with connect(server) as client:
        shares = client.shares.list(session).shares
        found = next((s for s in shares if who in (s.share_id, s.user_id) or _same(who, s.email)), None)
        if found is not None:
            client.shares.delete(session, found.share_id)
        else:
            links = client.share_links.list(session).share_links
            if who not in {link.share_link_id for link in links}:
                raise NotFound(f"This session is not shared with {who}.")
            client.share_links.delete(session, who)
    if as_json:
        output.print_json({"session_id": session, "ended": found.share_id if found else who})
    else:
        output.line(f"{session} {'no longer shared with' if found else 'has no more the link'} {who}")


def shares(session: SessionId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """List with whom a session is shared, and its links."""
    with connect(server) as client:
        people = client.shares.list(session).shares
        links = client.share_links.list(session).share_links
    if as_json:
        output.print_json(
            {
                "shares": [share.model_dump(mode="json") for share in people],
                "share_links": [link.model_dump(mode="json", exclude={"token", "path"}) for link in links],
            }
        )
        return
    rows = [
        *(
            (s.share_id, s.email or s.name, s.role, _until(s.expires_at), output.ago(s.created_at))
            for s in people
        ),
        *(
            (s.share_link_id, "whoever has the link", s.role, _until(s.expires_at), output.ago(s.created_at))
            for s in links
        ),
    ]
    output.table(_COLUMNS, rows)


def link(
    session: SessionId,
    role: RoleOption = "view",
    expires: Expires = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Make a link that shares a session with whoever has it and signs in; good for a week unless told otherwise."""
    ends = _moment(expires)
    _check(role)
    with connect(server) as client:
        made = client.share_links.create(session, role, expires_at=ends)
    url = f"{address_of(server)}{made.path}"
    if as_json:
        output.print_json({**made.model_dump(mode="json"), "url": url})
        return
    output.note(f"Link {made.share_link_id} ({made.role}, {_until(made.expires_at)}), shown this once:")
    output.line(url)


def join(
    link: Annotated[str, typer.Argument(metavar="LINK", help="A link; `-` reads it from standard input.")],
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Use a link: its session is shared with you from now on."""
    text = typer.get_text_stream("stdin").readline().strip() if link == "-" else link.strip()
    with connect(server) as client:
        joined = client.share_links.accept(text.rpartition("#")[2])
    if as_json:
        output.print_json(joined)
    else:
        output.line(f"{joined.session_id} {joined.role} {_until(joined.expires_at)}")
        before = joined.replaced
        if before is not None:
            old = f"{before.role}, {_until(before.expires_at)}"
            output.note(f"This took the place of what you had ({old}), which does not come back.")


def _check(role: str) -> None:
    if role not in _ROLES:
        raise InvalidInput(f"A role is one of {', '.join(_ROLES)}; not {role!r}.", field="role")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    span = _SPAN.fullmatch(text.strip().lower())
    if span is not None:
        return datetime.now(UTC) + timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"--expires takes 12h, 7d, 4w or a date; not {text!r}.", field="expires") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _until(moment: datetime | None) -> str:
    return f"until {moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "without end"


def _same(who: str, email: str | None) -> bool:
    return email is not None and who.strip().lower() == email.lower()
