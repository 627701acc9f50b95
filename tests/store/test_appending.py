"""The event log: gapless numbers in commit order, whoever writes and whoever reads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from perdure.core.sessions import Session
from perdure.errors import NotFound
from perdure.ids import new_id
from perdure.store import events, messages, sessions
from perdure.store.batch import Batch
from perdure.store.store import Store
from perdure.store.transaction import ListHint, Tx
from tests import factories
from tests.factories import OpenStore, line, message

WRITERS = 16
EACH = 25


async def read_seqs(store: Store, session_id: str, after: int = 0) -> list[int]:
    return [seq for seq, _ in await store.read(lambda tx: events.read_frames(tx, session_id, after, 10_000))]


async def test_numbers_have_no_gaps_with_many_writers_and_readers_see_each_once(
    store: Store, session: Session
) -> None:
    total = WRITERS * EACH
    acknowledged: list[int] = []

    async def write(writer: int) -> None:
        for number in range(EACH):
            one = line(f"{writer}:{number}")
            if number % 3:
                acknowledged.extend(await store.append(session.id, [one]))
            else:
                acknowledged.extend(await store.write(lambda tx, one=one: tx.append(session.id, one)))

    async def tail() -> list[int]:
        seen: list[int] = []
        while len(seen) < total:
            fresh = await read_seqs(store, session.id, seen[-1] if seen else 0)
            assert fresh == list(range(len(seen) + 1, len(seen) + 1 + len(fresh)))
            seen += fresh
        return seen

    tails = [asyncio.create_task(tail()) for _ in range(3)]
    await asyncio.gather(*(write(n) for n in range(WRITERS)))
    assert sorted(acknowledged) == list(range(1, total + 1))
    for task in tails:
        assert await task == list(range(1, total + 1))
    assert await store.read(lambda tx: sessions.log_head(tx, session.id)) == (total, 1)


async def test_one_writers_events_stay_in_its_order(store: Store, session: Session) -> None:
    async def write(writer: int) -> None:
        for number in range(10):
            await store.append(session.id, [line(f"{writer}:{number}:a"), line(f"{writer}:{number}:b")])

    await asyncio.gather(*(write(n) for n in range(8)))
    log = await store.read(lambda tx: events.list_events(tx, session.id, limit=1000))
    for writer in range(8):
        said = [e.payload["lines"][0] for e in log if e.payload["lines"][0].startswith(f"{writer}:")]
        assert said == [f"{writer}:{n}:{part}" for n in range(10) for part in "ab"]


async def test_a_known_dedupe_key_writes_nothing_in_any_spelling_of_the_repeat(
    store: Store, session: Session
) -> None:
    first = await store.append(session.id, [line("a", "k1"), line("b")])
    again = await store.append(session.id, [line("a", "k1"), line("c", "k2"), line("c", "k2"), line("d")])
    assert first == [1, 2]
    assert again == [3, 4]
    log = await store.read(lambda tx: events.list_events(tx, session.id))
    assert [e.payload["lines"] for e in log] == [["a"], ["b"], ["c"], ["d"]]


async def test_one_dedupe_key_of_many_racing_writers_is_written_once(store: Store, session: Session) -> None:
    async def write(number: int) -> list[int]:
        if number % 2:
            return await store.append(session.id, [line("x", "only")])
        return await store.write(lambda tx: tx.append(session.id, line("x", "only")))

    written = await asyncio.gather(*(write(n) for n in range(20)))
    assert sorted(written) == [[]] * 19 + [[1]]


async def test_a_key_that_stands_twice_in_a_group_is_written_once(store: Store, session: Session) -> None:
    other = factories.session()
    await store.write(lambda tx: sessions.insert_session(tx, other))
    results = await store.write(
        lambda tx: tx.append_batches(
            [
                Batch(session.id, [line("a", "k"), message("said")]),
                Batch(other.id, [line("b", "k")]),
                Batch(session.id, [line("c", "k")]),
                Batch(session.id, [line("d", "k"), message("more")]),
            ]
        )
    )
    assert results == [[1, 2], [1], [], [3]]
    said = await store.read(lambda tx: messages.list_messages(tx, session.id))
    assert [(m.position, m.text) for m in said] == [(1, "said"), (2, "more")]


async def test_two_servers_append_to_the_same_sessions_without_holes(
    open_store: OpenStore, ready_postgres_url: str
) -> None:
    stores = [open_store(ready_postgres_url), open_store(ready_postgres_url)]
    stores[0].write_now(factories.add_people)
    made = [factories.session() for _ in range(3)]
    for each in made:
        stores[0].write_now(lambda tx, each=each: sessions.insert_session(tx, each))
    acknowledged: dict[str, list[int]] = {each.id: [] for each in made}

    async def write(number: int) -> None:
        for turn in range(10):
            target = made[(number + turn) % len(made)].id
            said = [message(f"{number}:{turn}"), line("x", f"key {turn}"), message("more")][: 1 + turn % 3]
            acknowledged[target] += await stores[number % 2].append(target, said)

    await asyncio.gather(*(write(number) for number in range(20)))
    for each in made:
        log = stores[0].read_now(lambda tx, each=each: events.list_events(tx, each.id, limit=1000))
        assert [e.seq for e in log] == sorted(acknowledged[each.id]) == list(range(1, len(log) + 1))
        positions = [e.payload["position"] for e in log if e.type == "agent_message"]
        assert positions == list(range(1, len(positions) + 1))
        said = stores[0].read_now(lambda tx, each=each: messages.list_messages(tx, each.id, limit=1000))
        assert [m.position for m in said] == positions


async def test_the_same_key_is_free_in_another_session(store: Store, session: Session) -> None:
    other = factories.session()
    await store.write(lambda tx: sessions.insert_session(tx, other))
    assert await store.append(session.id, [line("a", "k")]) == [1]
    assert await store.append(other.id, [line("a", "k")]) == [1]


async def test_more_dedupe_keys_than_one_statement_takes_are_all_known(
    store: Store, session: Session
) -> None:
    batch = [line(str(n), f"k{n}") for n in range(1200)]
    assert len(await store.append(session.id, batch)) == 1200
    assert await store.append(session.id, batch) == []


async def test_messages_get_positions_of_their_own_among_other_events(store: Store, session: Session) -> None:
    await store.append(session.id, [message("one"), line("x"), message("two", "assistant")])
    await store.append(session.id, [line("y"), message("three")])
    said = await store.read(lambda tx: messages.list_messages(tx, session.id))
    assert [(m.position, m.text, m.role) for m in said] == [
        (1, "one", "user"),
        (2, "two", "assistant"),
        (3, "three", "user"),
    ]
    stored = await store.read(lambda tx: events.list_events(tx, session.id, types=["agent_message"]))
    assert [e.payload["position"] for e in stored] == [1, 2, 3]
    assert (await store.read(lambda tx: sessions.get_session(tx, session.id))).message_count == 3


async def test_pages_of_the_conversation_go_back_forth_and_stop_at_a_cleared_history(
    store: Store, session: Session
) -> None:
    await store.append(session.id, [message(str(n)) for n in range(1, 11)])

    async def page(**where: int) -> list[int]:
        found = await store.read(lambda tx: messages.list_messages(tx, session.id, **where))
        return [m.position for m in found]

    assert await page(limit=3) == [8, 9, 10]
    assert await page(before=8, limit=3) == [5, 6, 7]
    assert await page(after=2, limit=3) == [3, 4, 5]
    await store.write(lambda tx: messages.set_history_floor(tx, session.id, 6))
    assert await page(limit=50) == [7, 8, 9, 10]
    assert await page(before=8, limit=50) == [7]
    assert await page(after=0, limit=50) == [7, 8, 9, 10]


async def test_a_missing_session_fails_alone_in_a_group(store: Store, session: Session) -> None:
    ghost = new_id()
    results = await store.write(
        lambda tx: tx.append_batches(
            [Batch(session.id, [line("a")]), Batch(ghost, [line("b")]), Batch(session.id, [line("c")])]
        )
    )
    assert results[0] == [1]
    assert isinstance(results[1], NotFound)
    assert results[2] == [2]
    outcomes = await asyncio.gather(
        *(store.append(target, [line("d")]) for target in (session.id, ghost, session.id)),
        return_exceptions=True,
    )
    assert outcomes[0] == [3]
    assert isinstance(outcomes[1], NotFound)
    assert outcomes[2] == [4]


async def test_an_error_in_a_transaction_leaves_nothing_of_it(store: Store, session: Session) -> None:
    def body(tx: factories.Tx) -> None:
        tx.append(session.id, line("gone"))
        raise ValueError("changed my mind")

    with pytest.raises(ValueError, match="changed my mind"):
        await store.write(body)
    assert await store.append(session.id, [line("kept")]) == [1]
    assert await read_seqs(store, session.id) == [1]


async def test_nothing_is_written_for_no_events(store: Store, session: Session) -> None:
    assert await store.append(session.id, []) == []
    assert await store.write(lambda tx: tx.append(session.id)) == []


async def test_threads_without_a_loop_append_side_by_side(store: Store, session: Session) -> None:
    def write(number: int) -> list[int]:
        return [store.append_now(session.id, [line(f"{number}:{n}")])[0] for n in range(20)]

    with ThreadPoolExecutor(8) as pool:
        numbers = [n for part in pool.map(write, range(8)) for n in part]
    assert sorted(numbers) == list(range(1, 161))


async def test_readers_are_told_after_each_commit_and_never_for_nothing(
    store: Store, session: Session
) -> None:
    told: list[tuple[set[str], list[str]]] = []
    done = threading.Event()

    def listen(grown: set[str], hints: list[ListHint]) -> None:
        told.append((set(grown), [h.type for h in hints]))
        done.set()

    store.on_commit(listen)
    await store.append(session.id, [line("a")])
    assert told == [({session.id}, [])]
    with pytest.raises(ZeroDivisionError):
        await store.write(lambda tx: (tx.append(session.id, line("b")), tx.hint("o", "t", "s"), 1 // 0))
    assert told == [({session.id}, [])]
    await store.write(lambda tx: tx.hint("o", "session:updated", "s"))
    assert told[1:] == [(set(), ["session:updated"])]


async def test_a_listener_that_fails_does_not_stop_the_store(store: Store, session: Session) -> None:
    def listen(_grown: object, _hints: object) -> None:
        raise RuntimeError("listener")

    store.on_commit(listen)
    assert await store.append(session.id, [line("a")]) == [1]
    assert await store.write(lambda tx: tx.append(session.id, line("b"))) == [2]
    store.on_commit(lambda _grown, _hints: None)
    assert await store.append(session.id, [line("c")]) == [3]


async def test_a_caller_that_gives_up_does_not_stop_the_store(store: Store, session: Session) -> None:
    gate = threading.Event()
    blocking = store.submit(lambda _tx: gate.wait(10))
    given_up = [asyncio.create_task(store.append(session.id, [line(str(n))])) for n in range(4)]
    given_up += [
        asyncio.create_task(store.write(lambda tx: tx.append(session.id, line("w")))) for _ in range(4)
    ]
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()
    await asyncio.gather(*given_up, return_exceptions=True)
    gate.set()
    await asyncio.wrap_future(blocking)
    async with asyncio.timeout(10):
        (last,) = await store.append(session.id, [line("after")])
    seen = await read_seqs(store, session.id)
    assert last in seen
    assert seen == list(range(1, len(seen) + 1))


async def test_every_replay_gives_the_bytes_that_the_event_itself_gives(
    store: Store, session: Session
) -> None:
    awkward = ["ünï¢ødé ☃ 🎉", 'quote " back \\ slash', "line\nbreak\ttab\x01", "\u2028 </script>", ""]
    await store.append(session.id, [line(text) for text in awkward])
    await store.append(session.id, [message(text) for text in awkward])
    await store.write(
        lambda tx: tx.append(
            session.id,
            factories.NewEvent(
                "console", {"lines": [], "n": 1.5, "big": 2**53, "none": None}, new_id(), "step-1"
            ),
        )
    )
    frames = await store.read(lambda tx: events.read_frames(tx, session.id, 0, 100))
    again = await store.read(lambda tx: events.read_frames(tx, session.id, 0, 100))
    log = await store.read(lambda tx: events.list_events(tx, session.id))
    assert frames == again
    assert [data for _, data in frames] == [orjson.dumps(event.frame()) for event in log]
    assert [seq for seq, _ in frames] == [event.seq for event in log] == list(range(1, 12))


async def test_pages_of_events_follow_each_other(store: Store, session: Session) -> None:
    await store.append(session.id, [line(str(n)) if n % 2 else message(str(n)) for n in range(1, 10)])

    async def seqs(**where: Any) -> list[int]:
        return [e.seq for e in await store.read(lambda tx: events.list_events(tx, session.id, **where))]

    assert await seqs(after=0, limit=4) == [1, 2, 3, 4]
    assert await seqs(after=4, limit=4) == [5, 6, 7, 8]
    assert await seqs(types=("agent_message",)) == [2, 4, 6, 8]
    latest = await store.read(lambda tx: events.list_latest_events(tx, session.id, before=8, limit=3))
    assert [e.seq for e in latest] == [5, 6, 7]
    latest = await store.read(lambda tx: events.list_latest_events(tx, session.id, before=None, limit=2))
    assert [e.seq for e in latest] == [8, 9]


@pytest.mark.parametrize("cleared", [0, 5])
async def test_every_page_is_the_same_however_many_queries_it_takes(
    store: Store, session: Session, monkeypatch: pytest.MonkeyPatch, cleared: int
) -> None:
    monkeypatch.setattr(messages, "_AT_ONCE", 3)
    count = 11
    for number in range(1, count + 1):
        await store.append(session.id, [line("between"), message(str(number))])
    await store.write(lambda tx: messages.set_history_floor(tx, session.id, cleared))
    there = list(range(cleared + 1, count + 1))

    def pages(tx: Tx) -> list[tuple[object, list[int], list[int]]]:
        found: list[tuple[object, list[int], list[int]]] = []
        for limit in range(14):
            asked: list[tuple[dict[str, int], list[int]]] = [({}, there[-limit:] if limit else [])]
            for edge in (0, 1, 4, 6, 11, 12, 13, 999):
                before, after = [p for p in there if p < edge], [p for p in there if p > edge]
                asked += [
                    ({"before": edge}, before[-limit:] if limit else []),
                    ({"after": edge}, after[:limit]),
                ]
            for where, expected in asked:
                page = messages.list_messages(tx, session.id, limit=limit, **where)
                assert [m.text for m in page] == [str(m.position) for m in page]
                found.append(((limit, where), [m.position for m in page], expected))
        return found

    for asked, positions, expected in await store.read(pages):
        assert positions == expected, asked
    alone = await store.read(lambda tx: messages.list_messages(tx, session.id, limit=2), snapshot=False)
    assert [m.position for m in alone] == there[-2:]
    assert alone[0].created_at == store.now()
