"""The hub over a log that is a list, with a bus that can lose hints."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from perdure.live.bus import MemoryBus
from perdure.live.deltas import Deltas
from perdure.live.feed import NOTHING_DRAFTED, RING_FRAMES, DraftState, Feed, Frame
from perdure.live.hub import Hub


class Log:
    """A log in memory that counts how often it is read."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.epoch = 1
        self.fetches = 0

    def grow(self, count: int = 1) -> None:
        for _ in range(count):
            seq = len(self.frames) + 1
            self.frames.append((seq, b'{"seq":%d}' % seq))

    async def fetch(self, _session_id: str, after: int, limit: int) -> list[Frame]:
        self.fetches += 1
        await asyncio.sleep(0.001)
        return self.frames[after : after + limit]

    async def head(self, _session_id: str) -> tuple[int, int]:
        await asyncio.sleep(0.001)
        return len(self.frames), self.epoch


class Viewer:
    """A follower that takes everything, and notes when it is behind or reset."""

    def __init__(self, after: int = 0) -> None:
        self.after = after
        self.drafts: DraftState = NOTHING_DRAFTED
        self.texts: list[str] = []
        self.resets: list[str] = []

    def take(self, feed: Feed) -> None:
        texts = feed.event_texts(self.after, batch=False)
        assert texts is not None
        self.texts += [*feed.draft_texts(self.drafts), *texts]
        self.after, self.drafts = feed.head, feed.drafts

    def reset(self, epoch: int, floor: int, reason: str) -> None:
        self.resets.append(reason)


async def eventually(true: Callable[[], object]) -> None:
    async with asyncio.timeout(2):
        while not true():  # noqa: ASYNC110 - what is waited for offers no event
            await asyncio.sleep(0.02)


class Live:
    def __init__(self) -> None:
        self.log = Log()
        self.bus = MemoryBus()
        self.deltas = Deltas()
        self.hub = Hub(self.bus, self.deltas, self.log.fetch, self.log.head, poll_s=0.2, tick_few_s=0.005)


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    made = Live()
    await made.hub.start()
    yield made
    await made.hub.stop()


async def test_reads_the_past_and_waits_for_the_future(live: Live) -> None:
    live.log.grow(3)
    assert [s for s, _ in (await live.hub.read("s", 1, 10, 1.0)).frames] == [2, 3]
    waiting = asyncio.create_task(live.hub.read("s", 3, 10, 5.0))
    await asyncio.sleep(0.05)
    live.log.grow()
    threading.Thread(target=live.bus.publish, args=("s",)).start()
    assert [s for s, _ in (await waiting).frames] == [4]
    assert (await live.hub.read("s", 4, 10, 0.01)).frames == []
    assert live.hub.feed_count == 0


async def test_reads_once_for_all_viewers(live: Live) -> None:
    live.log.grow(5)
    async with live.hub.open("s") as feed:
        viewers = [Viewer(after=feed.head) for _ in range(300)]
        for viewer in viewers:
            feed.join(viewer)
        await asyncio.sleep(0.05)
        before = live.log.fetches
        live.log.grow(10)
        live.bus.publish("s")
        await asyncio.sleep(0.1)
        assert live.log.fetches - before <= 2
        assert all(len(viewer.texts) == 10 and viewer.after == 15 for viewer in viewers)
        assert len({id(viewer.texts[0]) for viewer in viewers}) == 1


async def test_a_lost_hint_is_made_up_for(live: Live) -> None:
    async with live.hub.open("s") as feed:
        viewer = Viewer(feed.head)
        feed.join(viewer)
        live.log.grow(2)
        await eventually(lambda: viewer.after == 2)


async def test_never_hands_out_beyond_its_head_while_reading_the_past(live: Live) -> None:
    live.log.grow(10)
    async with live.hub.open("s") as feed:
        live.log.grow(5)
        assert [s for s, _ in await feed.read(0)] == list(range(1, feed.head + 1))


async def test_keeps_a_bounded_ring_and_reads_older_ones_from_the_log(live: Live) -> None:
    async with live.hub.open("s") as feed:
        live.log.grow(RING_FRAMES + 700)
        live.bus.publish("s")
        await asyncio.sleep(0.2)
        assert feed.head == RING_FRAMES + 700
        seen: list[int] = []
        while frames := await feed.read(seen[-1] if seen else 0):
            seen += [s for s, _ in frames]
        assert seen == list(range(1, feed.head + 1))
        assert feed.event_texts(10, batch=True) is None


async def test_two_pulls_at_once_bring_nothing_twice(live: Live) -> None:
    async with live.hub.open("s") as feed:
        live.log.grow(50)
        await asyncio.gather(*(feed.pull() for _ in range(5)))
        assert [s for s, _ in await feed.read(0)] == list(range(1, 51))


