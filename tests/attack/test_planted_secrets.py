"""Secrets planted everywhere one can be given are found nowhere: not in files, logs, events or answers."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.fakes.openai_server import MODEL, OpenAIServer
from tests.fakes.perdure_server import PerdureServer

EMAIL = "ana@example.org"
PROGRAM = (sys.executable, "-c", "from perdure.cli import main; main()")
FIXED = {
    "password": "canary-password-4be1",
    "second password": "canary-password-77d2",
    "wrong password": "canary-password-0c3d",
    "the server's provider key": "canary-server-key-91aa",
    "a session's key": "canary-session-key-5f1c",
    "a session's newer key": "canary-newer-key-aa07",
    "a run's key": "canary-run-key-66b0",
    "a queued key": "canary-queued-key-18f4",
    "a fork's key": "canary-fork-key-2d90",
    "a key that is refused": "canary-refused-key\twith-tab",
    "a named secret": "canary-named-secret-3e55",
    "a tool server's environment": "canary-tool-environment-c1",
    "a tool server's secret": "canary-tool-secret-d2e3",
    "metadata": "canary-metadata-b7c8",
    "another's variable": "canary-variable-e9f0",
}
TOOLS = """
import os
from mcp.server import MCPServer
server = MCPServer("notes")

@server.tool()
def reveal() -> str:
    \"\"\"Say everything.\"\"\"
    return f"{os.environ['NOTES_TOKEN']} and {os.environ['NOTES_FIXED']}"

