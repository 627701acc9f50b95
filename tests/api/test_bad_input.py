"""What the edge refuses, and that nothing is stored then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import Running, running

_NOBODYS = "019f0000-0000-7000-8000-00000000abcd"
DEEP = '{"mode":"one-shot","metadata":' + '{"a":' * 70 + "1" + "}" * 70 + "}"


async def _stored(app: Running) -> int:
    return (await app.http.get("/api/sessions")).json()["total"]


def _problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(document)
    assert document["status"] == status
    if code is not None:
        assert document["code"] == code
    return document


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b"[]",
        b'{"mode": "one-shot", "metadata": {"x": NaN}}',
        b'{"mode": "one-shot", "metadata": {"x": Infinity}}',
        b'{"mode": "one-shot", "name": "a\\u0000b"}',
        b'{"mode": "one-shot", "metadata": {"a\\u0000": 1}}',
        b'{"mode": "one-shot", "name": "\\ud800"}',
        b'{"mode": "one-shot", "name": "\xff"}',
        b'{"mode": 7}',
        b'{"mode": "one-shot", "session_id": "not-a-uuid"}',
        DEEP.encode(),
        b'{"mode": "one-shot"',
        b"",
    ],
)
async def test_refuses_bodies_that_it_will_not_store(app: Running, body: bytes) -> None:
    answer = await app.http.post("/api/sessions", content=body, headers={"content-type": "application/json"})
    _problem(answer, 422)
    assert await _stored(app) == 0


async def test_takes_text_that_only_looks_like_a_nul(app: Running) -> None:
    body = b'{"mode": "one-shot", "name": "a\\\\u0000b"}'
    answer = await app.http.post("/api/sessions", content=body, headers={"content-type": "application/json"})
    assert answer.json()["name"] == "a\\u0000b"


async def test_takes_sixty_four_levels(app: Running) -> None:
    body = '{"mode":"one-shot","metadata":' + '{"a":' * 60 + "1" + "}" * 60 + "}"
    answer = await app.http.post("/api/sessions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 201


async def test_lists_each_field_that_cannot_be_accepted(app: Running) -> None:
    answer = await app.http.post("/api/sessions", json={"mode": 7, "tags": "x"})
    document = _problem(answer, 422, "invalid-input")
    assert {e["field"] for e in document["errors"]} == {"mode", "tags"}


async def test_says_in_plain_words_what_is_wrong_with_an_id(app: Running) -> None:
    document = _problem(await app.http.get("/api/sessions/nope"), 422, "invalid-input")
    assert document["detail"] == (
        "The request cannot be accepted: session_id: 'nope' is not a valid id: ids are UUIDs."
    )


async def test_names_the_unknown_mode_and_config_key(app: Running) -> None:
    _problem(await app.http.post("/api/sessions", json={"mode": "one-shott"}), 422, "unknown-mode")
    body = {"mode": "one-shot", "config": {"modle": "x"}}
    _problem(await app.http.post("/api/sessions", json=body), 422, "unknown-config-key")
    assert await _stored(app) == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/api", 404),
        ("GET", "/api/sessions/nope", 422),
        ("GET", f"/api/sessions/{_NOBODYS}", 404),
        ("POST", f"/api/sessions/{_NOBODYS}/load", 404),
        ("GET", "/api/runs/nope", 422),
        ("GET", "/api/approvals/nope", 422),
        ("GET", "/api/tasks/a%20b", 422),
        ("GET", "/api/sessions?limit=0", 422),
        ("GET", "/api/sessions?limit=201", 422),
        ("GET", "/api/sessions?offset=-1", 422),
        ("GET", "/api/sessions?status=unheard", 422),
        ("GET", "/api/sessions?q=%00", 422),
        ("GET", "/api/sessions?cursor=xx", 422),
        ("GET", "/api/sessions/%00", 422),
        ("PUT", "/api/sessions", 405),
        ("GET", "/assets/nothing.js", 404),
        ("GET", "/assets/../../config.py", 404),
    ],
)
async def test_every_refusal_is_a_problem_document(app: Running, method: str, path: str, status: int) -> None:
    answer = await app.http.request(method, path)
    if path == "/assets/../../config.py":  # the client itself resolves the dots: the console's page
        assert b"StartupError" not in answer.content
        return
    _problem(answer, status)


async def test_refuses_a_body_that_is_too_large(tmp_path: Path) -> None:
    async with running(tmp_path, max_body_bytes=2000, max_upload_bytes=2000, max_text_bytes=1024) as app:
        _problem(await app.http.post("/api/sessions", json={"mode": "one-shot", "name": "x" * 3000}), 413)

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 100

        _problem(await app.http.post("/api/sessions", content=pieces()), 413)
        made = await app.create()
        url = f"/api/sessions/{made['id']}"
        _problem(await app.http.put(f"{url}/files/a", content=b"x" * 3000), 413)
        assert (await app.http.put(f"{url}/files/a", content=pieces())).status_code in {413, 422}
        assert (await app.http.get(f"{url}/files")).json()["files"] == []
        _problem(await app.http.post(f"{url}/messages", json={"content": "é" * 800}), 422)
        _problem(await app.http.post(f"{url}/messages", json={"content": "  "}), 422)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
    ],
)
async def test_refuses_what_another_web_site_sends(app: Running, headers: dict[str, str]) -> None:
    answer = await app.http.post("/api/sessions", json={"mode": "one-shot"}, headers=headers)
    _problem(answer, 403, "forbidden")
    assert await _stored(app) == 0


async def test_takes_what_its_own_pages_send(app: Running) -> None:
    headers = {"origin": f"http://127.0.0.1:{app.port}", "sec-fetch-site": "same-origin"}
    assert (
        await app.http.post("/api/sessions", json={"mode": "one-shot"}, headers=headers)
    ).status_code == 201
    headers = {"host": f"localhost:{app.port}", "origin": f"http://localhost:{app.port}"}
    assert (
        await app.http.post("/api/sessions", json={"mode": "one-shot"}, headers=headers)
    ).status_code == 201


async def test_lets_configured_hosts_and_origins_in(tmp_path: Path) -> None:
    async with running(tmp_path, allowed_hosts=["box.lan"], allowed_origins=["https://ui.example"]) as app:
        headers = {"host": "box.lan", "origin": "https://ui.example"}
        answer = await app.http.post("/api/sessions", json={"mode": "one-shot"}, headers=headers)
        assert answer.status_code == 201
        assert answer.headers["access-control-allow-origin"] == "https://ui.example"


async def test_every_answer_carries_the_security_headers(app: Running) -> None:
    for path in ("/", "/api/sessions", "/api/nothing", "/docs", "/anything/else"):
        headers = (await app.http.get(path)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


async def test_says_when_storage_is_away_and_to_come_back(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perdure.errors import StorageUnavailable

    async def away(*_args: Any, **_named: Any) -> Any:
        raise StorageUnavailable("The disk is full; free some space.")

    monkeypatch.setattr(app.perdure.sessions, "list", away)
    answer = await app.http.get("/api/sessions")
    _problem(answer, 503, "storage-unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_mistake_of_ours_tells_nothing_to_the_outside(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_args: Any, **_named: Any) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(app.perdure.sessions, "list", broken)
    answer = await app.http.get("/api/sessions")
    document = _problem(answer, 500, "internal-error")
    assert "secret" not in str(document)
