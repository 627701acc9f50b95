"""Searching the log of a session: every stretch of it, in both directions, without its field names."""

from __future__ import annotations

import pytest

from perdure.core.events import Console, NewEvent, PhaseChange
from perdure.core.sessions import Session
from perdure.store import event_search
from perdure.store.event_search import Found, search_events
from perdure.store.store import Store


@pytest.fixture
def log(store: Store, session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session with 60 lines, of which 3, 33 and 58 are told apart, looked through 20 events at a time."""
    monkeypatch.setattr(event_search, "SPAN", 20)
    monkeypatch.setattr(event_search, "_AT_ONCE", 4)
    said = {3: "Die FÄHRE fuhr ab", 33: 'a "quoted" 100% _sure_ line', 58: "the fähre came back"}
    lines = [NewEvent.of(Console(lines=[said.get(n, f"line {n}")])) for n in range(1, 60)]
    store.write_now(lambda tx: tx.append(session.id, *lines, NewEvent.of(PhaseChange(phase="planning"))))
    return session


def found(store: Store, log: Session, words: str, **where: object) -> Found:
    options = {"after": 0, "before": 61, "backwards": False, **where}
    return store.read_now(lambda tx: search_events(tx, log.id, words, **options))  # pyright: ignore[reportArgumentType]


def seqs(result: Found) -> list[int]:
    return [event.seq for event in result.events]


def test_a_stretch_is_looked_through_and_the_next_goes_on_where_it_ended(store: Store, log: Session) -> None:
    first = found(store, log, "FÄHRE")
    assert (seqs(first), first.reached) == ([3], 20)
    second = found(store, log, "fähre", after=first.reached)
    assert (seqs(second), second.reached) == ([], 40)
    third = found(store, log, "fähre", after=second.reached)
    assert (seqs(third), third.reached) == ([58], 60)


def test_backwards_begins_with_the_newest(store: Store, log: Session) -> None:
    first = found(store, log, "fähre", backwards=True)
    assert (seqs(first), first.reached) == ([58], 41)
    last = found(store, log, "fähre", backwards=True, before=21)
    assert (seqs(last), last.reached) == ([3], 1)


def test_a_full_page_ends_at_its_last_event(store: Store, log: Session) -> None:
    assert seqs(newest := found(store, log, "line", backwards=True, limit=5)) == [54, 55, 56, 57, 59]
    assert newest.reached == 54
    assert seqs(oldest := found(store, log, "line", limit=5)) == [1, 2, 4, 5, 6]
    assert oldest.reached == 6


@pytest.mark.parametrize("words", ["LINES", "stream", "[", "line_9", "null"])
def test_field_names_and_the_marks_of_json_are_not_what_was_said(
    store: Store, log: Session, words: str
) -> None:
    assert seqs(found(store, log, words)) == []


@pytest.mark.parametrize("words", ['"quoted"', "100% _sure_", "% _s"])
def test_signs_stand_for_themselves(store: Store, log: Session, words: str) -> None:
    assert seqs(found(store, log, words, after=25)) == [33]


def test_types_are_found_by_name_and_narrow_the_search(store: Store, log: Session) -> None:
    assert seqs(found(store, log, "phase_ch", after=45)) == [60]
    assert seqs(found(store, log, "", types=("phase_change",))) == [60]
    assert seqs(found(store, log, "line", after=45, types=("phase_change",))) == []


def test_without_words_the_newest_events_are_had_in_one_page(store: Store, log: Session) -> None:
    page = found(store, log, "", backwards=True, limit=40)
    assert (seqs(page), page.reached) == (list(range(21, 61)), 21)
