"""Requests that two servers could read in two ways: answered once, with nothing hidden inside carried out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.api.conftest import Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

HIDDEN = b"GET /api/auth/methods HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
TELLTALE = b'"oidc"'
"""What only the hidden request is answered with."""
CHUNKED = b"0\r\n\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """One server with sign-in, behind a proxy that it trusts."""
    folder = tmp_path_factory.mktemp("smuggling")
    async with running(folder, auth="password", rate_limits="off", trusted_proxies=["127.0.0.1"]) as served:
        yield served


async def sent(app: Running, text: bytes) -> bytes:
    """Send bytes as they are, and return all that comes back until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    try:
        writer.write(text)
        await writer.drain()
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 60",
        b"Content-Length: 5\r\nContent-Length: 60",
        b"Content-Length: 5, 60",
        b"Content-Length: +5",
        b"Content-Length: -1",
        b"Content-Length: 5\r\nTransfer-Encoding: identity",
        b"Content-Length: 5\r\nTransfer-Encoding : chunked",
        b"Content-Length: 5\r\nTransfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Content-Length: 5\r\nTransfer-Encoding\x00: chunked",
        b"Content-Length: 5\r\nX: a\x00b",
        b"Host: evil.example\r\nContent-Length: 5",
    ],
    ids=repr,
)
async def test_a_length_said_in_two_ways_is_refused_and_nothing_after_it_is_read(
    app: Running, head: bytes
) -> None:
    request = b"POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n\r\n"
    answer = await sent(app, request + CHUNKED + HIDDEN)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), answer[:200]
    assert answer.count(b"HTTP/1.1 ") == 1
    assert TELLTALE not in answer


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        (b"GET http://evil.example/api/auth/methods HTTP/1.1", b"Host: 127.0.0.1", b"404"),
        (b"GET http://127.0.0.1/api/auth/methods HTTP/1.1", b"Host: evil.example", b"403"),
        (b"GET /api/auth/methods HTTP/1.1", b"Host: evil.example", b"403"),
        (b"GET /api/auth/methods HTTP/1.1", b"Host: 127.0.0.1:80@evil.example", b"403"),
        (b"GET /api/auth/methods HTTP/1.1", b"Host: 127.0.0.1\r\nX-Forwarded-Host: evil.example", b"403"),
        (b"GET /api/auth/methods HTTP/1.0", b"X: y", b"403"),
        (b"CONNECT 127.0.0.1:22 HTTP/1.1", b"Host: 127.0.0.1", b"404"),
        (b"TRACE /api/auth/methods HTTP/1.1", b"Host: 127.0.0.1", b"405"),
        (b"GET /api/auth/me HTTP/1.1", b"Host: 127.0.0.1\r\nX-Original-URL: /api/auth/methods", b"401"),
        (b"GET /api/auth/methods/../me HTTP/1.1", b"Host: 127.0.0.1", b"401"),
        (b"GET /api/auth/methods%2f..%2fme HTTP/1.1", b"Host: 127.0.0.1", b"401"),
        (b"GET /api/auth/methods;/../me HTTP/1.1", b"Host: 127.0.0.1", b"401"),
        (b"GET /api/auth/oidc/..%2f..%2fsessions HTTP/1.1", b"Host: 127.0.0.1", b"404"),
        (b"GET /api/sessions?/api/auth/methods HTTP/1.1", b"Host: 127.0.0.1", b"401"),
        (b"GET /api/sessions#/api/auth/methods HTTP/1.1", b"Host: 127.0.0.1", b"401"),
        (b"GET /metrics%00 HTTP/1.1", b"Host: 127.0.0.1", b"200"),
        (b"POST /api/sessions HTTP/1.1", b"Host: 127.0.0.1\r\nX-HTTP-Method-Override: GET", b"401"),
    ],
    ids=repr,
)
async def test_no_other_name_for_a_path_or_host_passes_the_door(
    app: Running, line: bytes, headers: bytes, status: bytes
) -> None:
    answer = await sent(app, line + b"\r\n" + headers + b"\r\nConnection: close\r\n\r\n")
    assert answer.split(b" ", 2)[1] == status, answer[:300]
    assert TELLTALE not in answer
    assert b"perdure_" not in answer.lower().replace(b"perdure_allowed_hosts", b""), "metrics were told"


@pytest.mark.parametrize(
    ("scheme", "origin", "status"),
    [
        ("https", "https://127.0.0.1", 401),
        ("https", "http://127.0.0.1", 403),
        ("https", "HTTP://127.0.0.1/", 403),
        ("http", "http://127.0.0.1", 401),
        ("http", "https://127.0.0.1", 401),
        ("https", "null", 403),
        ("https", "https://127.0.0.1.evil.example", 403),
        ("https", "https://x@127.0.0.1", 403),
        ("https", "https://[", 403),
    ],
)
async def test_with_https_a_page_that_came_by_http_is_not_ours(
    app: Running, scheme: str, origin: str, status: int
) -> None:
    """401 is let through the guard; that nobody has signed in comes after it."""
    headers: dict[str, Any] = {"Host": "127.0.0.1", "Origin": origin, "X-Forwarded-Proto": scheme}
    answer = await app.http.post("/api/sessions", json={}, headers=headers)
    assert answer.status_code == status, answer.text
    body = {"email": "nobody@example.org", "password": "wrong but long enough"}
    answer = await app.http.post("/api/auth/login", json=body, headers=headers)
    assert answer.status_code == status
