"""Who is believed about where a request comes from: a proxy that the server was told of, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.api.proxies import Proxies, is_secure
from perdure.api.server import check
from perdure.config import load_settings
from perdure.errors import StartupError
from tests.api.conftest import Running, running

TRUSTED = ["10.0.0.0/8", "fd00::/8"]


async def seen(peer: str | None, headers: dict[str, str], *, kind: str = "http") -> dict[str, Any]:
    """Return the scope as it is behind the layer."""
    found: dict[str, Any] = {}

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        found.update(scope)

    scope = {
        "type": kind,
        "scheme": "http" if kind == "http" else "ws",
        "client": (peer, 4711) if peer else None,
        "headers": [(b"host", b"inner:8000"), *((k.encode(), v.encode()) for k, v in headers.items())],
    }
    await Proxies(app, TRUSTED)(scope, None, None)  # pyright: ignore[reportArgumentType]
    return found


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.1.2.3", None, "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.1.2.3", "10.9.9.9, 10.8.8.8", "10.9.9.9"),
        ("10.1.2.3", "198.51.100.1, garbage", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1, garbage, 10.4.4.4", "10.4.4.4"),
        ("10.1.2.3", ",, ,", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1:5555", "198.51.100.1"),
        ("10.1.2.3", '"[2001:db8::1]:443"', "2001:db8::1"),
        ("10.1.2.3", "2001:db8::1", "2001:db8::1"),
        ("fd00::1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "::ffff:198.51.100.1", "198.51.100.1"),
        (None, "198.51.100.1", "?"),
    ],
)
async def test_the_callers_address_is_the_last_that_is_no_proxy(
    peer: str | None, forwarded: str | None, address: str
) -> None:
    scope = await seen(peer, {"x-forwarded-for": forwarded} if forwarded is not None else {})
    assert scope["perdure.address"] == address


async def test_scheme_and_host_are_believed_of_the_nearest_proxy_alone() -> None:
    told = {"x-forwarded-proto": "https", "x-forwarded-host": "perdure.example"}
    behind = await seen("10.1.2.3", told)
    assert is_secure(behind)
    assert [v for k, v in behind["headers"] if k == b"host"] == [b"perdure.example"]
    assert is_secure(await seen("10.1.2.3", told, kind="websocket"))
    direct = await seen("203.0.113.9", told)
    assert not is_secure(direct)
    assert [v for k, v in direct["headers"] if k == b"host"] == [b"inner:8000"]
    mixed = await seen("10.1.2.3", {"x-forwarded-proto": "https, http", "x-forwarded-host": "a, b"})
    assert not is_secure(mixed)
    assert (b"host", b"b") in mixed["headers"]
    assert not is_secure(await seen("10.1.2.3", {"x-forwarded-proto": "javascript"}))


async def _audit_source(app: Running, **headers: str) -> tuple[str, dict[str, str]]:
    made = await app.http.post("/api/sessions", json={"mode": "one-shot"}, headers=headers)
    assert made.status_code == 201, made.text
    entries = (await app.http.get("/api/audit")).json()["entries"]
    return entries[0]["source"], dict(made.headers)


async def test_a_stranger_cannot_make_up_an_address_scheme_or_host(app: Running) -> None:
    source, headers = await _audit_source(
        app, **{"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https", "X-Real-IP": "1.2.3.4"}
    )
    assert source.startswith("127.0.0.1 ")
    assert "strict-transport-security" not in headers
    faked = await app.http.get(
        "/api/sessions", headers={"Host": "evil.example", "X-Forwarded-Host": "localhost"}
    )
    assert faked.status_code == 403


async def test_behind_a_proxy_the_audit_log_names_the_caller_and_https_is_kept(tmp_path: Any) -> None:
    async with running(tmp_path, trusted_proxies=["127.0.0.1"], allowed_hosts=["perdure.example"]) as app:
        source, headers = await _audit_source(
            app,
            **{
                "X-Forwarded-For": "6.6.6.6, 198.51.100.1",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "perdure.example",
                "Origin": "https://perdure.example",
            },
        )
        assert source.startswith("198.51.100.1 ")
        assert headers["strict-transport-security"].startswith("max-age=31536000")
        refused = await app.http.get("/api/sessions", headers={"X-Forwarded-Host": "other.example"})
        assert refused.status_code == 403


def test_settings_that_are_no_addresses_are_refused_at_the_start() -> None:
    with pytest.raises(StartupError, match="trusted_proxies"):
        load_settings(trusted_proxies=["proxy.example"])
    with pytest.raises(StartupError, match="PERDURE_AUTH"):
        check(load_settings(trusted_proxies=["10.0.0.0/8"]))
