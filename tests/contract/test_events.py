"""Every event type has a stored example; what was once published can be read for ever."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from perdure.api.socket.protocol import ServerFrame
from perdure.api.wire.events import EVENT_MODELS, AnyEvent
from perdure.core.events import EVENT_TYPES, Event

FOLDER = Path(__file__).parent / "events"
EXAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def test_every_type_has_an_example_and_every_example_a_type() -> None:
    assert set(EXAMPLES) == set(EVENT_TYPES) == set(EVENT_MODELS)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_read_as_its_type_and_written_back_the_same(name: str) -> None:
    example = EXAMPLES[name]
    read: Any = TypeAdapter[Any](cast("Any", AnyEvent)).validate_python(example)
    assert read.type == name
    assert type(read.data) is EVENT_TYPES[name]
    assert read.model_dump(mode="json") == example


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_has_the_form_in_which_the_log_hands_it_out(name: str) -> None:
    example = EXAMPLES[name]
    stored = Event(
        session_id=example["session_id"],
        seq=example["seq"],
        type=name,
        run_id=example["run_id"],
        step_id=example["step"],
        payload=EVENT_TYPES[name].model_validate(example["data"]).model_dump(mode="json"),
        created_at=datetime.fromisoformat(example["timestamp"]),
    )
    assert list(stored.frame()) == list(example)
    assert stored.frame() == example


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_a_server_frame_and_new_fields_do_not_break_it(name: str) -> None:
    example = EXAMPLES[name]
    newer = {**example, "new": 1, "data": {**example["data"], "new": {"x": 1}}}
    read: Any = TypeAdapter[Any](cast("Any", ServerFrame)).validate_python(newer)
    assert read.type == name
    assert read.seq == example["seq"]
