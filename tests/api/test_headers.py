"""What every answer carries, what other origins may do, and that reading changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from perdure.api import guard, server
from perdure.api.app import describe_app
from tests.api.conftest import Running, running

PATHS: dict[str, dict[str, Any]] = describe_app()["paths"]
ROUTES = sorted((method.upper(), path) for path, methods in PATHS.items() for method in methods)
ENDLESS = {"/api/sessions/stream", "/api/sessions/{session_id}/stream"}
PAGES = ["/", "/sessions/any", "/docs", "/assets/none.js", "/favicon.svg"]
DATA = ["/openapi.json", "/health", "/ready", "/metrics", "/api/none"]


def address(path: str, session_id: str) -> str:
    """Return the path with its parameters filled in."""
    filled = path.replace("{session_id}", session_id).replace("{path}", "notes.md")
    return re.sub(r"\{\w+(:path)?\}", str(uuid.UUID(int=7, version=4)), filled)


def test_the_list_of_routes_is_not_empty() -> None:
    assert len(ROUTES) > 60
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= {method for method, _ in ROUTES}


def assert_guarded(answer: httpx.Response, policy: str) -> None:
    """Fail when a header that every answer carries is missing, or stands twice."""
    headers = answer.headers
    where = f"{answer.request.method} {answer.request.url.path} {answer.status_code}"
    assert headers.get_list("x-content-type-options") == ["nosniff"], where
    assert headers.get_list("x-frame-options") == ["DENY"], where
    assert headers.get_list("referrer-policy") == ["no-referrer"], where
    assert headers.get_list("cross-origin-opener-policy") == ["same-origin"], where
    assert headers.get_list("cross-origin-resource-policy") == ["same-origin"], where
    assert len(headers.get_list("content-security-policy")) == 1, where
    assert headers["content-security-policy"].startswith(policy), where
    assert "server" not in headers, where
    assert "x-powered-by" not in headers, where
    assert "strict-transport-security" not in headers, where
    assert "access-control-allow-origin" not in headers, where


async def test_every_answer_of_every_route_carries_the_headers(app: Running) -> None:
    session_id = (await app.create())["session_id"]
    for method, path in ROUTES:
        if path in ENDLESS:
            async with app.http.stream(method, address(path, session_id)) as stream:
                assert_guarded(stream, "default-src 'none'")
            continue
        answer = await app.http.request(method, address(path, session_id), json={})
        assert_guarded(answer, "default-src 'none'")
        if path.startswith("/api"):
            assert answer.headers["cache-control"] == "no-store", (method, path)
    for path in DATA:
        answer = await app.http.get(path)
        assert_guarded(answer, "default-src 'none'; base-uri 'none'")
        assert "sandbox" in answer.headers["content-security-policy"]


async def test_pages_allow_only_their_own_files_and_no_markup_from_text(app: Running) -> None:
    for path in PAGES:
        answer = await app.http.get(path)
        assert_guarded(answer, "default-src 'none'")
        rules: dict[str, str] = {}
        for rule in answer.headers["content-security-policy"].split(";"):
            name, _, value = rule.strip().partition(" ")
            rules[name] = value
        assert rules["script-src"] == "'self'"
        assert rules["connect-src"] == "'self'"
        assert (rules["frame-ancestors"], rules["base-uri"], rules["form-action"]) == ("'none'",) * 3
        assert rules["require-trusted-types-for"] == "'script'"


async def test_refusals_and_mistakes_carry_the_headers_too(app: Running) -> None:
    assert_guarded(
        await app.http.get("/api/sessions", headers={"Host": "evil.example"}), "default-src 'none'"
    )
    cross = await app.http.post("/api/sessions", json={}, headers={"Origin": "https://evil.example"})
    assert cross.status_code == 403
    assert_guarded(cross, "default-src 'none'")
    assert_guarded(await app.http.request("BREW", "/api/sessions"), "default-src 'none'")
    assert_guarded(await app.http.post("/api/sessions", content=b"{"), "default-src 'none'")


ALLOWED = "https://console.example"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (ALLOWED, True),
        ("https://console.example.evil.example", False),
        ("https://evil-console.example", False),
        ("http://console.example", False),
        ("https://console.example:444", False),
        ("https://CONSOLE.example.evil", False),
        ("null", False),
        ("", False),
        ("*", False),
        ("file://", False),
    ],
)
async def test_other_origins_are_answered_only_when_they_are_named(
    tmp_path: Path, origin: str, allowed: bool
) -> None:
    async with running(tmp_path, allowed_origins=[ALLOWED]) as app:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "content-type, if-match",
        }
        preflight = await app.http.options("/api/sessions", headers=asked)
        simple = await app.http.get("/api/sessions", headers={"Origin": origin})
        unsafe = await app.http.post("/api/sessions", json={"mode": "one-shot"}, headers={"Origin": origin})
        for answer in (preflight, simple, unsafe):
            shown = answer.headers.get("access-control-allow-origin")
            assert shown == (ALLOWED if allowed else None)
            assert "access-control-allow-credentials" not in answer.headers
            assert answer.headers.get("access-control-allow-origin") != "*"
        assert (unsafe.status_code == 201) is allowed
        if allowed:
            assert "PATCH" in preflight.headers["access-control-allow-methods"]
            assert "Origin" in simple.headers["vary"]


async def test_without_named_origins_a_preflight_is_given_nothing(app: Running) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await app.http.options("/api/sessions", headers=asked)
    assert answer.status_code >= 400
    assert not [name for name in answer.headers if name.startswith("access-control")]


def content(file: Path) -> str:
    """Return a hash of every row of every table but the audit log, where downloads are on record."""
    digest = hashlib.sha256()
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in sorted(set(tables) - {"pd_audit_entries", "pd_audit_head"}):
            digest.update(table.encode())
            for row in sorted(map(repr, database.execute(f'SELECT * FROM "{table}"'))):
                digest.update(row.encode())
    database.close()
    return digest.hexdigest()


async def test_no_get_changes_anything(app: Running, tmp_path: Path) -> None:
    session_id = (await app.create(name="Kept"))["session_id"]
    await app.http.post(f"/api/sessions/{session_id}/messages", json={"content": "Hello"})
    await app.http.post("/api/missions", json={"name": "M", "goal": "G", "session_id": session_id})
    await app.lines(session_id, 1, 3)
    file = tmp_path / "perdure.db"
    before = content(file)
    asked = 0
    for method, path in ROUTES:
        if method == "GET" and path not in ENDLESS:
            target = address(path, session_id)
            for extra in ("", "?limit=1", "?action=delete&_method=DELETE"):
                answer = await app.http.get(target + extra, headers={"X-HTTP-Method-Override": "DELETE"})
                assert answer.status_code != 500, target
            await app.http.head(target)
            asked += 1
            assert content(file) == before, f"GET {path} changed the database"
    for path in (*PAGES, *DATA):
        await app.http.get(path)
    assert asked > 25
    assert content(file) == before
    await app.create()
    assert content(file) != before  # the measure itself sees a change


async def test_a_head_that_does_not_come_to_its_end_is_given_up(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_WITHIN_S", 0.2)
    for begun in (b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: "):
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
        writer.write(begun)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /health HTTP/1.1\r\nHost: local")  # the second on the same connection
        await reader.read()
    writer.close()


async def test_a_body_that_comes_too_slowly_is_given_up(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_PATIENCE_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    head = "POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 400\r\n\r\n{{".encode())
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 408")
        assert b"body-too-slow" in await reader.readuntil(b"}")
    writer.close()
    assert (await app.http.get("/api/sessions")).json()["total"] == 0


async def test_a_head_that_is_too_large_is_refused(app: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"a" * server.MAX_HEAD_BYTES)
    async with asyncio.timeout(10):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 400")
    writer.close()
