"""Frames that a socket has to survive: what no JSON reader takes, what no field takes, and what belongs to others."""

from __future__ import annotations

import json
from typing import Any

NOT_JSON = [
    "",
    " ",
    "nope",
    "{",
    "}",
    '{"type": "ping"',
    '{"type": "ping"}}',
    '{"type": "ping"} {"type": "ping"}',
    '{"type": "ping",}',
    "{'type': 'ping'}",
    "{type: ping}",
    '// {"type": "ping"}',
    '{"type": "ping", "ref": NaN}',
    '{"type": "ping", "ref": Infinity}',
    '{"type": "ping", "ref": -Infinity}',
    '{"type": "ping", "ref": 1e999}',
    '{"type": "ping", "ref": 0x10}',
    '{"type": "ping", "ref": 01}',
    '{"type": "ping", "ref": +1}',
    '{"type": "ping", "ref": "\\ud800"}',
    '{"type": "ping", "ref": "\\udc00\\ud800"}',
    '{"\\ud800": 1, "type": "ping"}',
    '{"type": "ping", "ref": "\\x41"}',
    '{"type": "ping", "ref": "a\nb"}',
    '{"type": "message", "content": "a\\u0000b"}',
    '{"type": "message", "content": "x", "config": {"a\\u0000": 1}}',
    "\x00",
    '\ufeff{"type": "ping"}',
    "[" * 100_000,
    "[" * 60 + "]" * 59,
    '{"a":' * 100_000,
    '{"type": "message", "content": "x", "config": ' + '{"a":' * 70 + "1" + "}" * 71,
    '{"type": "message", "content": "x", "config": {"a": ' + "[" * 500 + "]" * 500 + "}}",
]

NOT_A_FRAME: list[Any] = [
    None,
    True,
    0,
    -1.5,
    "ping",
    [],
    [{"type": "ping"}],
    {},
    {"type": None},
    {"type": 3},
    {"type": []},
    {"type": {"type": "ping"}},
    {"type": ""},
    {"type": "PING"},
    {"type": "ping "},
    {"type": "pi\u200bng"},
    {"type": "__proto__"},
    {"type": "constructor"},
    {"type": "ack"},
    {"type": "error", "code": "x", "message": "y"},
    {"type": "status"},
    {"type": "events", "events": []},
    {"type": "sync", "session_id": "x"},
    {"type": "x" * 10_000},
    {"Type": "ping"},
    {"__proto__": {"type": "ping"}},
    {"constructor": {"prototype": {"type": "ping"}}},
]

FIELDS: dict[str, list[str]] = {
    "message": ["content", "client_id", "on_busy", "config", "session_id", "ref"],
    "approval_response": ["approval_id", "resolution", "approved", "feedback", "modifications", "answer"],
    "pause": ["when", "session_id", "ref"],
    "resume": ["additional_context", "from_step", "session_id"],
    "cancel": ["session_id", "ref"],
    "steer": ["content", "session_id"],
    "request_state": ["since", "session_id"],
    "watch": ["after", "epoch", "batch", "session_id"],
    "unwatch": ["session_id"],
    "auth": ["ticket", "token"],
    "ping": ["ref"],
}
NEEDED: dict[str, dict[str, Any]] = {
    "message": {"content": "Hello"},
    "approval_response": {"approval_id": "019f0000-0000-7000-8000-00000000abcd", "approved": True},
    "steer": {"content": "More"},
}
WRONG: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
    -(2**63) - 1,
    1e308,
    "",
    " ",
    "x" * 5_000,
    "\u202e\u200b\ufeff\u0007\x1b[31m",
    "'; DROP TABLE pd_sessions; --",
    "../../etc/passwd",
    "{{7*7}}${7*7}",
    "019f0000-0000-7000-8000-00000000abcd",
    [],
    [[]],
    ["a", 1, None],
    {},
    {"$ref": "#"},
    {"__class__": "x"},
    {"a": {"b": [1, {"c": None}]}},
]

DOUBLED = [
    '{"type": "ping", "type": "cancel"}',
    '{"type": "cancel", "type": "ping", "ref": 1, "ref": 2}',
    '{"type": "steer", "content": "a", "content": 7}',
    '{"type": "ping", "session_id": "x", "sessionId": "y", "copilotSessionId": "z"}',
]


def wrong_frames() -> list[str]:
    """Return each kind of frame with each of its fields wrong in every way."""
    return [
        json.dumps({"type": kind, "ref": "r", **NEEDED.get(kind, {}), field: value})
        for kind, fields in FIELDS.items()
        for field in fields
        for value in WRONG
    ]
