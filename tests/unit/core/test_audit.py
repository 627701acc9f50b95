"""The audit chain: whatever is changed, taken out, put in or moved, the first bad row is named."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.core.access import Actor
from perdure.core.audit import (
    GENESIS,
    Act,
    AuditEntry,
    AuditResult,
    Fault,
    Head,
    Refused,
    hash_of,
    read_heads,
    verify,
)
from perdure.errors import Forbidden, InvalidInput
from tests.factories import OWNER, START

SOME = Actor(user_id="u", name="n", source="10.0.0.1 program")
ACT_COLUMNS = [column.name for column in fields(Act)]
COLUMNS = [*ACT_COLUMNS, "created_micros", "previous_hash", "hash"]

texts = st.text(max_size=20)
acts = st.builds(
    Act,
    actor_id=texts,
    action=texts,
    object_type=texts,
    object_id=st.none() | texts,
    session_id=st.none() | texts,
    source=st.none() | texts,
    result=st.sampled_from(list(AuditResult)).map(str),
    details=st.just("{}") | texts,
)


def chain(said: list[Act]) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    last = GENESIS
    for position, act in enumerate(said, 1):
        entries.append(AuditEntry.following(position, last, 1000 + position, act))
        last = entries[-1].hash
    return entries


def head_of(entries: list[AuditEntry]) -> Head:
    return Head(len(entries), entries[-1].hash if entries else GENESIS)


chains = st.lists(acts, min_size=1, max_size=8).map(chain)


def numbered(count: int) -> list[AuditEntry]:
    return chain([Act.of(SOME, "session.update", "session", str(n)) for n in range(count)])


@given(chains)
def test_a_chain_that_nobody_touched_is_whole(entries: list[AuditEntry]) -> None:
    verdict = verify(iter(entries), head_of(entries))
    assert verdict.ok
    assert (verdict.rows, verdict.last_hash) == (len(entries), entries[-1].hash)
    assert verify(entries).ok


def test_an_empty_chain_is_whole() -> None:
    assert verify([], Head(0, GENESIS)).ok
    assert verify([]).last_hash == GENESIS


@given(chains, st.data())
def test_a_changed_column_of_any_row_is_named(entries: list[AuditEntry], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(entries) - 1))
    column = data.draw(st.sampled_from(COLUMNS))
    other = data.draw(st.none() | texts | st.integers() | st.binary(max_size=3))
    old = entries[row]
    if column in ACT_COLUMNS:
        if getattr(old.act, column) == other:
            return
        changed = replace(old, act=replace(old.act, **{column: other}))
    else:
        if getattr(old, column) == other:
            return
        changed = replace(old, **{column: other})
    tampered = [*entries[:row], changed, *entries[row + 1 :]]
    for head in (None, head_of(entries)):
        verdict = verify(tampered, head)
        assert (verdict.fault, verdict.position, verdict.rows) == (Fault.CHANGED, row + 1, row)
        assert verdict.why


@given(chains, st.data())
def test_a_missing_row_is_named(entries: list[AuditEntry], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(entries) - 1))
    verdict = verify([*entries[:row], *entries[row + 1 :]], head_of(entries))
    assert (verdict.fault, verdict.position) == (Fault.MISSING, row + 1)


@given(chains, st.data())
def test_rows_closed_up_over_a_gap_are_named(entries: list[AuditEntry], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(entries) - 1))
    later = [replace(entry, position=entry.position - 1) for entry in entries[row + 1 :]]
    verdict = verify([*entries[:row], *later], head_of(entries))
    expected = Fault.CHANGED if later else Fault.MISSING
    assert (verdict.fault, verdict.position) == (expected, row + 1)


def test_a_row_renumbered_is_named_by_the_place_it_left() -> None:
    entries = numbered(4)
    moved = replace(entries[1], position=9)
    verdict = verify([entries[0], entries[2], entries[3], moved], head_of(entries))
    assert (verdict.fault, verdict.position) == (Fault.MISSING, 2)


def test_rows_read_in_the_wrong_order_are_named() -> None:
    first, second, third = numbered(3)
    assert verify([first, third, second]).position == 2
    twice = verify([first, second, second, third])
    assert (twice.fault, twice.position) == (Fault.WRONG_ORDER, 2)


def test_a_row_written_anew_with_a_hash_that_fits_is_noticed_by_its_follower() -> None:
    entries = numbered(3)
    act = Act.of(SOME, "session.delete", "session", "0")
    forged = AuditEntry.following(1, GENESIS, entries[0].created_micros, act)
    verdict = verify([forged, *entries[1:]], head_of(entries))
    assert (verdict.fault, verdict.position) == (Fault.WRONG_ORDER, 2)
    assert "that one was replaced" in verdict.why


def test_rows_behind_the_head_and_a_last_row_written_anew_are_named() -> None:
    entries = numbered(4)
    added = verify(entries, head_of(entries[:3]))
    assert (added.fault, added.position, added.rows) == (Fault.ADDED, 4, 3)
    forged = AuditEntry.following(4, entries[2].hash, 7, entries[0].act)
    replaced = verify([*entries[:3], forged], head_of(entries))
    assert (replaced.fault, replaced.position) == (Fault.CHANGED, 4)


def test_the_hash_is_what_the_documentation_says() -> None:
    act = Act("u", "file.upload", "file", "ü.md", "s", None, "done", '{"size_bytes":3}')
    text = '[1,1500000,"u","file.upload","file","\\u00fc.md","s",null,"done","{\\"size_bytes\\":3}"]'
    expected = hashlib.sha256(("0" * 64 + "\n" + text).encode()).hexdigest()
    assert hash_of(1, GENESIS, 1_500_000, act) == expected


def test_an_act_keeps_the_session_it_is_about_and_only_known_details() -> None:
    of_session = Act.of(SOME, "session.suspend", "session", "s1", details={"when": "now", "run_id": None})
    assert (of_session.session_id, of_session.details) == ("s1", '{"when":"now"}')
    of_run = Act.of(SOME, "run.cancel", "run", "r1", session_id="s1")
    assert (of_run.session_id, of_run.source, of_run.result) == ("s1", "10.0.0.1 program", "done")


@pytest.mark.parametrize("source", ["a", None])
def test_from_where_decides_nothing_about_who(source: Any) -> None:
    assert replace(SOME, source=source) == SOME


def test_an_entry_tells_when_it_was_done_and_what_there_is_besides() -> None:
    act = Act.of(OWNER, "session.create", "session", "s", details={"mode": "ocr", "unknown": None})
    entry = AuditEntry.following(1, GENESIS, 1_772_366_400_000_001, act)
    assert entry.created_at == START + timedelta(microseconds=1)
    assert entry.details == {"mode": "ocr"}


def test_a_refusal_says_the_same_to_the_caller_and_knows_its_act() -> None:
    act = Act.of(OWNER, "session.purge", "session", "s", result=AuditResult.REFUSED)
    refusal = Forbidden("No.", role="view")
    refused = Refused(refusal, act)
    assert refused.to_dict() == refusal.to_dict()
    assert refused.act is act


def noted(entries: list[AuditEntry], *positions: int) -> list[Head]:
    """What was noted elsewhere when these rows were the newest."""
    return [Head(position, entries[position - 1].hash) for position in positions]


@given(chains, st.data())
def test_a_chain_written_anew_is_noticed_by_what_was_noted_elsewhere(
    entries: list[AuditEntry], data: st.DataObject
) -> None:
    count = len(entries)
    kept = sorted(data.draw(st.sets(st.integers(1, count), min_size=1)))
    assert verify(iter(entries), head_of(entries), against=noted(entries, *kept)).ok
    changed = data.draw(st.integers(1, count))
    acts = [replace(e.act, action=e.act.action + "!") if e.position == changed else e.act for e in entries]
    anew = chain(acts)
    assert verify(iter(anew), head_of(anew)).ok
    verdict = verify(iter(anew), head_of(anew), against=noted(entries, *kept))
    later = [position for position in kept if position >= changed]
    assert verdict.ok == (not later)
    if later:
        assert (verdict.fault, verdict.position) == (Fault.REWRITTEN, later[0])
        assert verdict.rows == max((position for position in kept if position < changed), default=0)
        assert verdict.last_hash == (entries[verdict.rows - 1].hash if verdict.rows else GENESIS)


def test_a_chain_cut_with_its_head_is_noticed_by_what_was_noted_elsewhere() -> None:
    entries = numbered(5)
    cut = entries[:3]
    assert verify(iter(cut), head_of(cut)).ok
    verdict = verify(iter(cut), head_of(cut), against=noted(entries, 2, 4))
    assert (verdict.fault, verdict.position, verdict.rows) == (Fault.MISSING, 4, 3)
    assert verify(iter(cut), head_of(cut), against=[Head(0, "f" * 64)]).fault is Fault.REWRITTEN
    assert verify(iter(cut), head_of(cut), against=[Head(0, GENESIS)]).ok
    twice = [*noted(entries, 2), Head(2, "f" * 64)]
    assert verify(iter(entries), head_of(entries), against=twice).position == 2


def test_noted_hashes_are_read_as_they_were_written() -> None:
    heads = noted(numbered(3), 1, 3)
    text = "# kept by ops\n\n" + "\n".join(head.line(START) for head in heads)
    assert read_heads(text) == heads
    for line in ("x", "2026-11-21T10:00:00Z 1", f"2026-11-21T10:00:00Z -1 {GENESIS}", "now 1 abc"):
        with pytest.raises(InvalidInput, match="Line 1 "):
            read_heads(line)
