"""Writes `docs/events.md` from the event payloads: `python -m tools.events`."""

from __future__ import annotations

from pathlib import Path

from perdure.api.socket.protocol import Close
from perdure.core.events import EVENT_TYPES, EventData

PAGE = Path(__file__).resolve().parents[1] / "docs" / "events.md"
_HEAD = """# Events and sockets

Written by `python -m tools.events` from `perdure.core.events` and `perdure.api.socket.protocol`; change those, not
this page.

Every session has one log. Its events count 1, 2, 3 … without gaps and are never changed: a reader that remembers
the last `seq` it applied can come back at any time, over `/ws/sessions/{id}?after=SEQ`, `/ws/sessions` (`watch
{session_id, after}`), `/ws/{task_id}` (`last_event_id`) or SSE (`Last-Event-ID`), and gets exactly the rest. With
`batch: true` several events share a frame.

A frame of an event is `{seq, id, type, session_id, run_id, step, timestamp, data}`. Tokens travel as `message_delta
{message_id, offset, text}`: not stored, not numbered; whoever joins in the middle gets the text so far first.
`offset` counts Unicode code points. Frames of a client (`message`, `approval_response`, `pause`, `resume`,
`cancel`, `steer`, `watch`, `unwatch`, `request_state`, `ping`) are answered by `ack {ref}` or `error {ref, code,
message}`.

Skip types and fields that you do not know: types and fields are only ever added.
"""


def page() -> str:
    """Return the whole page."""
    rows = ["## Types", "", "| type | when | data |", "|---|---|---|"]
    rows += [_row(name, data) for name, data in EVENT_TYPES.items()]
    rows += ["", "## Close codes", "", "| code | name | come back? |", "|---|---|---|"]
    rows += [f"| {code.value} | {code.name.lower().replace('_', ' ')} | {_back(code)} |" for code in Close]
    return "\n".join([_HEAD, *rows, ""])


def _row(name: str, data: type[EventData]) -> str:
    said = (data.__doc__ or "").strip().splitlines()[0]
    fields = ", ".join(f"`{field}`" for field in data.model_fields)
    return f"| `{name}` | {said} | {fields} |"


def _back(code: Close) -> str:
    if code in (Close.GOING_AWAY, Close.TRY_LATER, Close.TOO_SLOW):
        return "yes, with the last `seq`"
    if code is Close.TOO_MANY:
        return "later"
    if code is Close.LOG_RESET:
        return "yes, from a fresh snapshot"
    return "not before what it says is mended"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
