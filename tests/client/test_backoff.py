"""A reader comes back at once, then after growing random pauses, soonest to a server on the same machine."""

from __future__ import annotations

import pytest

from perdure.client.problems import ServerUnreachable
from perdure.client.stream import Backoff
from perdure.errors import TooMany


def _pauses(backoff: Backoff, count: int, *, crowded: bool = False) -> list[float]:
    return [backoff.next_pause_s("cut", crowded=crowded) for _ in range(count)]


@pytest.mark.parametrize(
    ("is_near", "spans"),
    [(True, [0, 0.5, 1, 2, 2, 2, 2]), (False, [0, 0.5, 1, 2, 4, 5, 5])],
    ids=["this machine", "elsewhere"],
)
def test_pauses_grow_to_a_span_and_no_further(is_near: bool, spans: list[float]) -> None:
    for _ in range(50):
        pauses = _pauses(Backoff(is_near=is_near), len(spans))
        assert all(span / 2 <= pause <= span for pause, span in zip(pauses, spans, strict=True))


def test_two_readers_that_were_cut_together_come_back_apart() -> None:
    assert _pauses(Backoff(is_near=True), 8)[1:] != _pauses(Backoff(is_near=True), 8)[1:]


def test_a_server_that_is_back_is_asked_again_at_once_when_it_goes_away_again() -> None:
    backoff = Backoff(is_near=True)
    _pauses(backoff, 6)
    backoff.reset()
    assert backoff.next_pause_s("cut") == 0


def test_a_crowded_server_is_left_alone_for_longer() -> None:
    pauses = _pauses(Backoff(is_near=True), 10, crowded=True)
    assert pauses[0] > 0
    assert 15 <= pauses[-1] <= 30


def test_pauses_stay_the_same_after_any_number_of_attempts() -> None:
    assert 1 <= _pauses(Backoff(is_near=True), 5000)[-1] <= 2


def test_gives_up_after_the_attempts_it_was_given() -> None:
    backoff = Backoff(2)
    _pauses(backoff, 2)
    with pytest.raises(ServerUnreachable):
        backoff.next_pause_s("cut")
    with pytest.raises(TooMany):
        backoff.next_pause_s("cut", crowded=True)
