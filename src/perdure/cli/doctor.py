"""`perdure doctor`: is everything there that a server needs, and how is the one that runs?"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import typer

from perdure import __version__
from perdure.cli import output
from perdure.cli.db import problems_of
from perdure.cli.exits import Exit
from perdure.cli.misspelt import misspelt
from perdure.cli.options import AsJson, Server, connect
from perdure.client import ServerUnreachable
from perdure.config import Settings, load_settings
from perdure.errors import PerdureError

State = Literal["ok", "note", "problem"]

_MIN_PYTHON = (3, 11)
_MIN_SQLITE = (3, 35, 0)
_LOW_SPACE_BYTES = 2 * 10**9
_NO_SPACE_BYTES = 10**8
_MARKS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "problem": ("✗", "bold red")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str


def doctor(server: Server = "", as_json: AsJson = False) -> None:
    """Check the machine, settings, data folder, database, model and port; with a server, its readiness too.

    Ends with exit code 1 when something keeps a server from working.
    """
    settings = load_settings()
    findings = [
        *_machine(settings),
        *_server(server or f"http://{_host(settings)}:{settings.port}", settings),
    ]
    broken = any(f.state == "problem" for f in findings)
    if as_json:
        shown = [{"name": f.name, "state": f.state, "detail": f.detail} for f in findings]
        output.print_json({"ok": not broken, "version": __version__, "checks": shown})
    else:
        for finding in findings:
            mark, _style = _MARKS[finding.state]
            output.line(f"{mark} {finding.name:<10} {finding.detail}")
    if broken:
        raise typer.Exit(Exit.FAILED)


def _machine(settings: Settings) -> Iterator[Finding]:
    checks: list[tuple[str, Callable[[Settings], Finding]]] = [
        ("Python", _python),
        ("SQLite", _sqlite),
        ("settings", _settings),
        ("data", _data),
        ("private", _private),
        ("database", _database),
        ("model", _model),
        ("documents", _documents),
        ("disk", _disk),
        ("sandbox", _sandbox),
    ]
    for name, check in checks:
        try:
            yield check(settings)
        except PerdureError as error:
            yield Finding(name, "problem", error.message)
        except Exception as error:  # noqa: BLE001 - whatever is broken, the other checks still help
            yield Finding(name, "problem", f"cannot be looked at: {error}")


def _python(_settings: Settings) -> Finding:
    version = platform.python_version()
    old = tuple(int(part) for part in platform.python_version_tuple()[:2]) < _MIN_PYTHON
    return Finding("Python", "problem" if old else "ok", f"{version}{' is too old; 3.11 is needed' * old}")


def _sqlite(_settings: Settings) -> Finding:
    old = sqlite3.sqlite_version_info < _MIN_SQLITE
    detail = f"{sqlite3.sqlite_version}{' is too old; 3.35 is needed' * old}"
    return Finding("SQLite", "problem" if old else "ok", detail)


def _settings(_settings: Settings) -> Finding:
    found = list(misspelt())
    return Finding("settings", "note" if found else "ok", "; ".join(found) or "every name that is set is one")


def _data(settings: Settings) -> Finding:
    folder = settings.data_dir
    nearest = _existing(folder)
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(
            "data", "problem", f"{nearest} cannot be written; choose another with PERDURE_DATA_DIR"
        )
    return Finding("data", "ok", f"{folder}{'' if folder.exists() else ' (will be made)'}")


def _private(settings: Settings) -> Finding:
    """What holds words, files and keys of people is for the account of the server alone."""
    from perdure.store.address import parse_address  # loads SQLAlchemy, which most commands do without
    from perdure.store.private import open_to_others

    folder = settings.data_dir
    database = parse_address(settings.url).file
    names = ("secret.key", "workspaces", "engine.db")
    paths = [folder, *(folder / name for name in names)]
    if database is not None:
        engine = f"{database.stem}-engine.db"
        paths += [
            database,
            *(database.with_name(name) for name in (f"{database.name}-wal", engine, f"{engine}-wal")),
        ]
    found = open_to_others(dict.fromkeys(paths))
    if not found:
        return Finding("private", "ok", "nobody else on this machine can read it")
    shown = ", ".join(f"{path} ({mode:04o})" for path, mode in found)
    return Finding(
        "private", "note", f"others on this machine may reach {shown}; `chmod go=` closes it to them"
    )


def _database(settings: Settings) -> Finding:
    if settings.ephemeral:
        return Finding("database", "note", "in a temporary folder: nothing is kept (PERDURE_EPHEMERAL)")
    from perdure.store import maintenance

    report = maintenance.check(settings.url)
    if not report["exists"]:
        return Finding("database", "ok", f"{report['backend']}; will be made when a server starts")
    problems = problems_of(report)
    if problems and report["revision"] is None:
        return Finding("database", "ok", f"{report['backend']}; empty, will be set up when a server starts")
    detail = "; ".join(problems) or f"{report['backend']}, schema {report['revision']}, no holes in any log"
    return Finding("database", "problem" if problems else "ok", detail)


def _model(settings: Settings) -> Finding:
    from perdure.agents.models import ModelCatalog, default_model

    name = settings.model or default_model()
    if not name.startswith("local"):
        return Finding("model", "ok", name)
    states = ModelCatalog(settings.data_dir, model_file=settings.model_file).state()
    state = states.get(name) or states.get("local") or {}
    status = str(state.get("status") or "unknown")
    what = {"absent": "not installed; `./dev setup` brings it, or name another with PERDURE_MODEL"}.get(
        status, status
    )
    reason = f" ({state['reason']})" if state.get("reason") else ""
    missing = status in {"absent", "failed", "unknown"}
    return Finding("model", "note" if missing else "ok", f"{name}: {state.get('label') or ''} {what}{reason}")


def _documents(_settings: Settings) -> Finding:
    from perdure.agents.documents.worker import INSTALL, missing_packages

    if missing := missing_packages():
        return Finding(
            "documents", "note", f"PDF files cannot be read without {', '.join(missing)}: {INSTALL}"
        )
    return Finding("documents", "ok", "PDF files are read, scans recognised offline")


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_existing(settings.data_dir)).free
    detail = f"{output.size(free)} free"
    if free < _NO_SPACE_BYTES:
        return Finding("disk", "problem", f"{detail}; make room before you start a server")
    return Finding("disk", "note" if free < _LOW_SPACE_BYTES else "ok", detail)


def _sandbox(settings: Settings) -> Finding:
    from perdure.bootstrap import make_sandbox

    sandbox = make_sandbox(settings, hidden=settings.data_dir)
    sandbox.detect()
    state = sandbox.state()
    weak = state["isolation"] == "limits-only"
    return Finding("sandbox", "note" if weak else "ok", f"{state['isolation']}: {state['says']}")


def _server(address: str, settings: Settings) -> Iterator[Finding]:
    try:
        with connect(address) as client:
            answer = client.server.ready().model_dump()
    except ServerUnreachable:
        yield _port(settings, address)
        return
    except PerdureError as error:
        yield Finding("server", "problem", f"{address}: {error.message}")
        return
    ready = bool(answer.get("ready"))
    yield Finding(
        "server",
        "ok" if ready else "problem",
        f"{address}, version {answer.get('version')}, {'' if ready else 'not '}ready",
    )
    for part in ("storage", "engine", "model", "sandbox"):
        yield _part(part, answer.get(part))


def _part(name: str, value: Any) -> Finding:
    fields: dict[str, Any] = dict(value) if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownArgumentType]
    detail = ", ".join(f"{key} {item}" for key, item in fields.items() if item not in (None, "", {}))
    return Finding(f"  {name}", "problem" if fields.get("ok") is False else "ok", detail or "unknown")


def _port(settings: Settings, address: str) -> Finding:
    if settings.port == 0:
        return Finding("server", "note", "none runs; the next one picks a free port")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_host(settings), settings.port))
        except OSError as error:
            return Finding(
                "port",
                "problem",
                f"{settings.port} cannot be used ({error.strerror}); set PERDURE_PORT to another",
            )
    return Finding(
        "server", "note", f"none runs at {address}; port {settings.port} is free (`perdure serve`)"
    )


def _host(settings: Settings) -> str:
    return "127.0.0.1" if settings.host in {"0.0.0.0", "::", "localhost"} else settings.host


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
