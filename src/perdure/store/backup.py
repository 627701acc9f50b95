"""A copy of everything a server keeps, made while it runs, and what has to happen before a copy may serve.

The engine's file is copied before ours: steps that ours has and the engine's does not are run again and their
records kept, whereas the other way round they would be missing. Files come last, so that those that our
database names are there.
"""

from __future__ import annotations

import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import case, update

from perdure.core.access import Actor
from perdure.errors import InvalidInput, StartupError
from perdure.store import maintenance
from perdure.store.address import parse_address
from perdure.store.private import make_private_folder
from perdure.store.store import Store
from perdure.store.tables import session_logs, sign_ins, socket_tickets
from perdure.store.transaction import Tx

DATABASE, ENGINE, KEY, WORKSPACES = "perdure.db", "perdure-engine.db", "secret.key", "workspaces"
_EPOCHS_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Copied:
    """What a copy holds."""

    database: bool = False
    key: bool = False
    files: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reopened:
    """What was changed in a restored database."""

    logs: int
    """Sessions whose readers start anew."""
    sign_ins: int
    """Sign-ins that are over."""


def back_up(url: str, data_dir: Path, target: Path, *, with_key: bool) -> Copied:
    """Copy database, engine, workspaces and key to a new folder, for its owner alone; servers may go on.

    A PostgreSQL database is not among it: dump it with its own tools, before this.

    Raises:
        InvalidInput: when the target exists or has no folder to be in, or everything is in memory.
        StartupError: when the database cannot be read; nothing is left behind.
    """
    check_target(url, target)
    address = parse_address(url)
    copied = Copied()
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    try:
        if address.file is not None:
            engine = address.file.with_name(f"{address.file.stem}-engine.db")
            if engine.exists():
                maintenance.backup(f"sqlite:///{engine}", partial / ENGINE)
            maintenance.backup(url, partial / DATABASE)
            copied.database = True
        _copy_files(data_dir / WORKSPACES, partial / WORKSPACES, copied)
        if with_key and (data_dir / KEY).is_file():
            shutil.copyfile(data_dir / KEY, partial / KEY)
            copied.key = True
        for path in (partial / DATABASE, partial / ENGINE, partial / KEY):
            if path.exists():
                path.chmod(0o600)
                copied.size_bytes += path.stat().st_size
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return copied


def check_target(url: str, target: Path) -> None:
    """Look whether a copy can be made there.

    Raises:
        InvalidInput: as `back_up`.
    """
    if parse_address(url).is_memory:
        raise InvalidInput("A database in memory cannot be backed up.")
    if target.exists():
        raise InvalidInput(f"{str(target)!r} exists; choose another name.")
    if not target.absolute().parent.is_dir():
        raise InvalidInput(f"The folder {str(target.parent)!r} does not exist; make it first.")


def restore(source: Path, data_dir: Path, actor: Actor, *, secret_key: str | None) -> Reopened:
    """Make a data folder of what `back_up` wrote; the database appears in it last, ready to serve.

    Raises:
        InvalidInput: when the source is no backup with a database, or the data folder is not empty.
        StartupError: when the database is damaged or of a newer program, or its key is not there.
    """
    if not (source / DATABASE).is_file():
        raise InvalidInput(f"{str(source)!r} holds no {DATABASE}: it is no backup of an SQLite server.")
    if data_dir.exists() and any(data_dir.iterdir()):
        raise InvalidInput(f"{str(data_dir)!r} is not empty; restore into a new folder.")
    report = maintenance.check(f"sqlite:///{source / DATABASE}")
    if report["integrity"] != "ok" or report["gaps"]:
        raise StartupError(f"The database in {str(source)!r} is damaged; take an older backup.")
    if secret_key is None and not (source / KEY).is_file():
        raise InvalidInput(
            f"{str(source)!r} holds no {KEY}, without which its secrets cannot be read. "
            "Put the file there, or set PERDURE_SECRET_KEY."
        )
    make_private_folder(data_dir)
    data_dir.chmod(0o700)
    for name in (KEY, ENGINE):
        if (source / name).is_file():
            shutil.copyfile(source / name, data_dir / name)
            (data_dir / name).chmod(0o600)
    _copy_files(source / WORKSPACES, data_dir / WORKSPACES, Copied())
    unready = data_dir / "restoring.db"
    shutil.copyfile(source / DATABASE, unready)
    unready.chmod(0o600)
    reopened = reopen(f"sqlite:///{unready}", data_dir, actor, secret_key=secret_key)
    unready.with_name(f"{unready.name}.lock").unlink(missing_ok=True)
    unready.rename(data_dir / DATABASE)
    return reopened


def reopen(
    url: str, data_dir: Path, actor: Actor, *, secret_key: str | None, row_security: bool = False
) -> Reopened:
    """Let a database that was restored serve: nobody's place in a log and nobody's sign-in is from its past.

    Readers that have seen more than the copy holds would otherwise take new events for known ones, and
    sign-ins that ended after the copy was made would count again.

    Raises:
        StartupError: when the database cannot be used, or a server runs on it.
    """
    store = Store(url, secret_key=secret_key, key_file=data_dir / KEY, row_security=row_security)
    store.open()
    try:
        return store.write_now(lambda tx: _reopen(tx, actor))
    finally:
        store.close()


def _reopen(tx: Tx, actor: Actor) -> Reopened:
    epoch = int((tx.now - _EPOCHS_SINCE).total_seconds())  # later than any that an earlier restore gave
    newer = case((session_logs.c.epoch < epoch, epoch), else_=session_logs.c.epoch + 1)
    logs = tx.db.execute(update(session_logs).values(epoch=newer)).rowcount
    open_ = update(sign_ins).where(sign_ins.c.ended_at.is_(None))
    ended = tx.db.execute(open_.values(ended_at=tx.now, ended_reason="restored")).rowcount
    tx.db.execute(socket_tickets.delete())
    tx.audit(actor, "server.restore", "server", None, logs=logs, sign_ins=ended)
    return Reopened(logs, ended)


def _copy_files(source: Path, target: Path, copied: Copied) -> None:
    """Copy plain files and folders, for links lead elsewhere; what goes away meanwhile is left out."""
    if not source.is_dir():
        return
    target.mkdir(mode=0o700)
    for path in sorted(source.iterdir()):
        with suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                _copy_files(path, target / path.name, copied)
            elif stat.S_ISREG(mode):
                shutil.copy2(path, target / path.name, follow_symlinks=False)
                copied.files += 1
                copied.size_bytes += (target / path.name).stat().st_size
