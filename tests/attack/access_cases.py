"""The role table as data: every route, and the least right that it asks for.

A route that is not named here fails the test of the matrix, and so does a name without a route.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Right(IntEnum):
    """What somebody must be, from everybody up to an administrator of the server."""

    PUBLIC = 0
    SIGNED_IN = 1
    VIEW = 2
    EDIT = 3
    SHARE = 4
    OWN = 5
    SERVER = 6


@dataclass(frozen=True)
class Case:
    """One route with a request that succeeds for whoever has the right."""

    route: str
    right: Right
    body: Any = None
    query: str = ""
    content: bytes | None = None
    scope: str = ""
    """The scope that an API key needs; by default what belongs to the right."""
    personal: bool = False
    """Of one person alone: nobody else sees it, whatever is shared with them."""
    lists: bool = False
    """Answers everybody, each with their own things only."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.route.split(" ")[0]

    @property
    def path(self) -> str:
        """The path with its placeholders."""
        return self.route.split(" ")[1]

    @property
    def text(self) -> str:
        """Everything in it that can name a thing."""
        return f"{self.path} {self.query} {json.dumps(self.body)}"

    @property
    def key_scope(self) -> str:
        """The scope that an API key needs for it."""
        if self.scope:
            return self.scope
        by_right = {Right.EDIT: "work", Right.SHARE: "manage", Right.OWN: "manage", Right.SERVER: "admin"}
        return by_right.get(self.right, "read")


_R = Right
_HOP = {"name": "Sort", "goal": "Bring them into order"}

