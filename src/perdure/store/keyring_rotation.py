"""Carrying sealed values to a new key, while servers run on the database; and dropping keys that seal nothing.

Each batch is a short transaction of its own, and a value is replaced only if it still is the one that was
read: whatever a server writes meanwhile stays. Cut off anywhere, the next call goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select, text, update

from perdure.core.access import SYSTEM_ACTOR
from perdure.core.acting import SERVER
from perdure.core.clock import utc_now
from perdure.errors import InvalidInput, StartupError, StorageUnavailable
from perdure.store import migrate, row_security
from perdure.store.address import Address, open_postgres, open_sqlite, parse_address
from perdure.store.crypto import SEALED_COLUMNS, Cipher, SealedColumn, key_id_of
from perdure.store.failures import DRIVER_ERRORS
from perdure.store.keyring import VARIABLE, Key, Keyring, changing, new_key, parse_keys, write_keys
from perdure.store.tables import metadata
from perdure.store.transaction import Tx

BATCH = 100
_PREFIX_BYTES = 3

Progress = Callable[[int, int], None]
"""Told how many values were carried over, and how many there were to carry."""


@dataclass
class Rotation:
    """What was done to the keys, and what is left to do."""

    newest: int
    """The id of the key that seals from now on."""
    added: bool = False
    resealed: int = 0
    left: dict[int, int] = field(default_factory=dict[int, int])
    """How many values older keys still seal, by key id."""
    missing: list[int] = field(default_factory=list[int])
    """Keys that values were sealed with and that are not here."""
    retired: list[int] = field(default_factory=list[int])
    setting: str | None = None
    """What `PERDURE_SECRET_KEY` has to be from now on; None when the keys are in a file. Secret."""


def rotate(url: str, *, key_file: Path | None, setting: str | None, progress: Progress) -> Rotation:
    """Add a key, unless an earlier rotation is unfinished, and seal everything with the newest one.

    Keys of the setting cannot be changed here: the result says what the setting has to be, and the call
    after that seals.

    Raises:
        StartupError: when the keys or the database cannot be used.
    """
    with _keys(key_file, setting) as keys, _database(url) as database:
        result = Rotation(newest=keys[-1].id)
        if not set(database.count()) - {keys[-1].id}:
            keys = [*keys, new_key(keys)]
            result.added = True
            result.newest = keys[-1].id
            if key_file is None:
                result.setting = ",".join(key.text for key in keys)
                return result
            write_keys(key_file, keys)
        _reseal(database, keys, result, progress)
        return result


def retire(url: str, *, key_file: Path | None, setting: str | None, progress: Progress) -> Rotation:
    """Seal what is left with the newest key, and drop every key that seals nothing any more.

    Raises:
        StartupError: when the keys or the database cannot be used.
    """
    with _keys(key_file, setting) as keys, _database(url) as database:
        result = Rotation(newest=keys[-1].id)
        _reseal(database, keys, result, progress)
        with database.alone() as connection:  # nobody writes a value between the look and the new file
            used = set(database.count_in(connection)) | {keys[-1].id}
            kept = [key for key in keys if key.id in used]
            result.retired = [key.id for key in keys if key.id not in used]
            if result.retired and key_file is not None:
                database.note(connection, "key.retire", result.newest, retired=result.retired)
                write_keys(key_file, kept)
        if result.retired and key_file is None:
            result.setting = ",".join(key.text for key in kept)
        return result


class _Database:
    """The database beside the servers that run on it: no part of it is taken for longer than a batch."""

    def __init__(self, address: Address, engine: Engine, connection: Connection | None) -> None:
        self.address = address
        self._engine = engine
        self._connection = connection
        """None when there is no database yet."""

    def count(self) -> Counter[int]:
        """Return how many values each key seals."""
        if self._connection is None:
            return Counter()
        with self.transaction(writes=False) as connection:
            return self.count_in(connection)

    def count_in(self, connection: Connection | None) -> Counter[int]:
        """Return the same inside a transaction."""
        found: Counter[int] = Counter()
        for column in SEALED_COLUMNS if connection is not None else ():
            assert connection is not None
            value = metadata.tables[column.table].c[column.column]
            prefix = func.substr(value, 1, _PREFIX_BYTES)
            for row in connection.execute(select(prefix, func.count()).group_by(prefix)):
                found[key_id_of(bytes(row[0]) + b"\0") or 0] += row[1]
        return found

    @contextmanager
    def transaction(self, *, writes: bool = True) -> Generator[Connection]:
        """One short transaction."""
        assert self._connection is not None
        connection = self._connection
        if self.address.is_postgres:
            with connection.begin():
                # Where the database checks rows itself it would show a nobody none, and no key would seem in use.
                connection.exec_driver_sql(row_security.name(SERVER))
                yield connection
            return
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
        try:
            yield connection
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise

    @contextmanager
    def alone(self) -> Generator[Connection | None]:
        """A transaction during which nobody else writes a sealed column, and none is under way that does."""
        if self._connection is None:
            yield None
            return
        with self.transaction() as connection:
            if self.address.is_postgres:
                tables = ", ".join(sorted({column.table for column in SEALED_COLUMNS}))
                connection.execute(text(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE"))
            yield connection

    def note(self, connection: Connection | None, action: str, key_id: int, **details: Any) -> None:
        """Write into the audit log, in this transaction."""
        if connection is None:
            return
        keyring = Keyring([Key(1, bytes(32))])  # an entry seals nothing
        tx = Tx(connection, self.address.is_postgres, utc_now(), Cipher(keyring))
        tx.audit(SYSTEM_ACTOR, action, "secret_key", str(key_id), **details)
        tx.seal()

    def batch(self, cipher: Cipher, column: SealedColumn, after: str) -> tuple[str | None, int, Counter[int]]:
        """Carry over some values with ids behind `after`; returns the last id looked at (None: no more),
        how many were carried over, and how often each key was missing."""
        table = metadata.tables[column.table]
        value, done, missing = table.c[column.column], 0, Counter[int]()
        prefix = bytes([2]) + cipher.keyring.newest.id.to_bytes(2)
        query = (
            select(table.c.id, value)
            .where(func.substr(value, 1, _PREFIX_BYTES) != prefix, table.c.id > after)
            .order_by(table.c.id)
            .limit(BATCH)
        )
        with self.transaction() as connection:
            rows = [(row[0], bytes(row[1])) for row in connection.execute(query)]
            for row_id, sealed in rows:
                try:
                    plain = cipher.open(sealed, column, row_id)
                except StorageUnavailable:
                    missing[key_id_of(sealed) or 0] += 1
                    continue
                change = update(table).where(table.c.id == row_id, value == sealed)
                fresh = cipher.seal(plain, column, row_id)
                done += connection.execute(change.values({column.column: fresh})).rowcount
        return (rows[-1][0] if rows else None), done, missing


def _reseal(database: _Database, keys: list[Key], result: Rotation, progress: Progress) -> None:
    cipher = Cipher(Keyring(keys))
    newest = keys[-1].id
    while True:
        before = database.count()
        wanted = sum(before.values()) - before[newest]
        missing: Counter[int] = Counter()
        done_now = 0
        for column in SEALED_COLUMNS if before else ():
            after: str | None = ""
            while after is not None:
                after, done, lost = database.batch(cipher, column, after)
                missing += lost
                done_now += done
                progress(done_now, max(wanted, done_now))
        result.resealed += done_now
        left = database.count()
        result.left = {key: left[key] for key in sorted(left) if key != newest}
        result.missing = sorted(missing)
        if not done_now or not result.left or sum(result.left.values()) == sum(missing.values()):
            break
    if database.count():
        with database.alone() as connection:
            database.note(connection, "key.rotate", newest, added=result.added, resealed=result.resealed)


@contextmanager
def _keys(key_file: Path | None, setting: str | None) -> Generator[list[Key]]:
    if setting is not None:
        yield parse_keys(setting, VARIABLE)
    elif key_file is not None:
        with changing(key_file) as keys:
            yield keys
    else:
        raise InvalidInput("A database in memory has a key of its own that ends with it.")


@contextmanager
def _database(url: str) -> Generator[_Database]:
    address = parse_address(url)
    if address.is_memory:
        raise InvalidInput("A database in memory has a key of its own that ends with it.")
    engine = open_postgres(address, sees_all=True) if address.is_postgres else open_sqlite(address)
    try:
        if address.file is not None and not address.file.exists():
            yield _Database(address, engine, None)
            return
        with engine.connect() as connection:
            current, head = migrate.revisions(connection)
            connection.rollback()
            if current is None:
                yield _Database(address, engine, None)
                return
            if current != head:
                raise StartupError(
                    f"The database {address} is at schema {current} and not at {head}; run `perdure db upgrade`."
                )
            yield _Database(address, engine, connection)
    except DRIVER_ERRORS as error:
        raise migrate.unusable(address, error) from error
    finally:
        engine.dispose()
