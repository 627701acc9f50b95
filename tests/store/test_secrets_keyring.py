"""Several secret keys: what is sealed with which, what opens it, and carrying everything to a new one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from perdure.core.sessions import Session
from perdure.errors import StartupError, StorageUnavailable
from perdure.store import keyring_rotation, sessions
from perdure.store.address import open_postgres, open_sqlite, parse_address
from perdure.store.crypto import SECRET_VALUE, SESSION_METADATA, Cipher, key_id_of
from perdure.store.keyring import Keyring, new_key, parse_keys, write_keys
from perdure.store.store import Store
from tests import factories
from tests.factories import KEY, OpenStore

FIRST = parse_keys(KEY, "test")
SECOND = [*FIRST, new_key(FIRST)]
ROW = "00000000-0000-7000-8000-0000000000a1"


def nobody(_done: int, _wanted: int) -> None:
    """Show no progress."""


@pytest.fixture(params=["file", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database that lives longer than a process."""
    return request.getfixturevalue("sqlite_url" if request.param == "file" else "ready_postgres_url")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A key file with one key, as servers made it first."""
    path = tmp_path / "keys" / "secret.key"
    path.parent.mkdir()
    path.write_text(KEY)
    path.chmod(0o600)
    return path


def opened(open_store: OpenStore, url: str, key_file: Path) -> Store:
    """A store whose key is in a file."""
    return open_store(url, secret_key=None, key_file=key_file)


def add_sessions(store: Store, count: int) -> list[Session]:
    """Add sessions, each with metadata of its own."""
    made = [factories.session(metadata={"note": f"note {number}"}) for number in range(count)]

    def body(tx: object) -> None:
        factories.add_people(tx)  # pyright: ignore[reportArgumentType]
        for each in made:
            sessions.insert_session(tx, each)  # pyright: ignore[reportArgumentType]

    store.write_now(body)
    return made


def sealed_by(url: str) -> Counter[int | None]:
    """Count the values of each key, as they stand in the database."""
    address = parse_address(url)
    engine = open_postgres(address) if address.is_postgres else open_sqlite(address, read_only=True)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT metadata FROM pd_sessions")).all()
    engine.dispose()
    return Counter(key_id_of(bytes(row[0])) for row in rows)


def metadata_of(store: Store, made: Session) -> object:
    return store.read_now(lambda tx: sessions.get_session(tx, made.id)).metadata


def put_first_form(url: str, made: list[Session]) -> None:
    """Seal the metadata as the first version did: key 1, bound to the row's id alone."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    address = parse_address(url)
    engine = open_postgres(address) if address.is_postgres else open_sqlite(address)
    with engine.begin() as connection:
        for each in made:
            nonce = os.urandom(12)
            body = AESGCM(FIRST[0].secret).encrypt(nonce, b'{"old":true}', each.id.encode())
            connection.execute(
                text("UPDATE pd_sessions SET metadata = :value WHERE id = :id"),
                {"value": b"\x01" + nonce + body, "id": each.id},
            )
    engine.dispose()


# --- what is sealed ------------------------------------------------------------------------------------------------


def test_every_changed_byte_is_noticed() -> None:
    cipher = Cipher(Keyring(SECOND))
    sealed = cipher.seal({"a": "secret"}, SECRET_VALUE, ROW)
    assert cipher.open(sealed, SECRET_VALUE, ROW) == {"a": "secret"}
    for position in range(len(sealed)):
        for bit in (1, 0x80):
            changed = bytearray(sealed)
            changed[position] ^= bit
            with pytest.raises(StorageUnavailable, match="cannot be read"):
                cipher.open(bytes(changed), SECRET_VALUE, ROW)
    for length in range(len(sealed)):
        with pytest.raises(StorageUnavailable, match="cannot be read"):
            cipher.open(sealed[:length], SECRET_VALUE, ROW)


def test_a_value_opens_only_where_it_was_sealed() -> None:
    cipher = Cipher(Keyring(SECOND))
    sealed = cipher.seal("secret", SECRET_VALUE, ROW)
    with pytest.raises(StorageUnavailable):
        cipher.open(sealed, SECRET_VALUE, ROW[:-1] + "2")
    with pytest.raises(StorageUnavailable):
        cipher.open(sealed, SESSION_METADATA, ROW)


def test_a_value_in_the_first_form_is_no_value_of_another_column() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(12)
    old = b"\x01" + nonce + AESGCM(FIRST[0].secret).encrypt(nonce, b'"x"', ROW.encode())
    cipher = Cipher(Keyring(FIRST))
    assert cipher.open(old, SESSION_METADATA, ROW) == "x"
    with pytest.raises(StorageUnavailable):
        cipher.open(old, SECRET_VALUE, ROW)


