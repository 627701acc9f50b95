"""The stream hands out every event once and in order, whatever happens to its connections."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from perdure.client import AsyncPerdure, Delta, LogReset, Perdure, Reconnecting, ServerUnreachable, Superseded
from perdure.client.stream import Backoff
from perdure.errors import Forbidden, InvalidInput, NotFound, PerdureError, Unauthenticated
from tests.fakes.scripted_server import DROP, SESSION, SILENCE, ScriptedServer, close, event

Collect = Callable[..., list[Any]]


def _collect_sync(url: str, count: int | None = None, **wish: Any) -> list[Any]:
    with Perdure(url) as client:
        stream = client.stream(SESSION, **wish)
        items = list(itertools.islice(stream, count))
        stream.close()  # pyright: ignore[reportAttributeAccessIssue]
        return items


def _collect_async(url: str, count: int | None = None, **wish: Any) -> list[Any]:
    async def read() -> list[Any]:
        items: list[Any] = []
        async with AsyncPerdure(url) as client:
            stream = client.stream(SESSION, **wish)
            async for item in stream:
                items.append(item)
                if len(items) == count:
                    break
            await stream.aclose()  # pyright: ignore[reportAttributeAccessIssue]
        return items

    return asyncio.run(read())


@pytest.fixture(params=[_collect_sync, _collect_async], ids=["sync", "async"])
def collect(request: pytest.FixtureRequest) -> Collect:
    return request.param


def _seqs(items: list[Any]) -> list[int]:
    return [item.seq for item in items]


def test_yields_single_and_batched_events(collect: Collect) -> None:
    script = [[event(1), {"type": "events", "events": [event(2), event(3)]}, event(4), SILENCE]]
    with ScriptedServer(script) as server:
        assert _seqs(collect(server.url, 4)) == [1, 2, 3, 4]


def test_comes_back_after_a_cut_with_the_last_sequence_number(collect: Collect) -> None:
    with ScriptedServer([[event(1), event(2), DROP], [event(3), close(1012)], [event(4)]]) as server:
        assert _seqs(collect(server.url, 4)) == [1, 2, 3, 4]
        assert server.asked == [0, 2, 3]


def test_drops_what_it_has_already(collect: Collect) -> None:
    with ScriptedServer([[event(1), event(1), event(2), DROP], [event(1), event(2), event(3)]]) as server:
        assert _seqs(collect(server.url, 3)) == [1, 2, 3]


def test_reconnects_from_the_last_event_on_a_gap(collect: Collect) -> None:
    script = [[event(1), event(3), event(4)], [event(2), event(3), event(4)]]
    with ScriptedServer(script) as server:
        assert _seqs(collect(server.url, 4)) == [1, 2, 3, 4]
        assert server.asked == [0, 1]


def test_reports_a_log_in_which_an_event_is_missing_for_good(collect: Collect, monkeypatch: Any) -> None:
    monkeypatch.setattr("perdure.client.stream.random.uniform", lambda _low, _high: 0.0)
    with ScriptedServer([[event(1), event(3)]] * 12) as server, pytest.raises(LogReset) as caught:
        collect(server.url)
    assert caught.value.fields["reason"] == "gap"


def test_starts_after_what_the_caller_has(collect: Collect) -> None:
    with ScriptedServer([[event(5), event(6)]]) as server:
        assert _seqs(collect(server.url, 2, after=4)) == [5, 6]
        assert server.asked == [4]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (4400, InvalidInput),
        (4401, Unauthenticated),
        (4403, Forbidden),
        (4404, NotFound),
        (4409, Superseded),
        (4410, LogReset),
    ],
)
def test_stops_on_a_final_close_code(collect: Collect, code: int, error: type[PerdureError]) -> None:
    with ScriptedServer([[event(1), close(code, "because")]]) as server, pytest.raises(error):
        collect(server.url)
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 4408, 4429])
def test_comes_back_after_other_close_codes(collect: Collect, code: int) -> None:
    with ScriptedServer([[event(1), close(code)], [event(2)]]) as server:
        assert _seqs(collect(server.url, 2)) == [1, 2]


def test_reports_a_reset_of_the_log(collect: Collect) -> None:
    reset = {"type": "reset", "epoch": 2, "floor": 7, "reason": "restored"}
    with ScriptedServer([[event(1), reset]]) as server, pytest.raises(LogReset) as caught:
        collect(server.url)
    assert (caught.value.fields["epoch"], caught.value.fields["floor"]) == (2, 7)


def test_reports_a_reset_that_happened_while_it_was_away(collect: Collect) -> None:
    first = [{"type": "sync", "epoch": 1, "from_seq": 1, "through_seq": 1}, event(1), DROP]
    second = [{"type": "sync", "epoch": 2, "from_seq": 2, "through_seq": 9}, event(2)]
    with ScriptedServer([first, second]) as server, pytest.raises(LogReset):
        collect(server.url)


def test_waits_for_a_server_that_is_away_and_tells_so(collect: Collect) -> None:
    notices: list[Reconnecting] = []
    with ScriptedServer([[event(1), DROP], [DROP], [DROP], [event(2)]]) as server:
        assert _seqs(collect(server.url, 2, on_reconnect=notices.append)) == [1, 2]
    assert [n.attempt for n in notices] == [1, 2, 3]
    assert notices[0].pause_s == 0
    assert all(0 <= n.pause_s <= 0.25 * 2**n.attempt for n in notices)


def test_a_server_that_was_only_restarted_is_not_waited_for_longer_than_seconds() -> None:
    lone, crowded = Backoff(), Backoff()
    pauses = [lone.next_pause_s("away") for _ in range(2000)]
    assert pauses[0] == 0
    assert 4 < max(pauses[20:]) <= 5
    assert max(crowded.next_pause_s("full", crowded=True) for _ in range(200)) > 5


def test_gives_up_when_told_to(collect: Collect) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ServerUnreachable):
            collect(url, give_up_after=2)


def test_ends_when_everything_is_read_and_no_run_is_live(collect: Collect) -> None:
    sync = {"type": "sync", "epoch": 1, "from_seq": 1, "through_seq": 2}
    with ScriptedServer([[sync, event(1), event(2), SILENCE]], {"as_of_seq": 2}) as server:
        started = time.monotonic()
        assert _seqs(collect(server.url, until_idle=True)) == [1, 2]
    assert time.monotonic() - started < 1.5


def test_stays_while_a_run_waits_for_a_person(collect: Collect) -> None:
    waiting = {"run_id": SESSION, "session_id": SESSION, "status": "waiting"}
    sync = {"type": "sync", "epoch": 1, "from_seq": 1, "through_seq": 1}
    with ScriptedServer([[sync, event(1), event(2)]], {"as_of_seq": 2, "current_run": waiting}) as server:
        assert _seqs(collect(server.url, 2, until_idle=True)) == [1, 2]


def test_yields_deltas_without_holes_or_repetition(collect: Collect) -> None:
    def delta(offset: int, text: str) -> dict[str, Any]:
        return {"type": "message_delta", "message_id": "m", "offset": offset, "text": text}

    message = event(1, "agent_message", message_id="m", content="Hello world")
    script = [[delta(0, "Hello"), delta(5, " w"), DROP], [delta(0, "Hello wor"), delta(9, "ld"), message]]
    with ScriptedServer(script) as server:
        items = collect(server.url, 5, include_deltas=True)
    assert "".join(i.text for i in items if isinstance(i, Delta)) == "Hello world"
    assert items[-1].type == "agent_message"


def test_leaves_deltas_out_unless_asked(collect: Collect) -> None:
    delta = {"type": "message_delta", "message_id": "m", "offset": 0, "text": "x"}
    with ScriptedServer([[delta, event(1), delta, event(2)]]) as server:
        assert _seqs(collect(server.url, 2)) == [1, 2]


def test_passes_over_frames_it_does_not_know(collect: Collect) -> None:
    script = [
        [{"type": "status", "status": "connected", "seq": 9}, {"type": "hologram"}, [], event(1, "new_type")]
    ]
    with ScriptedServer(script) as server:
        assert collect(server.url, 1)[0].type == "new_type"
