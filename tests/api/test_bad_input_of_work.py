"""What people may get wrong about work, sent to a real server: a clear answer, and nothing half written."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from reportlab.pdfgen import canvas

from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer

pytestmark = pytest.mark.timeout(300)

_HOP = {"name": "Read", "goal": "Find the facts"}
_BESIDE_WORK = ("pd_audit_entries", "pd_audit_head", "pd_connections", "pd_server_leases")
_WAIT_S = 120


class Served:
    """A server with its provider, and what stands in its database."""

    def __init__(self, server: PerdureServer, provider: OpenAIServer) -> None:
        self.server = server
        self.provider = provider
        self.http = httpx.Client(base_url=server.url, trust_env=False, timeout=60)

    def send(self, method: str, path: str, status: int, **body: Any) -> Any:
        """Send a request, and return the answer when it has the status."""
        answer = self.http.request(method, path, **body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def session(self, mode: str = "one-shot", **config: Any) -> str:
        """Make a session, and return its id."""
        made = self.send("POST", "/api/sessions", 201, json={"mode": mode, "config": config})
        return str(made["session_id"])

    def run(self, session_id: str, text: str, *statuses: str) -> dict[str, Any]:
        """Start a run, and wait for one of the statuses."""
        started = self.http.post(f"/api/sessions/{session_id}/messages", json={"content": text})
        assert started.is_success, started.text
        return self.until(started.json()["run_id"], *statuses)

    def until(self, run_id: str, *statuses: str) -> dict[str, Any]:
        """Wait until a run has one of the statuses."""
        deadline = time.monotonic() + _WAIT_S
        while (run := self.send("GET", f"/api/runs/{run_id}", 200))["status"] not in statuses:
            assert time.monotonic() < deadline, (run["status"], run.get("error"))
            assert run["status"] not in ("failed", "cancelled"), (run["status"], run.get("error"))
            time.sleep(0.05)
        return run

    def standing(self) -> dict[str, set[str]]:
        """Return every row of work, whole, by table, and the digest of every file in or beside workspaces."""
        found: dict[str, set[str]] = {}
        with closing(sqlite3.connect(f"file:{self.server.data_dir}/perdure.db?mode=ro", uri=True)) as base:
            base.execute("BEGIN")  # all tables at one moment
            base.row_factory = sqlite3.Row
            names = {row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for name in sorted(names.difference(_BESIDE_WORK)):
                rows = [{**row} for row in base.execute(f"SELECT * FROM {name}")]
                found[name] = {repr(row) for row in rows}
                assert len(found[name]) == len(rows), name
        files = [p for p in (self.server.data_dir / "workspaces").rglob("*") if p.is_file()]
        found["files"] = {f"{p} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in files}
        return found


def changes(before: dict[str, set[str]], now: dict[str, set[str]]) -> list[str]:
    """Return the rows and files that differ."""
    return [f"{table}: {row}" for table in sorted({*before, *now}) for row in before[table] ^ now[table]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with (
        OpenAIServer() as provider,
        PerdureServer(tmp_path_factory.mktemp("bad") / "data", provider.environment()) as server,
    ):
        made = Served(server, provider)
        with made.http:
            yield made


@pytest.fixture
def unchanged(served: Served) -> Iterator[Callable[[], None]]:
    """Fails the test when work was written while it sent what is refused; call it to start anew from here."""
    before = served.standing()
    assert {"pd_sessions", "pd_events", "pd_runs", "pd_missions", "pd_assets", "files"} <= set(before)

    def now() -> None:
        nonlocal before
        before = served.standing()

    yield now
    assert changes(before, served.standing()) == []


def fields(answer: dict[str, Any]) -> list[str]:
    """Return the fields that an answer finds fault with."""
    found = [each["field"] for each in answer.get("errors", [])]
    return found or [answer["field"]]


@pytest.mark.parametrize("text", ["", "   ", "\n\t ", None])
def test_an_empty_text_is_refused_wherever_it_is_sent(
    served: Served, unchanged: Callable[[], None], text: str | None
) -> None:
    session_id = served.session()
    unchanged()
    for path, body in (
        ("/api/tasks/submit", {"task": text}),
        (f"/api/sessions/{session_id}/messages", {"content": text}),
        (f"/api/sessions/{session_id}/queue", {"task": text}),
        ("/api/missions", {"goal": text}),
        ("/api/missions", {"goal": "Know", "hops": [{"name": text, "goal": text}]}),
    ):
        answer = served.send("POST", path, 422, json=body)
        assert answer["detail"], path


@pytest.mark.parametrize(
    ("mode", "config", "says"),
    [
        ("one-shot", {"agent": "enginer"}, "did you mean 'engineer'"),
        ("one-shot", {"agent": "zebra"}, "there are"),
        ("copilot", {"available_agents": ["zebra"]}, "available_agents"),
        ("copilot", {"available_agents": []}, "available_agents"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_an_unknown_agent_is_refused_with_those_there_are(
    served: Served, mode: str, config: dict[str, Any], says: str
) -> None:
    for path, body in (
        ("/api/sessions", {"mode": mode, "config": config}),
        ("/api/tasks/submit", {"task": "Do it", "config": {"mode": mode, **config}}),
    ):
        answer = served.send("POST", path, 422, json=body)
        assert says in json.dumps(answer), answer


NONSENSE: dict[str, tuple[Any, str]] = {
    "not a list": ("do it all", "hops"),
    "nothing": ([], "hops"),
    "a number for a hop": ([7], "hops.0"),
    "neither name nor goal": ([{"agent": "engineer"}], "hops.0"),
    "no words": ([{"name": " ", "goal": " "}], "hops.0"),
    "an unknown agent": ([{**_HOP, "agent": "zebra"}], "hops.0.agent"),
    "the same name twice": ([_HOP, _HOP], "hops.1.name"),
    "an input that nothing makes": ([{**_HOP, "inputs": ["nothing"]}], "hops.0.inputs"),
    "its own input": ([{**_HOP, "inputs": ["a"], "outputs": ["a"]}], "hops.0.inputs"),
    "two that wait for each other": (
        [
            {"name": "A", "goal": "a", "inputs": ["b"], "outputs": ["a"]},
            {"name": "B", "goal": "b", "inputs": ["a"], "outputs": ["b"]},
        ],
        "hops.0.inputs",
    ),
    "too many": ([{"name": f"Part {n}", "goal": "x"} for n in range(51)], "hops"),
}


@pytest.mark.parametrize("case", [name for name in NONSENSE if name != "nothing"])
@pytest.mark.usefixtures("unchanged")
def test_a_mission_that_cannot_work_is_refused_with_its_field(served: Served, case: str) -> None:
    hops, expected = NONSENSE[case]
    answer = served.send("POST", "/api/missions", 422, json={"goal": "Know more", "hops": hops})
    assert any(field.startswith(expected) for field in fields(answer)), answer


def test_a_plan_edited_into_nonsense_is_refused_and_the_question_stays(served: Served) -> None:
    session_id = served.session("planning-control", approval_mode="after_planning")
    run = served.run(session_id, "Summarise the notes", "waiting")
    listed = served.send("GET", f"/api/approvals?session_id={session_id}", 200)
    (question,) = listed["approvals"]
    path = f"/api/approvals/{question['approval_id']}"
    before = served.standing()
    for name, (steps, _) in NONSENSE.items():
        body = {"resolution": "modify", "modifications": {"steps": steps}}
        answer = served.http.post(path, json=body)
        assert answer.status_code == 422, (name, answer.text)
        assert answer.json()["detail"], name
    mission_id = served.send("GET", f"/api/missions?session_id={session_id}", 200)["missions"][0][
        "mission_id"
    ]
    for name, (hops, _) in NONSENSE.items():
        answer = served.send("POST", f"/api/missions/{mission_id}/modify", 422, json={"hops": hops})
        assert answer["detail"], name
    assert changes(before, served.standing()) == []
    assert served.send("GET", path, 200)["status"] == "pending"

    good = {"resolution": "modify", "modifications": {"steps": [{**_HOP, "agent": "engineer"}]}}
    served.send("POST", path, 200, json=good)
    served.until(run["run_id"], "completed")
    written = {change.partition(":")[0] for change in changes(before, served.standing())}
    assert {"pd_approvals", "pd_missions", "pd_hops", "pd_events", "files"} <= written, "it would be seen"


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "/etc/passwd", "a/../../b.txt", "..%2f..%2fb.txt", "a\x00b"]
)
def test_a_path_outside_the_workspace_is_refused(
    served: Served, unchanged: Callable[[], None], path: str
) -> None:
    session_id = served.session()
    mission = served.send("POST", "/api/missions", 201, json={"goal": "g", "session_id": session_id})
    unchanged()
    encoded = path.replace("%2f", "%252f").replace("/", "%2F").replace("..", "%2E%2E").replace("\x00", "%00")
    answer = served.http.put(f"/api/sessions/{session_id}/files/{encoded}", content=b"x")
    if path != "..%2f..%2fb.txt":  # a plain, odd name once it is read as it was sent
        assert answer.status_code in (404, 422), answer.text
        assert answer.json()["detail"]
        asset = {"name": "a", "path": path}
        refused = served.send("POST", f"/api/missions/{mission['mission_id']}/assets", 422, json=asset)
        assert refused["detail"]
    else:
        assert answer.is_success or answer.status_code == 422, answer.text
        unchanged()
    assert not (served.server.data_dir / "b.txt").exists()


def test_paths_outside_the_workspace_and_of_nothing_fail_a_conversion_plainly(served: Served) -> None:
    for wish in ("../../*.pdf", "/etc", "none.pdf"):
        session_id = served.session("ocr", paths=[wish])
        run = served.run(session_id, "Convert them", "failed", "completed")
        assert run["status"] == "failed"
        assert run["error"]["message"]
        assert "Traceback" not in run["error"]["message"]
        assert served.send("GET", f"/api/sessions/{session_id}/files", 200)["files"] == []


def test_a_private_address_is_not_fetched_and_the_agent_is_told_why(served: Served) -> None:
    asked = len(served.provider.calls)
    session_id = served.session(tool_permissions={"network": "auto_allow"})
    calls = " ".join(
        f"[[call fetch_url {json.dumps({'url': url})}]]"
        for url in (
            "http://127.0.0.1:8080/v1/models",
            "http://169.254.169.254/latest",
            "file:///etc/passwd",
        )
    )
    served.run(session_id, calls, "completed")
    results = [
        event["data"]
        for event in served.send("GET", f"/api/sessions/{session_id}/events?limit=1000", 200)["events"]
        if event["type"] == "tool_result"
    ]
    assert [result["ok"] for result in results] == [False, False, False]
    assert "not a public address" in results[0]["result"]
    assert "not a public address" in results[1]["result"]
    assert len(served.provider.calls) == asked + 4
    assert served.send("GET", f"/api/sessions/{session_id}/files", 200)["files"] == []


def test_ten_thousand_pages_fail_alone_with_their_reason(served: Served) -> None:
    session_id = served.session("ocr")
    for name, pages in (("endless.pdf", 10_000), ("short.pdf", 1)):
        served.send("PUT", f"/api/sessions/{session_id}/files/{name}", 201, content=_pdf(pages))
    run = served.run(session_id, "Convert them", "completed", "failed")

    assert run["status"] == "completed", run
    by_path = {file["path"]: file for file in run["result"]["files"]}
    assert by_path["endless.pdf"]["status"] == "failed"
    assert "10,000 pages are more than the limit of 2,000" in by_path["endless.pdf"]["error"]
    assert by_path["short.pdf"]["status"] == "processed"
    written = [file["path"] for file in served.send("GET", f"/api/sessions/{session_id}/files", 200)["files"]]
    assert sorted(written) == [
        "endless.pdf",
        "ocr/ocr_summary.json",
        "ocr/short.json",
        "ocr/short.md",
        "short.pdf",
    ]


def _pdf(count: int) -> bytes:
    file = io.BytesIO()
    page = canvas.Canvas(file, pagesize=(200, 200))
    for number in range(1, count + 1):
        page.drawString(20, 100, f"Page {number} of very little at all.")
        page.showPage()
    page.save()
    return file.getvalue()