def test_rows_swapped_in_the_database_are_refused(
    open_store: OpenStore, database_url: str, key_file: Path
) -> None:
    store = opened(open_store, database_url, key_file)
    one, two = add_sessions(store, 2)
    address = parse_address(database_url)
    engine = open_postgres(address) if address.is_postgres else open_sqlite(address)
    with engine.begin() as connection:
        moved = connection.execute(
            text("SELECT metadata FROM pd_sessions WHERE id = :id"), {"id": one.id}
        ).scalar()
        connection.execute(
            text("UPDATE pd_sessions SET metadata = :value WHERE id = :id"), {"value": moved, "id": two.id}
        )
    engine.dispose()
    assert metadata_of(store, one) == {"note": "note 0"}
    with pytest.raises(StorageUnavailable, match="changed"):
        metadata_of(store, two)


def test_a_missing_key_is_named(open_store: OpenStore, sqlite_url: str) -> None:
    both = ",".join(key.text for key in SECOND)
    store = open_store(sqlite_url, secret_key=both)
    (made,) = add_sessions(store, 1)
    store.close()
    alone = open_store(sqlite_url, secret_key=KEY)
    with pytest.raises(StorageUnavailable, match=r"secret key 2, which is missing.*PERDURE_SECRET_KEY"):
        metadata_of(alone, made)


# --- the keys themselves -------------------------------------------------------------------------------------------


def test_keys_are_read_newest_last() -> None:
    ring = Keyring.load(f"7:{KEY}, {SECOND[1].text}", None)
    assert (ring.ids, ring.newest.id) == ([7, 2], 2)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("short", "base64 of 32 bytes"),
        (f"0:{KEY}", "number from 1"),
        (f"65536:{KEY}", "number from 1"),
        (f"x:{KEY}", "number from 1"),
        (f"1:{KEY},{KEY}", "two keys with the id 1"),
        (" , ", "empty"),
        ("2:", "base64"),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(wrong: str, says: str) -> None:
    with pytest.raises(StartupError, match=says) as caught:
        Keyring.load(wrong, None)
    assert KEY not in str(caught.value)


def test_keys_are_not_in_their_representation() -> None:
    assert "Key(1)" in repr(FIRST)
    assert KEY not in repr(FIRST)


def test_derived_keys_differ_by_purpose_and_by_key_and_stay(open_store: OpenStore, key_file: Path) -> None:
    store = open_store("sqlite://", secret_key=None, key_file=key_file)
    before = store.derive_key(b"tokens")
    assert before != store.derive_key(b"others")
    write_keys(key_file, SECOND)
    assert store.keyring.newest.id == 2
    assert store.derive_key(b"tokens") != before
    assert store.derive_key(b"tokens", 1) == before


def test_a_running_process_notices_the_new_key_and_keeps_its_keys_when_the_file_is_spoilt(
    key_file: Path,
) -> None:
    ring = Keyring.load(None, key_file)
    assert ring.newest.id == 1
    write_keys(key_file, SECOND)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert ring.newest.id == 2
    key_file.write_text("nonsense")
    assert ring.newest.id == 2
    key_file.unlink()
    assert ring.get(1).secret == FIRST[0].secret


# --- rotation ------------------------------------------------------------------------------------------------------


def test_everything_is_carried_over_and_old_keys_go(
    open_store: OpenStore, database_url: str, key_file: Path
) -> None:
    store = opened(open_store, database_url, key_file)
    made = add_sessions(store, 230)
    put_first_form(database_url, made[:30])
    result = keyring_rotation.rotate(database_url, key_file=key_file, setting=None, progress=nobody)
    assert (result.added, result.newest, result.resealed, result.left) == (True, 2, 230, {})
    assert sealed_by(database_url) == {2: 230}
    assert metadata_of(store, made[0]) == {"old": True}
    assert metadata_of(store, made[-1]) == {"note": "note 229"}
    (later,) = add_sessions(store, 1)
    assert sealed_by(database_url) == {2: 231}
    dropped = keyring_rotation.retire(database_url, key_file=key_file, setting=None, progress=nobody)
    assert (dropped.retired, dropped.added) == ([1], False)
    assert [key.id for key in parse_keys(key_file.read_text(), "file")] == [2]
    assert metadata_of(store, later) == {"note": "note 0"}
    with pytest.raises(StorageUnavailable):
        store.derive_key(b"tokens", 1)
    entries = store.read_now(lambda tx: tx.db.execute(text("SELECT action FROM pd_audit_entries")).all())
    assert [row[0] for row in entries] == ["key.rotate", "key.rotate", "key.retire"]


def test_writers_go_on_while_keys_change(open_store: OpenStore, database_url: str, key_file: Path) -> None:
    store = opened(open_store, database_url, key_file)
    made = add_sessions(store, 150)
    stop, failures, written = threading.Event(), list[BaseException](), Counter[str]()

    def write(number: int) -> None:
        turn = 0
        try:
            while not stop.is_set():
                mine = made[number::3][turn % 50]
                turn += 1

                def change(tx: object, mine: Session = mine, turn: int = turn) -> None:
                    now = sessions.get_session(tx, mine.id, lock=True)  # pyright: ignore[reportArgumentType]
                    sessions.change_session(tx, now, metadata={"turn": turn})  # pyright: ignore[reportArgumentType]

                store.write_now(change)
                written[mine.id] = turn
        except BaseException as error:  # noqa: BLE001 - the test tells
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for wanted in (2, 3):
            result = keyring_rotation.rotate(database_url, key_file=key_file, setting=None, progress=nobody)
            assert (result.newest, result.left) == (wanted, {})
        dropped = keyring_rotation.retire(database_url, key_file=key_file, setting=None, progress=nobody)
        assert dropped.retired == [1, 2]
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not failures
    assert sealed_by(database_url) == {3: 150}
    store.close()
    fresh = opened(open_store, database_url, key_file)
    for each in made:
        expected = {"turn": written[each.id]} if each.id in written else each.metadata
        assert metadata_of(fresh, each) == expected


