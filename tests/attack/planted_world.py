"""A server into which secrets are planted wherever one can be given, and every place where they could be found."""

from __future__ import annotations

import base64
import io
import json
import secrets
import sqlite3
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
from psycopg import sql

from tests.fakes.openai_server import MODEL, OpenAIServer
from tests.fakes.perdure_server import PerdureServer
from tests.provision import forked

Place = tuple[str, str]
"""Where something was found, and its whole text."""

EMAIL = "ana@example.org"
FIXED = {
    "password": "canary-password-4be1",
    "second password": "canary-password-77d2",
    "wrong password": "canary-password-0c3d",
    "the server's provider key": "canary-server-key-91aa",
    "another provider's key": "canary-other-key-4d4d",
    "the database's password": "canary-database-a1b2",
    "the rates' password": "canary-redis-c3d4",
    "an identity provider's secret": "canary-oidc-client-e5f6",
    "the server's secret key": base64.b64encode(secrets.token_bytes(32)).decode(),
    "a session's key": "canary-session-key-5f1c",
    "a session's newer key": "canary-newer-key-aa07",
    "a run's key": "canary-run-key-66b0",
    "a queued key": "canary-queued-key-18f4",
    "a fork's key": "canary-fork-key-2d90",
    "a key that is refused": "canary-refused-key\twith-tab",
    "a named secret": "canary-named-secret-3e55",
    "a secret of several words": "canary spoken word 7c1d",
    "a planned run's key": "canary-plan-key-83e6",
    "a tool server's environment": "canary-tool-environment-c1",
    "a tool server's secret": "canary-tool-secret-d2e3",
    "metadata": "canary-metadata-b7c8",
    "another's variable": "canary-variable-e9f0",
}
CONTROL = "canary-no-secret-5b2f"
"""Said and printed in the open: whoever looks for secrets has to find this one."""
_TOOLS = """
import os
from mcp.server import MCPServer
server = MCPServer("notes")

@server.tool()
def reveal() -> str:
    \"\"\"Say everything.\"\"\"
    return f"{os.environ['NOTES_TOKEN']} and {os.environ['NOTES_FIXED']}"

@server.tool()
def break_down() -> str:
    \"\"\"Fail, and say everything.\"\"\"
    raise RuntimeError(f"no luck with {os.environ['NOTES_TOKEN']} and {os.environ['NOTES_FIXED']}")

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

    def asked(self, session_id: str, before: str = "") -> dict[str, Any]:
        """Wait until something else than `before` is asked in the session, and return the question."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            runs = self.ask("GET", f"/api/sessions/{session_id}/runs")["runs"]
            assert runs[0]["status"] not in ("completed", "failed"), runs[0]
            open_ones = self.ask("GET", f"/api/approvals?session_id={session_id}&status=pending")["approvals"]
            if open_ones and open_ones[0]["approval_id"] != before:
                return self.ask("GET", f"/api/approvals/{open_ones[0]['approval_id']}")
            time.sleep(0.05)
        raise AssertionError(f"nothing is asked: {self.server.log()}")

    def start(self, text: str, config: dict[str, Any], mode: str = "one-shot", **more: Any) -> str:
        """Start a run in a new session and return the session's id."""
        body = {"mode": mode, "config": {"model": MODEL, **config}, **more}
        made = self.ask("POST", "/api/sessions", json=body, headers={"Idempotency-Key": f"new-{text}"})
        self.ask(
            "POST",
            f"/api/sessions/{made['session_id']}/messages",
            json={"content": text},
            headers={"Idempotency-Key": f"say-{text}"},
        )
        return made["session_id"]

    def run(self, *arguments: str | Path, stdin: str = "", may_fail: bool = False) -> Place:
        """Run `perdure` with the server's own environment, and return what it printed."""
        done = forked.run(
            [str(each) for each in arguments], self.server.environment, self.server.data_dir, stdin=stdin
        )
        assert may_fail or done.returncode == 0, done.stderr
        return f"perdure {arguments[0]}", done.stdout + done.stderr

    def raw(self, path: str) -> Place:
        """Return what an address answers that is no JSON."""
        answer = self.http.get(path, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return f"GET {path}", answer.content.decode("latin-1")

    def unpacked(self, path: str) -> list[Place]:
        """Return the files of an archive."""
        with zipfile.ZipFile(io.BytesIO(self.http.get(path, headers=self.headers).content)) as archive:
            return [(f"{path} {name}", archive.read(name).decode("latin-1")) for name in archive.namelist()]

    @property
    def headers(self) -> dict[str, str]:
        """What makes a request one of the person's."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def planted(folder: Path, **settings: str) -> Iterator[House]:
    """Start a server that was given secrets in every way there is, with one administrator."""
    tools = folder / "tools.py"
    tools.write_text(_TOOLS)
    environment = {"NOTES_TOKEN": {"$secret": "notes"}, "NOTES_FIXED": FIXED["a tool server's environment"]}
    notes = {"command": sys.executable, "args": [str(tools)], "env": environment}
    identities = {
        "issuer": "http://127.0.0.1:9/none",
        "client_id": "perdure",
        "client_secret": FIXED["an identity provider's secret"],
    }
    with OpenAIServer() as provider:
        environment = {
            **provider.environment(),
            "OPENAI_API_KEY": FIXED["the server's provider key"],
            "ANTHROPIC_API_KEY": FIXED["another provider's key"],
            "SOMEBODY_ELSES_TOKEN": FIXED["another's variable"],
            "PERDURE_SECRET_KEY": "7:" + FIXED["the server's secret key"],
            "PERDURE_AUTH": "password",
            "PERDURE_RATE_LIMITS": "off",
            "PERDURE_REDIS_URL": _redis(FIXED["the rates' password"]),
            "PERDURE_OIDC_PROVIDERS": json.dumps({"nobody": identities}),
            "PERDURE_LOG_LEVEL": "DEBUG",
            "PERDURE_MCP_SERVERS": json.dumps({"notes": notes}),
            **settings,
        }
        server = PerdureServer(folder / "data", environment)
        server.data_dir.mkdir()
        house = House(server, provider)
        house.run("users", "create", EMAIL, "--admin", "--password-stdin", stdin=f"{FIXED['password']}\n")
        with server, house.http:
            yield house
            provider.release()


def _redis(password: str) -> str:
    return f"redis://me:{password}@127.0.0.1:9/0"


def control_in(places: list[Place]) -> set[str]:
    """Return where what is no secret was found."""
    looks = forms(CONTROL)
    return {where for where, text in places if any(form in text for form in looks)}


def found_in(house: House, places: list[Place]) -> list[tuple[str, str]]:
    """Return which secret was found where, in any form."""
    known = {what: forms(secret) for what, secret in house.planted.items()}
    return [
        (what, where)
        for where, text in places
        for what, looks in known.items()
        # An owner is shown their metadata; it is encrypted where it is stored.
        if any(form in text for form in looks)
        and not (
            what == "metadata" and where.startswith(("GET /api/sessions", "POST /api/sessions", "PATCH /api"))
        )
    ]


def forms(secret: str) -> set[str]:
    """How a secret could stand somewhere: plain, in JSON (also within JSON), in an address, in base64, in hex."""
    plain = secret.encode()
    in_json = json.dumps(secret)[1:-1]
    found = {secret, in_json, json.dumps(in_json)[1:-1], quote(secret), quote(secret, safe=""), plain.hex()}
    for before in range(3):  # base64 looks different by where in its threes the secret begins
        encoded = base64.b64encode(bytes(before) + plain).decode().rstrip("=")
        middle = encoded[(0, 2, 3)[before] : -1]
        found |= {middle, middle.replace("+", "-").replace("/", "_")}
    return found


def files(folder: Path) -> list[Place]:
    """Everything on disk below a folder."""
    return [
        (str(path.relative_to(folder)), path.read_bytes().decode("latin-1"))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def rows(database: Path) -> list[Place]:
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


def dumped(url: str) -> list[Place]:
    """Every row of every table of a PostgreSQL database as text, the engine's too."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        found: list[Place] = []
        for schema, table in tables:
            name = sql.Identifier(schema, table)
            lines = connection.execute(sql.SQL("SELECT t::text FROM {} t").format(name)).fetchall()
            found.append((f"{schema}.{table}", "\n".join(line for (line,) in lines)))
    return found