async def test_a_restored_log_resets_its_followers(live: Live) -> None:
    live.log.grow(5)
    async with live.hub.open("s") as feed:
        viewer = Viewer(feed.head)
        feed.join(viewer)
        await asyncio.sleep(0.05)
        live.log.epoch = 2
        live.log.frames = live.log.frames[:2]
        await eventually(lambda: viewer.resets)
        assert (feed.head, feed.epoch, viewer.resets) == (2, 2, ["restored"])


async def test_deltas_of_one_state_are_encoded_once(live: Live) -> None:
    async with live.hub.open("s") as feed:
        viewers = [Viewer(feed.head) for _ in range(5)]
        for viewer in viewers:
            feed.join(viewer)
        live.deltas.begin("s", "m", run_id=None, agent=None)
        live.deltas.append("s", "m", "Hello")
        await asyncio.sleep(0.1)
        assert all('"text":"Hello"' in "".join(viewer.texts) for viewer in viewers)
        assert len({id(viewer.texts[-1]) for viewer in viewers}) == 1


async def test_list_hints_reach_their_owner_only(live: Live) -> None:
    mine: list[object] = []
    stop = live.hub.follow_list("me", mine.append)
    live.bus.publish_list("me", {"type": "session:created"})
    live.bus.publish_list("you", {"type": "session:deleted"})
    await asyncio.sleep(0.02)
    stop()
    live.bus.publish_list("me", {"type": "session:updated"})
    await asyncio.sleep(0.02)
    assert mine == [{"type": "session:created"}]


async def test_list_hints_reach_those_it_is_shared_with_at_that_moment(live: Live) -> None:
    asked: list[list[str]] = []
    people = {"s": {"you", "gone"}}

    async def audience(session_ids: Sequence[str]) -> dict[str, set[str]]:
        asked.append(list(session_ids))
        return people

    hub = Hub(live.bus, live.deltas, live.log.fetch, live.log.head, audience)
    await hub.start()
    seen: dict[str, list[object]] = {name: [] for name in ("me", "you", "other")}
    mine = hub.follow_list("me", seen["me"].append)
    told = {"type": "session:updated", "session_id": "s"}
    live.bus.publish_list("me", told)
    await eventually(lambda: seen["me"])
    assert asked == [], "nobody else follows a list here, so nobody is looked for"
    for name in ("you", "other"):
        hub.follow_list(name, seen[name].append)
    for _ in range(50):
        live.bus.publish_list("me", told)
    await eventually(lambda: len(seen["you"]) == 50)
    assert len(asked) < 50
    live.bus.publish_list("me", told, personal=True)
    await eventually(lambda: len(seen["me"]) == 52)
    people["s"] = set()
    mine()
    live.bus.publish_list("me", told)
    number = len(asked)
    await eventually(lambda: len(asked) > number)
    await hub.stop()
    assert (len(seen["me"]), len(seen["you"]), seen["other"]) == (52, 50, [])


async def test_forgets_text_that_ended_while_nobody_read(live: Live) -> None:
    live.deltas.begin("s", "m", run_id=None, agent=None)
    live.deltas.append("s", "m", "x")
    live.deltas.end("s", "m")
    await asyncio.sleep(0.02)
    assert live.deltas.collect("s") == []


class Faulty(Viewer):
    """A follower with a mistake in it."""

    def take(self, feed: Feed) -> None:
        raise RuntimeError("a mistake")


async def test_a_follower_that_fails_starts_over_and_the_others_miss_nothing(live: Live) -> None:
    faulty, sound = Faulty(), Viewer()
    async with live.hub.open("s") as feed:
        feed.join(faulty)
        feed.join(sound)
        live.log.grow()
        live.bus.publish("s")
        await eventually(lambda: sound.after == 1)
        live.log.grow()
        live.bus.publish("s")
        await eventually(lambda: sound.after == 2)

        assert feed.follower_count == 1
        assert faulty.resets == ["failed"]


async def test_feeds_are_looked_at_again_after_a_mistake() -> None:
    log, mistakes = Log(), [RuntimeError("a mistake")]

    async def head(session_id: str) -> tuple[int, int]:
        if log.frames and mistakes:
            raise mistakes.pop()
        return await log.head(session_id)

    hub = Hub(MemoryBus(), Deltas(), log.fetch, head, poll_s=0.02)
    await hub.start()
    try:
        async with hub.open("s") as feed:
            await eventually(lambda: feed.pulled_at and not feed.ticking)
            log.grow()  # and nobody says so
            await eventually(lambda: not mistakes)
            log.grow()
            await eventually(lambda: feed.head == 2)
    finally:
        await hub.stop()