def test_a_rotation_that_was_killed_goes_on(open_store: OpenStore, database_url: str, key_file: Path) -> None:
    store = opened(open_store, database_url, key_file)
    made = add_sessions(store, 700)
    command = [sys.executable, "-c", _SLOW_ROTATION, database_url, str(key_file)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"200\n"
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    child.stdout.close()
    child.stdin.close()
    half = sealed_by(database_url)
    assert half[1] > 0
    assert half[2] >= 200
    for each in (made[0], made[-1]):
        assert metadata_of(store, each) == each.metadata
    result = keyring_rotation.rotate(database_url, key_file=key_file, setting=None, progress=nobody)
    assert (result.added, result.newest, result.left) == (False, 2, {})
    assert sealed_by(database_url) == {2: 700}
    assert [metadata_of(store, each) for each in made] == [each.metadata for each in made]


_SLOW_ROTATION = """
import sys
from pathlib import Path
from perdure.store import keyring_rotation

def show(done, wanted):
    if done == 200:
        print(done, flush=True)
        sys.stdin.read()

keyring_rotation.rotate(sys.argv[1], key_file=Path(sys.argv[2]), setting=None, progress=show)
"""


def test_values_of_a_lost_key_are_told_and_the_others_carried_over(
    open_store: OpenStore, database_url: str, key_file: Path
) -> None:
    store = opened(open_store, database_url, key_file)
    add_sessions(store, 3)
    write_keys(key_file, SECOND)
    add_sessions(store, 2)
    third = new_key(SECOND)
    write_keys(key_file, [SECOND[1], third])
    result = keyring_rotation.rotate(database_url, key_file=key_file, setting=None, progress=nobody)
    assert (result.added, result.resealed, result.left, result.missing) == (False, 2, {1: 3}, [1])
    dropped = keyring_rotation.retire(database_url, key_file=key_file, setting=None, progress=nobody)
    assert dropped.retired == [2]


def test_the_setting_is_told_and_then_sealed_with(open_store: OpenStore, database_url: str) -> None:
    store = open_store(database_url, secret_key=KEY)
    (made,) = add_sessions(store, 1)
    told = keyring_rotation.rotate(database_url, key_file=None, setting=KEY, progress=nobody)
    assert (told.added, told.resealed) == (True, 0)
    assert told.setting is not None
    assert [key.id for key in parse_keys(told.setting, "setting")] == [1, 2]
    store.close()
    store = open_store(database_url, secret_key=told.setting)
    add_sessions(store, 1)
    done = keyring_rotation.rotate(database_url, key_file=None, setting=told.setting, progress=nobody)
    assert (done.added, done.resealed, done.setting) == (False, 1, None)
    last = keyring_rotation.retire(database_url, key_file=None, setting=told.setting, progress=nobody)
    assert last.setting is not None
    store.close()
    assert metadata_of(open_store(database_url, secret_key=last.setting), made) == made.metadata


def test_where_the_database_checks_rows_every_value_is_carried_over_and_no_key_is_dropped_too_early(
    open_store: OpenStore, guarded_postgres_url: str, key_file: Path
) -> None:
    store = open_store(guarded_postgres_url, secret_key=None, key_file=key_file, row_security=True)
    made = add_sessions(store, 5)
    write_keys(key_file, SECOND)
    dropped = keyring_rotation.retire(guarded_postgres_url, key_file=key_file, setting=None, progress=nobody)
    assert (dropped.resealed, dropped.retired) == (5, [1])
    assert [metadata_of(store, each) for each in made] == [each.metadata for each in made]


def test_two_rotations_at_once_are_one_after_the_other(
    open_store: OpenStore, sqlite_url: str, key_file: Path
) -> None:
    add_sessions(opened(open_store, sqlite_url, key_file), 50)
    results: list[int] = []

    def rotate() -> None:
        done = keyring_rotation.rotate(sqlite_url, key_file=key_file, setting=None, progress=nobody)
        results.append(done.newest)

    threads = [threading.Thread(target=rotate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == [2, 3]
    assert sealed_by(sqlite_url) == {3: 50}


def test_without_a_database_only_the_key_is_new(tmp_path: Path) -> None:
    file = tmp_path / "data" / "secret.key"
    result = keyring_rotation.rotate(
        f"sqlite:///{tmp_path / 'data' / 'perdure.db'}", key_file=file, setting=None, progress=nobody
    )
    assert (result.newest, result.resealed) == (2, 0)
    assert not (tmp_path / "data" / "perdure.db").exists()
    assert file.stat().st_mode & 0o777 == 0o600
