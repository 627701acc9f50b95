"""The description of the interface is complete, stable, and needs no storage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perdure.api.app import describe_app
from perdure.api.openapi import canonical
from perdure.core.events import EVENT_TYPES

PROMISED = """
POST /api/sessions
GET /api/sessions
GET /api/sessions/modes/list
GET /api/sessions/active
GET /api/sessions/{session_id}
PUT /api/sessions/{session_id}
PATCH /api/sessions/{session_id}
DELETE /api/sessions/{session_id}
PUT /api/sessions/{session_id}/state
GET /api/sessions/{session_id}/history
DELETE /api/sessions/{session_id}/history
POST /api/sessions/{session_id}/messages
GET /api/sessions/{session_id}/runs
GET /api/sessions/{session_id}/events
GET /api/sessions/{session_id}/costs
GET /api/sessions/{session_id}/dag
GET /api/sessions/{session_id}/console
GET /api/sessions/{session_id}/files
GET /api/sessions/{session_id}/files/{path}
PUT /api/sessions/{session_id}/files/{path}
GET /api/sessions/{session_id}/approvals
GET /api/sessions/{session_id}/steps
GET /api/sessions/{session_id}/queue
GET /api/sessions/{session_id}/stream
GET /api/sessions/stream
POST /api/sessions/{session_id}/suspend
POST /api/sessions/{session_id}/resume
POST /api/sessions/{session_id}/complete
POST /api/sessions/{session_id}/archive
POST /api/sessions/{session_id}/restore
POST /api/sessions/{session_id}/fork
POST /api/sessions/{session_id}/load
POST /api/sessions/{session_id}/activity
POST /api/sessions/bulk
POST /api/tasks/submit
GET /api/tasks/{task_id}
GET /api/runs/{run_id}
POST /api/runs/{run_id}/cancel
POST /api/runs/{run_id}/pause
POST /api/runs/{run_id}/resume
POST /api/runs/{run_id}/retry
POST /api/runs/{run_id}/fork
GET /api/runs/{run_id}/diff/{other_id}
POST /api/sessions/{session_id}/queue
PUT /api/sessions/{session_id}/queue
PATCH /api/sessions/{session_id}/queue/{item_id}
DELETE /api/sessions/{session_id}/queue/{item_id}
GET /api/approvals
GET /api/approvals/{approval_id}
POST /api/approvals/{approval_id}
POST /api/sessions/{session_id}/link-mission/{mission_id}
POST /api/missions
GET /api/missions
GET /api/missions/{mission_id}
PATCH /api/missions/{mission_id}
POST /api/missions/{mission_id}/propose
POST /api/missions/{mission_id}/accept
POST /api/missions/{mission_id}/reject
POST /api/missions/{mission_id}/revise
POST /api/missions/{mission_id}/modify
POST /api/missions/{mission_id}/cancel
POST /api/missions/{mission_id}/fail
POST /api/missions/{mission_id}/complete
GET /api/missions/{mission_id}/hops
POST /api/missions/{mission_id}/hops
PUT /api/missions/{mission_id}/hops
POST /api/missions/{mission_id}/assets
GET /api/hops/{hop_id}
PATCH /api/hops/{hop_id}
DELETE /api/hops/{hop_id}
POST /api/hops/{hop_id}/{command}
GET /api/hops/{hop_id}/tool-steps
POST /api/hops/{hop_id}/tool-steps
PUT /api/hops/{hop_id}/tool-steps
POST /api/hops/{hop_id}/assets
GET /api/assets
GET /api/assets/{asset_id}
PATCH /api/assets/{asset_id}
GET /api/stats
GET /health
GET /ready
GET /metrics
""".strip().splitlines()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return describe_app()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, op) for path, methods in document["paths"].items() for method, op in methods.items()
    ]


def test_describes_every_promised_address(document: dict[str, Any]) -> None:
    described = {
        f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods
    }
    assert set(PROMISED) <= described


def test_names_every_operation_once(document: dict[str, Any]) -> None:
    names = [
        operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
    ]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() for name in names)


def test_failures_are_problem_documents(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if path.startswith("/api") and status.startswith(("4", "5")):
                assert list(answer["content"]) == ["application/problem+json"], (method, path, status)


def test_holds_every_event_and_frame(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    frames = json.dumps(schemas["ServerFrame"])
    for name in EVENT_TYPES:
        assert f'"{name}"' in frames
    assert {"ClientFrame", "FirstFrame", "AckFrame", "ErrorFrame", "MessageDeltaFrame", "Problem"} <= set(
        schemas
    )


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    text = json.dumps(document)
    references = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert references <= set(schemas)


def test_has_no_made_titles_and_keeps_properties_called_title(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "title" not in schemas["AckFrame"]
    assert schemas["ApprovalOut"]["properties"]["title"] == {"type": "string"}


def test_prints_the_same_text_each_time_without_touching_storage(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "perdure.api.openapi"]
    texts = {
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True).stdout for _ in "ab"
    }
    assert texts == {canonical(describe_app())}
    assert list(tmp_path.iterdir()) == []
