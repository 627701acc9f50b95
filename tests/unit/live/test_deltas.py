"""Text in progress."""

from __future__ import annotations

from perdure.live.deltas import Deltas


def test_keeps_the_text_so_far() -> None:
    deltas = Deltas()
    deltas.begin("s", "m", run_id="r", agent="a")
    deltas.append("s", "m", "one ")
    deltas.append("s", "m", "two")
    (message,) = deltas.open_messages("s")
    assert (message.message_id, message.run_id, message.agent, message.text) == ("m", "r", "a", "one two")


def test_hands_an_ended_message_out_once_more() -> None:
    deltas = Deltas()
    deltas.begin("s", "m", run_id=None, agent=None)
    deltas.append("s", "m", "all")
    deltas.end("s", "m")
    deltas.append("s", "m", "late")
    assert deltas.open_messages("s") == []
    (message,) = deltas.collect("s")
    assert (message.text, message.ended) == ("all", True)
    assert deltas.collect("s") == []


def test_a_message_begun_anew_is_another_generation() -> None:
    deltas = Deltas()
    deltas.begin("s", "m", run_id=None, agent=None)
    deltas.append("s", "m", "first")
    before = deltas.open_messages("s")[0].generation
    deltas.begin("s", "m", run_id=None, agent=None)
    (message,) = deltas.open_messages("s")
    assert message.text == ""
    assert message.generation > before


def test_tells_of_every_change_and_ignores_what_is_not_open() -> None:
    deltas = Deltas()
    told: list[str] = []
    deltas.on_change(told.append)
    deltas.append("s", "m", "x")
    deltas.end("s", "m")
    assert told == []
    deltas.begin("s", "m", run_id=None, agent=None)
    deltas.append("s", "m", "x")
    deltas.append("s", "m", "")
    deltas.end("s", "m")
    assert told == ["s", "s", "s"]