_SESSIONS = (
    Case("GET /api/sessions", _R.SIGNED_IN, lists=True),
    Case("POST /api/sessions", _R.SIGNED_IN, {"mode": "one-shot"}, scope="work"),
    Case("GET /api/sessions/modes/list", _R.SIGNED_IN),
    Case("GET /api/sessions/active", _R.SIGNED_IN),
    Case("GET /api/sessions/stream", _R.SIGNED_IN),
    Case("GET /api/sessions/{session_id}/stream", _R.VIEW),
    Case(
        "POST /api/sessions/bulk",
        _R.SIGNED_IN,
        {"command": "archive", "session_ids": ["{session_id}"]},
        scope="read",
    ),
    Case("GET /api/sessions/{session_id}", _R.VIEW),
    Case("PUT /api/sessions/{session_id}", _R.EDIT, {"name": "Renamed"}),
    Case("PATCH /api/sessions/{session_id}", _R.EDIT, {"name": "Renamed"}),
    Case("DELETE /api/sessions/{session_id}", _R.SHARE),
    Case("DELETE /api/sessions/{session_id}", _R.OWN, query="purge=true"),
    Case("PUT /api/sessions/{session_id}/state", _R.EDIT, {"context_variables": {"k": 1}}),
    Case("POST /api/sessions/{session_id}/suspend", _R.EDIT),
    Case("POST /api/sessions/{session_id}/resume", _R.EDIT),
    Case("POST /api/sessions/{session_id}/complete", _R.EDIT),
    Case("POST /api/sessions/{session_id}/archive", _R.EDIT),
    Case("POST /api/sessions/{session_id}/restore", _R.SHARE),
    Case("POST /api/sessions/{session_id}/fork", _R.VIEW, {}, scope="work"),
    Case("POST /api/sessions/{session_id}/load", _R.VIEW),
    Case("POST /api/sessions/{session_id}/activity", _R.VIEW, scope="read"),
    Case("GET /api/sessions/{session_id}/history", _R.VIEW),
    Case("DELETE /api/sessions/{session_id}/history", _R.EDIT),
    Case("POST /api/sessions/{session_id}/messages", _R.EDIT, {"content": "And now?", "on_busy": "enqueue"}),
    Case("GET /api/sessions/{session_id}/events", _R.VIEW),
    Case("GET /api/sessions/{session_id}/console", _R.VIEW),
    Case("GET /api/sessions/{session_id}/console.log", _R.VIEW),
    Case("GET /api/sessions/{session_id}/runs", _R.VIEW),
    Case("GET /api/sessions/{session_id}/steps", _R.VIEW),
    Case("GET /api/sessions/{session_id}/costs", _R.VIEW),
    Case("GET /api/sessions/{session_id}/dag", _R.VIEW),
    Case("GET /api/sessions/{session_id}/audit", _R.SHARE),
    Case("GET /api/sessions/{session_id}/files", _R.VIEW),
    Case("GET /api/sessions/{session_id}/files.zip", _R.VIEW),
    Case("GET /api/sessions/{session_id}/files/{path}", _R.VIEW),
    Case("PUT /api/sessions/{session_id}/files/{path}", _R.EDIT, content=b"new"),
    Case("POST /api/sessions/{session_id}/files/{path}", _R.EDIT, content=b"new"),
    Case("GET /api/sessions/{session_id}/queue", _R.VIEW),
    Case("POST /api/sessions/{session_id}/queue", _R.EDIT, {"content": "Later"}),
    Case("PUT /api/sessions/{session_id}/queue", _R.EDIT, {"item_ids": ["{item_id}"]}),
    Case("PATCH /api/sessions/{session_id}/queue/{item_id}", _R.EDIT, {"content": "Much later"}),
    Case("DELETE /api/sessions/{session_id}/queue/{item_id}", _R.EDIT),
    Case("GET /api/sessions/{session_id}/grants", _R.VIEW),
    Case("DELETE /api/sessions/{session_id}/grants", _R.EDIT),
    Case("DELETE /api/sessions/{session_id}/grants/{category}", _R.EDIT),
    Case("GET /api/sessions/{session_id}/approvals", _R.VIEW),
)
_RUNS = (
    Case("GET /api/runs/{run_id}", _R.VIEW),
    Case("GET /api/runs/{run_id}/diff/{other_id}", _R.VIEW),
    Case("POST /api/runs/{run_id}/cancel", _R.EDIT),
    Case("POST /api/runs/{run_id}/pause", _R.EDIT),
    Case("POST /api/runs/{run_id}/resume", _R.EDIT),
    Case("POST /api/runs/{run_id}/retry", _R.EDIT),
    Case("POST /api/runs/{run_id}/fork", _R.VIEW, {}, scope="work"),
    Case(
        "POST /api/tasks/submit",
        _R.SIGNED_IN,
        {"task": "Say hello", "config": {"mode": "one-shot"}},
        scope="work",
    ),
    Case("GET /api/tasks/{task_id}", _R.VIEW),
    Case("GET /api/approvals", _R.SIGNED_IN, lists=True),
    Case("GET /api/approvals/{approval_id}", _R.VIEW),
    Case("POST /api/approvals/{approval_id}", _R.EDIT, {"resolution": "approve"}),
)
_MISSIONS = (
    Case("POST /api/sessions/{session_id}/link-mission/{mission_id}", _R.EDIT),
    Case("POST /api/missions", _R.SIGNED_IN, {"goal": "Know more", "hops": [_HOP]}, scope="work"),
    Case("GET /api/missions", _R.SIGNED_IN, lists=True),
    Case("GET /api/missions/{mission_id}", _R.VIEW),
    Case("PATCH /api/missions/{mission_id}", _R.EDIT, {"name": "Renamed"}),
    Case("POST /api/missions/{mission_id}/propose", _R.EDIT),
    Case("POST /api/missions/{mission_id}/accept", _R.EDIT),
    Case("POST /api/missions/{mission_id}/reject", _R.EDIT),
    Case("POST /api/missions/{mission_id}/revise", _R.EDIT, {"feedback": "Shorter"}),
    Case("POST /api/missions/{mission_id}/modify", _R.EDIT, {"hops": [_HOP]}),
    Case("POST /api/missions/{mission_id}/cancel", _R.EDIT),
    Case("POST /api/missions/{mission_id}/fail", _R.EDIT),
    Case("POST /api/missions/{mission_id}/complete", _R.EDIT),
    Case("GET /api/assets", _R.VIEW, query="mission_id={mission_id}"),
    Case("POST /api/missions/{mission_id}/assets", _R.EDIT, {"name": "extra", "value": 1}),
    Case("POST /api/hops/{hop_id}/assets", _R.EDIT, {"name": "extra", "value": 1}),
    Case("GET /api/assets/{asset_id}", _R.VIEW),
    Case("PATCH /api/assets/{asset_id}", _R.EDIT, {"description": "What it is"}),
    Case("GET /api/missions/{mission_id}/hops", _R.VIEW),
    Case("POST /api/missions/{mission_id}/hops", _R.EDIT, {"name": "Again", "goal": "Once more"}),
    Case("PUT /api/missions/{mission_id}/hops", _R.EDIT, {"hop_ids": ["{hop_id}"]}),
    Case("GET /api/hops/{hop_id}", _R.VIEW),
    Case("PATCH /api/hops/{hop_id}", _R.EDIT, {"goal": "Better"}),
    Case("DELETE /api/hops/{hop_id}", _R.EDIT),
    Case("GET /api/hops/{hop_id}/tool-steps", _R.VIEW),
    Case("POST /api/hops/{hop_id}/tool-steps", _R.EDIT, {"tool": "read_file"}),
    Case("PUT /api/hops/{hop_id}/tool-steps", _R.EDIT, {"tool_step_ids": []}),
    Case("POST /api/hops/{hop_id}/{command}", _R.EDIT),
)
_PEOPLE = (
    Case("GET /api/auth/methods", _R.PUBLIC),
    Case(
        "POST /api/auth/login", _R.PUBLIC, {"email": "owner@example.org", "password": "wrong but long enough"}
    ),
    Case("POST /api/auth/refresh", _R.PUBLIC, {"refresh_token": "pdr_unknown"}),
    Case(
        "POST /api/auth/register",
        _R.PUBLIC,
        {"email": "new@example.org", "name": "New", "password": "long enough it is"},
    ),
    Case("POST /api/auth/logout", _R.SIGNED_IN),
    Case("POST /api/auth/logout-everywhere", _R.SIGNED_IN),
    Case("GET /api/auth/me", _R.SIGNED_IN),
    Case("PATCH /api/auth/me", _R.SIGNED_IN, {"name": "Another name"}, scope="manage"),
    Case("GET /api/auth/sign-ins", _R.SIGNED_IN),
    Case("GET /api/auth/keys", _R.SIGNED_IN),
    Case("POST /api/auth/keys", _R.SIGNED_IN, {"name": "One", "scopes": ["read"]}, scope="manage"),
    Case("DELETE /api/auth/keys/{key_id}", _R.OWN, personal=True),
    Case("DELETE /api/auth/sign-ins/{sign_in_id}", _R.OWN, personal=True),
    Case("POST /api/auth/tickets", _R.SIGNED_IN, {}),
    Case("GET /api/auth/oidc/{provider}/login", _R.PUBLIC),
    Case("GET /api/auth/oidc/{provider}/callback", _R.PUBLIC),
    Case("GET /api/secrets", _R.SIGNED_IN),
    Case("PUT /api/secrets/{name}", _R.SIGNED_IN, {"value": "long enough it is"}, scope="work"),
    Case("DELETE /api/secrets/{name}", _R.OWN, personal=True, scope="work"),
    Case("GET /api/users", _R.SERVER),
    Case(
        "POST /api/users", _R.SERVER, {"email": "{unique}@example.org", "name": "Somebody", "role": "member"}
    ),
    Case("GET /api/users/{user_id}", _R.SERVER),
    Case("PATCH /api/users/{user_id}", _R.SERVER, {"name": "Renamed"}),
    Case("POST /api/users/{user_id}/sign-out", _R.SERVER),
    Case("GET /api/sessions/{session_id}/shares", _R.SHARE),
    Case("POST /api/sessions/{session_id}/shares", _R.SHARE, {"email": "friend@example.org", "role": "view"}),
    Case("PATCH /api/sessions/{session_id}/shares/{share_id}", _R.SHARE, {"role": "edit"}),
    Case("DELETE /api/sessions/{session_id}/shares/{share_id}", _R.SHARE),
    Case("GET /api/sessions/{session_id}/share-links", _R.SHARE),
    Case("POST /api/sessions/{session_id}/share-links", _R.SHARE, {"role": "view"}),
    Case("DELETE /api/sessions/{session_id}/share-links/{share_link_id}", _R.SHARE),
    Case("POST /api/share-links/accept", _R.SIGNED_IN, {"token": "{link_token}"}, scope="work"),
    Case("GET /api/sessions/{session_id}/viewers", _R.VIEW),
)
_SERVER = (
    Case("GET /health", _R.PUBLIC),
    Case("GET /ready", _R.PUBLIC),
    Case("GET /metrics", _R.SERVER),
    Case("GET /openapi.json", _R.SIGNED_IN),
    Case("GET /docs", _R.SIGNED_IN),
    Case("GET /api/stats", _R.SIGNED_IN, lists=True),
    Case("GET /api/audit", _R.SERVER),
)

CASES = (*_SESSIONS, *_RUNS, *_MISSIONS, *_PEOPLE, *_SERVER)