server.run()
"""


class House:
    """A server with sign-in and everything that was said to and by it."""

    def __init__(self, server: PerdureServer, provider: OpenAIServer) -> None:
        self.server = server
        self.provider = provider
        self.planted = dict(FIXED)
        self.answers: list[tuple[str, str]] = []
        """What was answered, without the answers that give a secret to whoever made it."""
        self.http = httpx.Client(base_url=server.url, trust_env=False, timeout=30)
        self.token = ""

    def ask(self, method: str, path: str, *, gives: str | None = None, **options: Any) -> Any:
        """Send a request; with `gives` the answer holds secrets under these names, and is not searched."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        answer = self.http.request(method, path, headers=headers if self.token else {}, **options)
        if gives is None:
            self.answers.append((f"{method} {path}", answer.text))
            assert answer.status_code < 500, answer.text
            return answer.json()
        assert answer.is_success, answer.text
        given = answer.json()
        for name in gives.split():
            assert given[name], name
            self.planted[f"{path} {name} {len(self.planted)}"] = given[name]
        return given

    def ended(self, session_id: str) -> dict[str, Any]:
        """Wait until the session's newest run has ended, and return it."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            runs = self.ask("GET", f"/api/sessions/{session_id}/runs")["runs"]
            if runs and runs[0]["status"] in ("completed", "failed"):
                return runs[0]
            time.sleep(0.05)
        raise AssertionError(f"no run ended: {self.server.log()}")

    def start(self, text: str, config: dict[str, Any], **more: Any) -> str:
        """Start a run in a new session and return the session's id."""
        body = {"mode": "one-shot", "config": {"model": MODEL, **config}, **more}
        made = self.ask("POST", "/api/sessions", json=body, headers={"Idempotency-Key": f"new-{text}"})
        self.ask(
            "POST",
            f"/api/sessions/{made['session_id']}/messages",
            json={"content": text},
            headers={"Idempotency-Key": f"say-{text}"},
        )
        return made["session_id"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    data, tools = tmp_path / "data", tmp_path / "tools.py"
    tools.write_text(TOOLS)
    notes = {
        "command": sys.executable,
        "args": [str(tools)],
        "env": {
            "NOTES_TOKEN": {"$secret": "notes"},
            "NOTES_FIXED": FIXED["a tool server's environment"],
        },
    }
    with OpenAIServer() as provider:
        environment = {
            **provider.environment(),
            "OPENAI_API_KEY": FIXED["the server's provider key"],
            "SOMEBODY_ELSES_TOKEN": FIXED["another's variable"],
            "PERDURE_AUTH": "password",
            "PERDURE_RATE_LIMITS": "off",
            "PERDURE_LOG_LEVEL": "DEBUG",
            "PERDURE_MCP_SERVERS": json.dumps({"notes": notes}),
        }
        server = PerdureServer(data, environment)
        made = subprocess.run(
            [*PROGRAM, "users", "create", EMAIL, "--admin", "--password-stdin", "--data", str(data)],
            input=f"{FIXED['password']}\n",
            text=True,
            capture_output=True,
            check=False,
            env=server.environment,
        )
        assert made.returncode == 0, made.stderr
        with server:
            made_house = House(server, provider)
            yield made_house
            provider.release()
            made_house.http.close()


def test_nothing_that_was_planted_is_found(house: House) -> None:
    sign_in_and_out(house)
    names_and_links(house)
    sessions = work(house)
    streams = asyncio.run(read_streams(house, sessions))
    for path in (
        "/openapi.json",
        "/api/secrets",
        "/api/auth/keys",
        "/api/auth/sign-ins",
        "/api/audit",
        "/ready",
    ):
        house.ask("GET", path)
    shown = subprocess.run(
        [*PROGRAM, "config"], capture_output=True, text=True, check=True, env=house.server.environment
    )
    as_json = subprocess.run(
        [*PROGRAM, "config", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env=house.server.environment,
    )
    places = [*house.answers, *streams, ("config", shown.stdout + shown.stderr), ("config", as_json.stdout)]
    places += files(house.server.data_dir)  # while it runs, with the write-ahead log
    house.server.stop()
    places += files(house.server.data_dir)
    databases = sorted(house.server.data_dir.glob("*.db"))
    assert len(databases) == 2
    places += [place for database in databases for place in rows(database)]
    assert len(places) > 100
    found = [
        (what, where)
        for what, secret in house.planted.items()
        for where, text in places
        # An owner is shown their metadata; it is encrypted where it is stored.
        if any(form in text for form in forms(secret))
        and not (
            what == "metadata" and where.startswith(("GET /api/sessions", "POST /api/sessions", "PATCH /api"))
        )
    ]
    assert not found


def sign_in_and_out(house: House) -> None:
    """Passwords, tokens, a ticket and a key; good ones and refused ones."""
    sign_in = {"email": EMAIL, "password": FIXED["wrong password"]}
    assert house.ask("POST", "/api/auth/login", json=sign_in)["code"]
    sign_in["password"] = FIXED["password"]
    first = house.ask("POST", "/api/auth/login", gives="access_token refresh_token", json=sign_in)
    refreshed = {"refresh_token": first["refresh_token"]}
    second = house.ask("POST", "/api/auth/refresh", gives="access_token refresh_token", json=refreshed)
    house.ask("POST", "/api/auth/refresh", json=refreshed)  # used a second time: everything of it ends
    third = house.ask("POST", "/api/auth/login", gives="access_token refresh_token", json=sign_in)
    house.token = third["access_token"]
    assert second["access_token"] != third["access_token"]
    change = {"current_password": FIXED["password"], "new_password": FIXED["second password"]}
    house.ask("PATCH", "/api/auth/me", json=change)
    house.ask("POST", "/api/auth/tickets", gives="ticket", json={})
    key = house.ask("POST", "/api/auth/keys", gives="key", json={"name": "robot", "scopes": ["admin"]})
    house.token = key["key"]


def names_and_links(house: House) -> None:
    """Named secrets."""
    for name, what in (("work", "a named secret"), ("notes", "a tool server's secret")):
        house.ask("PUT", f"/api/secrets/{name}", json={"value": FIXED[what]})
    house.ask("PUT", "/api/secrets/Wrong", json={"value": FIXED["a named secret"]})
    house.ask("PUT", "/api/secrets/work", json={"value": [FIXED["a named secret"]]})


def work(house: House) -> list[str]:
    """Runs with all kinds of keys, with a provider that says each refused key back."""
    provider = house.provider
    own = {"api_key": FIXED["a session's key"]}
    metadata = {"note": FIXED["metadata"], FIXED["metadata"]: 1}
    good = house.start("A good run", own, metadata=metadata)
    assert house.ended(good)["status"] == "completed"
    named = house.start("A named secret", {"api_key": {"$secret": "work"}})
    assert house.ended(named)["status"] == "completed"
    assert {call.key for call in provider.calls} == {FIXED["a session's key"], FIXED["a named secret"]}

    tools = {"mcp_servers": ["notes"], "tool_permissions": {"shell": "auto_allow"}, **own}
    told = house.start("[[call notes_reveal {}]] and tell", tools)
    assert house.ended(told)["status"] == "completed"
    answered = [message for message in provider.calls[-1].messages if message.get("role") == "tool"]
    assert "•••" in json.dumps(answered, ensure_ascii=False)

    provider.require_keys("nobody has this one")
    echoed = [house.start("Own key refused", own), house.start("Server key refused", {})]
    for session_id in echoed:
        assert "•••" in json.dumps(house.ended(session_id), ensure_ascii=False)
    config = {"model": MODEL, "api_key": FIXED["a run's key"]}
    house.ask("POST", f"/api/sessions/{good}/messages", json={"content": "One run", "config": config})
    house.ended(good)
    provider.require_keys(*FIXED.values())

    changed = {"config": {"api_key": FIXED["a session's newer key"]}, "metadata": {"more": FIXED["metadata"]}}
    house.ask("PATCH", f"/api/sessions/{named}", json=changed)
    provider.hold("Stay")
    house.ask("POST", f"/api/sessions/{named}/messages", json={"content": "Stay"})
    provider.wait_until_held()
    config = {"model": MODEL, "api_key": FIXED["a queued key"]}
    house.ask("POST", f"/api/sessions/{named}/queue", json={"content": "Next", "config": config})
    provider.release()
    provider.wait_for(lambda server: server.count("Next") > 0)
    house.ended(named)
    assert provider.calls[-1].key == FIXED["a queued key"]
    forked = house.ask(
        "POST",
        f"/api/sessions/{good}/fork",
        json={"input": "In a fork", "config": {"api_key": FIXED["a fork's key"]}},
    )
    assert house.ended(forked["session_id"])["status"] == "completed", house.server.log()
    refused = {"mode": "one-shot", "config": {"model": MODEL, "api_key": FIXED["a key that is refused"]}}
    assert house.ask("POST", "/api/sessions", json=refused)["code"] == "invalid-input"
    wrong_kind = {"mode": "one-shot", "config": {"model": MODEL, "api_key": {"key": FIXED["a run's key"]}}}
    assert house.ask("POST", "/api/sessions", json=wrong_kind)["code"] == "invalid-input"
    link = house.ask("POST", f"/api/sessions/{good}/share-links", gives="token", json={"role": "view"})
    house.ask("POST", "/api/share-links/accept", json={"token": link["token"]})
    house.ask("POST", "/api/share-links/accept", json={"token": link["token"] + "x"})
    return [good, named, told, *echoed, forked["session_id"]]


async def read_streams(house: House, sessions: list[str]) -> list[tuple[str, str]]:
    """Read everything that can be read of the sessions: details, logs, and a socket opened with a ticket."""
    found: list[tuple[str, str]] = []
    for session_id in sessions:
        for part in (
            "",
            "/events",
            "/history",
            "/runs",
            "/steps",
            "/console",
            "/files",
            "/costs",
            "/queue",
            "/dag",
        ):
            house.ask("GET", f"/api/sessions/{session_id}{part}") if part != "/console" else found.append(
                (
                    "console",
                    house.http.get(f"/api/sessions/{session_id}/console", headers=house_headers(house)).text,
                )
            )
        ticket = house.ask("POST", "/api/auth/tickets", gives="ticket", json={"session_id": session_id})
        url = f"ws://127.0.0.1:{house.server.port}/ws/sessions/{session_id}?after=0"
        last = house.ask("GET", f"/api/sessions/{session_id}")["as_of_seq"]
        async with connect(url, proxy=None) as socket, asyncio.timeout(30):
            await socket.send(json.dumps({"type": "auth", "ticket": ticket["ticket"]}))
            seq = 0
            while seq < last:
                frame = str(await socket.recv())
                found.append((f"socket {session_id}", frame))
                seq = max(seq, *(e.get("seq") or 0 for e in events_of(json.loads(frame))), 0)
    return found


def house_headers(house: House) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.token}"}


def events_of(frame: dict[str, Any]) -> list[dict[str, Any]]:
    return frame.get("events") or [frame]


def forms(secret: str) -> set[str]:
    """How a secret could stand somewhere: plain, in JSON, and in base64."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, json.dumps(secret)[1:-1], encoded[:-1]}


def files(folder: Path) -> list[tuple[str, str]]:
    """Everything on disk; the keys themselves are in `secret.key`, which is not ours to look at."""
    return [
        (str(path.relative_to(folder)), path.read_bytes().decode("latin-1"))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "secret.key"
    ]


def rows(database: Path) -> list[tuple[str, str]]:
    """Every row of a database as text, also what lies across pages of the file."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            (
                f"{database.name} {table}",
                "\n".join(str(row) for row in connection.execute(f'SELECT * FROM "{table}"')),
            )
            for table in tables
        ]
    finally:
        connection.close()
