"""The starter model at real work: what a newcomer types, killed in the middle, and every mode that needs a model."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from perdure.client import Perdure
from perdure.client.models import Approval, Run
from tests.documents import made
from tests.fakes.arxiv_server import ArxivServer
from tests.fakes.perdure_server import PerdureServer

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

NOTES = Path("examples/notes.md")
TASK = "Summarise notes.md for a team lead: three findings and one decision, saved as brief.md"
FACTS = ("4,180", "57", "72 hours", "grease", "Harbour", "19 hours", "16 December", "212")
WAIT_S = 1800


def known(text: str) -> list[str]:
    """Return the facts of the notes that a text holds."""
    return [fact for fact in FACTS if fact.lower() in text.lower()]


def numbers(text: str) -> set[str]:
    """Return the numbers in a text, without signs that group their digits."""
    return {found.replace(",", "") for found in re.findall(r"\d+(?:[.,]\d+)*", text)}


def until(client: Perdure, run_id: str, *statuses: str) -> Run:
    """Wait for a status; a failure ends the test with its reason."""
    deadline = time.monotonic() + WAIT_S
    while True:
        run = client.runs.get(run_id)
        if run.status in statuses:
            return run
        assert run.status not in ("failed", "cancelled"), run
        assert time.monotonic() < deadline, run
        time.sleep(0.5)


def begin(client: Perdure, mode: str, task: str, **config: Any) -> tuple[str, str]:
    """Start a task on the notes in a new session; returns session and run id."""
    session = client.sessions.create(mode, config)
    client.files.upload(session.session_id, NOTES.name, NOTES.read_bytes())
    started = client.runs.start(session.session_id, task)
    assert started.run_id is not None
    return session.session_id, started.run_id


def keep(client: Perdure, session_id: str, path: Path) -> None:
    """Write what was said, and the files that were made, for people to read."""
    lines = [f"# {client.sessions.get(session_id).mode}", ""]
    for event in client.sessions.events(session_id, limit=1000).events:
        if event.type == "agent_message":
            lines += [f"**{event.data.get('agent') or event.data['role']}**", "", event.data["content"], ""]
        elif event.type in ("step_completed", "approval_request", "approval_resolved"):
            lines += [f"_{event.type}: {event.data.get('name') or event.data.get('title') or ''}_", ""]
    for file in client.files.list(session_id).files:
        if file.path != NOTES.name and file.path.endswith((".md", ".json")):
            text = client.files.read(session_id, file.path).decode(errors="replace")
            lines += [f"## {file.path}", "", "```", text[:6000], "```", ""]
    path.write_text("\n".join(lines))


def test_the_first_command_survives_a_kill(starter: PerdureServer, report: Path) -> None:
    transcript = report / "starter-killed.txt"
    command = [
        sys.executable, "-c", "from perdure.cli import main; main()", "run", TASK, "--server", starter.url,
        "--file", str(NOTES), "--mode", "planning-control", "--follow",
    ]  # fmt: skip
    with Perdure(starter.url) as client, transcript.open("wb") as out:
        cli = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + WAIT_S
        while True:
            assert time.monotonic() < deadline, transcript.read_text()
            assert cli.poll() is None, transcript.read_text()
            found = client.sessions.list().sessions
            if found:
                events = client.sessions.events(found[0].session_id, limit=1000).events
                if any(e.type == "step_started" and e.data["key"] == "step-2" for e in events):
                    break
            time.sleep(0.2)
        time.sleep(2)
        starter.kill()
        starter.start()
        assert cli.wait(WAIT_S) == 0, transcript.read_text()

        session_id = found[0].session_id
        events = client.sessions.events(session_id, limit=1000).events
        kinds = Counter((e.type, e.data.get("key")) for e in events)
        finished = [key for (type_, key) in kinds if type_ == "step_completed"]
        assert all(kinds["step_started", key] == kinds["step_completed", key] == 1 for key in finished)
        brief = client.files.read(session_id, "brief.md").decode()
        assert len(known(brief)) >= 2, brief
        costs = client.sessions.costs(session_id)
        assert costs.total_cost_usd == 0
        assert costs.unpriced_calls == 0


def test_a_question_on_a_text(starter: PerdureServer, report: Path) -> None:
    with Perdure(starter.url) as client:
        task = "How many parcels went through the lockers, according to notes.md?"
        session_id, run_id = begin(client, "one-shot", task)
        run = until(client, run_id, "completed")
        keep(client, session_id, report / "one-shot.md")
        assert "4,180" in str(run.result) or "4180" in str(run.result)


def test_ideas_from_a_text(starter: PerdureServer, report: Path) -> None:
    with Perdure(starter.url) as client:
        task = "Ideas to make the doors of the lockers at Harbour fail less in cold weather, from notes.md"
        session_id, run_id = begin(client, "idea-generation", task, n_ideas=3)
        until(client, run_id, "completed")
        keep(client, session_id, report / "idea-generation.md")
        final = client.files.read(session_id, "final_idea.md").decode()
        assert final.startswith("# ")
        assert len(final.split()) >= 25


def test_a_plan_with_a_person_at_every_gate(starter: PerdureServer, report: Path) -> None:
    with Perdure(starter.url) as client:
        session_id, run_id = begin(client, "hitl-interactive", TASK, max_plan_steps=2)
        answered = _answer_all(client, session_id, run_id)
        keep(client, session_id, report / "hitl-interactive.md")
        assert answered["plan"] >= 1
        assert answered["step"] >= 2
        results = str(client.runs.get(run_id).result)
        assert len(known(results)) >= 2, results


def test_a_paper_is_added_to_a_text(starter: PerdureServer, arxiv: ArxivServer, report: Path) -> None:
    abstract = "Nine seasons of storing heat under ground, their losses and their costs."
    arxiv.add("2401.12345", title=made.TITLE, abstract=abstract, pdf=made.article())
    text = "How much of the heat comes back? See arXiv:2401.12345 and arXiv:2401.99999."
    with Perdure(starter.url) as client:
        session = client.sessions.create("enhance-input", {})
        started = client.runs.start(session.session_id, text)
        assert started.run_id is not None
        run = until(client, started.run_id, "completed")
        keep(client, session.session_id, report / "enhance-input.md")
        assert run.result is not None
        assert (run.result["status"], run.result["missing"]) == (
            "partial",
            ["2401.99999 was not fetched: arXiv has no paper 2401.99999"],
        )
        enhanced = client.files.read(session.session_id, "enhanced_input.md").decode()
        assert enhanced.startswith(f"{text}\n\n## Context and references\n\n### [1] {made.TITLE}\n\n")
        stored = client.files.read(session.session_id, "summaries/2401.12345v1/document_summary.json")
        summary = json.loads(stored)
        findings = " ".join(summary["key_findings"])
        paper = made.article_text() + " ".join(made.PARAGRAPHS)
        assert numbers(findings) <= numbers(paper), findings
        assert numbers(findings) & {"0.47", "0.72", "0.70", "0.75"}, findings
        assert summary["methods"]
        assert all(" ".join(name.casefold().split()) in paper.casefold() for name in summary["keywords"])
        assert summary["software"] == []


def test_a_conversation_in_turns(starter: PerdureServer, report: Path) -> None:
    with Perdure(starter.url) as client:
        session_id, run_id = begin(
            client, "copilot", "Which station has the most door failures? See notes.md."
        )
        _answer_all(client, session_id, run_id)
        follow_up = client.runs.start(session_id, "And how many failures were that?")
        assert follow_up.run_id is not None
        _answer_all(client, session_id, follow_up.run_id)
        keep(client, session_id, report / "copilot.md")
        assert client.sessions.get(session_id).status == "active"
        said = [m.content for m in client.sessions.history(session_id).messages if m.role == "assistant"]
        assert any("Harbour" in text for text in said), said
        assert any("57" in text for text in said), said


def test_a_planned_turn_of_a_conversation(starter: PerdureServer, report: Path) -> None:
    with Perdure(starter.url) as client:
        task = "Step by step, find what went wrong at Harbour in notes.md and write it down in harbour.md"
        config = {"routing": "minimal", "approval_mode": "after_planning", "max_plan_steps": 2}
        session_id, run_id = begin(client, "copilot", task, **config)
        answered = _answer_all(client, session_id, run_id)
        keep(client, session_id, report / "copilot-planned.md")
        assert answered["plan"] == 1
        assert client.sessions.get(session_id).status == "active"
        events = client.sessions.events(session_id, limit=1000).events
        done = [e.data["key"] for e in events if e.type == "step_completed"]
        assert done[0] == "route"
        assert {"plan", "step-1"} <= set(done)
        (mission,) = client.missions.list(session_id=session_id).missions
        assert mission.status == "completed"
        text = client.files.read(session_id, "harbour.md").decode()
        assert "Harbour" in text
        assert len(set(known(text)) - {"Harbour"}) >= 2, text
        assert numbers(text) <= numbers(NOTES.read_text()), text


def _answer_all(client: Perdure, session_id: str, run_id: str) -> Counter[str]:
    answered: Counter[str] = Counter()
    while until(client, run_id, "completed", "waiting").status == "waiting":
        for question in client.approvals.list(session_id=session_id).approvals:
            client.approvals.answer(question.approval_id, **_consent(question))
            answered[question.request_type] += 1
    return answered


def _consent(question: Approval) -> dict[str, Any]:
    for choice in ("approve", "continue"):
        if choice in question.options:
            return {"resolution": choice}
    fields = (question.answer_schema or {}).get("properties") or {}
    answer: Any = {name: _first(schema) for name, schema in fields.items()} or _first(
        question.answer_schema or {}
    )
    return {"resolution": "answer", "answer": answer}


def _first(schema: dict[str, Any]) -> Any:
    choices = schema.get("enum") or schema.get("examples")
    if choices:
        return choices[0]
    return 1 if schema.get("type") in ("integer", "number") else "Use what notes.md says."
