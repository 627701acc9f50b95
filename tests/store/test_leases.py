"""Leases: a server is alive while it renews its lease, whatever clocks its machine and the others have."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg

from perdure.store import leases
from perdure.store.store import Store
from tests.factories import START, Clock, OpenStore

LEASE = timedelta(seconds=20)


def renew(store: Store, server: str) -> Any:
    return store.write_now(lambda tx: leases.renew_lease(tx, server, "host", 1))


def alive(store: Store) -> set[str]:
    return store.read_now(lambda tx: leases.live_servers(tx, LEASE))


def test_on_one_machine_it_is_alive_while_it_renews(
    open_store: OpenStore, sqlite_url: str, clock: Clock
) -> None:
    store = open_store(sqlite_url)
    renew(store, "a")
    clock.move(seconds=30)
    renew(store, "b")
    renew(store, "b")
    assert alive(store) == {"b"}
    store.write_now(lambda tx: leases.drop_old_leases(tx, LEASE))
    clock.move(seconds=-30)
    assert alive(store) == {"b"}
    store.write_now(lambda tx: leases.drop_lease(tx, "b"))
    assert alive(store) == set()


def test_machines_whose_clocks_differ_take_nobody_for_dead_that_lives(
    open_store: OpenStore, ready_postgres_url: str
) -> None:
    behind = open_store(ready_postgres_url, clock=Clock())
    ahead = open_store(ready_postgres_url, clock=Clock(START + timedelta(hours=5)))
    renew(behind, "behind")
    renew(ahead, "ahead")
    assert alive(behind) == alive(ahead) == {"behind", "ahead"}

    with psycopg.connect(ready_postgres_url, autocommit=True) as elsewhere:
        elsewhere.execute("UPDATE pd_server_leases SET renewed_at = renewed_at - 21000000 WHERE id = 'ahead'")
    assert alive(behind) == alive(ahead) == {"behind"}
    ahead.write_now(lambda tx: leases.drop_old_leases(tx, LEASE))
    renew(ahead, "ahead")
    assert alive(behind) == {"behind", "ahead"}
