"""Too many requests are refused with the time to come back; who stays within is never refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import limits.aio.storage.memory
import limits.aio.strategies
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from starlette.requests import HTTPConnection
from websockets.exceptions import ConnectionClosed

from perdure.api.rate_limits import RateLimited, RateLimits
from perdure.config import load_settings
from perdure.core.access import LOCAL_ACTOR
from perdure.errors import StartupError
from perdure.services import passwords
from tests.api.conftest import frame, running, until
from tests.provision.redis import RedisServer


class Time:
    """Stands for the module `time` where windows are counted."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        """Return the time of the test."""
        return self.now


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Time:
    """A time that stands still until a test moves it."""
    made = Time()
    monkeypatch.setattr(limits.aio.storage.memory, "time", made)
    monkeypatch.setattr(limits.aio.strategies, "time", made)
    return made


def limiting(**settings: Any) -> RateLimits:
    """Return counters of their own."""
    return RateLimits(load_settings(rate_limits="on", **settings))


def from_(address: str) -> HTTPConnection:
    """Return a request from an address."""
    return HTTPConnection({"type": "http", "headers": [], "perdure.address": address})


async def test_after_the_limit_429_says_when_to_come_back_and_then_it_goes_on(
    tmp_path: Path, moment: Time
) -> None:
    async with running(tmp_path, rate_limits="on", rate_requests="5/minute") as app:
        for _ in range(5):
            assert (await app.http.get("/api/sessions")).status_code == 200
        refused = await app.http.get("/api/sessions")
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert "content-security-policy" in refused.headers
        document = refused.json()
        assert (document["code"], document["status"]) == ("rate-limited", 429)
        assert refused.headers["retry-after"] == str(document["retry_after_s"])
        assert "PERDURE_RATE_REQUESTS" in document["detail"]
        assert 0 < document["retry_after_s"] <= 120
        moment.now += document["retry_after_s"]
        assert (await app.http.get("/api/sessions")).status_code == 200
        assert (await app.http.get("/api/sessions")).status_code == 429


async def test_a_refused_request_does_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, rate_limits="on", rate_requests="2/minute") as app:
        answers = [await app.http.post("/api/sessions", json={"mode": "one-shot"}) for _ in range(4)]
        assert [a.status_code for a in answers] == [201, 201, 429, 429]
        found = await app.perdure.sessions.list(LOCAL_ACTOR, _all())
        assert found.total == 2


def _all() -> Any:
    from perdure.services.sessions import SessionQuery

    return SessionQuery()


@pytest.mark.parametrize("wait_s", [0.0, 7.3, 31.0, 59.9])
@pytest.mark.parametrize("amount", [1, 3, 10])
async def test_the_time_told_is_enough_and_hardly_too_long(moment: Time, amount: int, wait_s: float) -> None:
    moment.now += wait_s
    counts = limiting(rate_runs=f"{amount}/minute")
    for _ in range(3 * amount):
        try:
            await counts.run_start(LOCAL_ACTOR)
        except RateLimited as error:
            told = error.fields["retry_after_s"]
            assert 1 <= told <= 61
            moment.now += told - 1.05
            if told > 1:
                with pytest.raises(RateLimited):
                    await counts.run_start(LOCAL_ACTOR)
            moment.now += 1.05
            await counts.run_start(LOCAL_ACTOR)


async def test_a_window_slides_so_that_its_edge_lets_no_double_burst_through(moment: Time) -> None:
    counts = limiting(rate_runs="10/minute")
    moment.now = 1_800_000_000.0 + 59.0  # a multiple of 60, and one second before the next
    for _ in range(10):
        await counts.run_start(LOCAL_ACTOR)
    moment.now += 2.0
    refused = 0
    for _ in range(10):
        try:
            await counts.run_start(LOCAL_ACTOR)
        except RateLimited:
            refused += 1
    assert refused >= 9


async def test_attempts_to_sign_in_are_counted_by_account_and_address(moment: Time) -> None:
    counts = limiting(rate_sign_in="3/minute")
    for spelling in ("ann@example.org", " ANN@example.org", "\uff21nn@Example.org "):
        await counts.sign_in_attempt(from_("198.51.100.1"), spelling)
    with pytest.raises(RateLimited):
        await counts.sign_in_attempt(from_("198.51.100.1"), "ann@example.org")
    await counts.sign_in_attempt(from_("198.51.100.2"), "ann@example.org")  # Ann herself, elsewhere
    await counts.sign_in_attempt(from_("198.51.100.1"), "bob@example.org")
    for odd in ("", "\ud800", "x" * 100_000):
        await counts.sign_in_attempt(from_("198.51.100.1"), odd)


async def test_all_addresses_of_one_ipv6_customer_are_one(moment: Time) -> None:
    counts = limiting(rate_sign_in="2/minute")
    for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"):
        await counts.sign_in_attempt(from_(address), "ann@example.org")
    with pytest.raises(RateLimited):
        await counts.sign_in_attempt(from_("2001:db8:1:2::3"), "ann@example.org")
    await counts.sign_in_attempt(from_("2001:db8:1:3::1"), "ann@example.org")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/auth/login"),
        ("POST", "/api/auth/login/"),
        ("POST", "/api/auth/register"),
        ("PATCH", "/api/auth/me"),
        ("POST", "/api/share-links/accept"),
        ("GET", "/api/auth/oidc/any/callback"),
    ],
)
async def test_paths_that_take_secrets_have_a_stricter_limit_per_address(
    tmp_path: Path, method: str, path: str
) -> None:
    async with running(tmp_path, rate_limits="on", rate_sign_in_address="2/minute") as app:
        for _ in range(2):
            assert (await app.http.request(method, path, json={})).status_code != 429
        assert (await app.http.request(method, path, json={})).status_code == 429
        assert (await app.http.get("/api/sessions")).status_code == 200


async def test_an_address_behind_no_trusted_proxy_cannot_be_changed_to_escape(tmp_path: Path) -> None:
    async with running(tmp_path, rate_limits="on", rate_address="3/minute") as app:
        statuses = [
            (await app.http.get("/api/sessions", headers={"X-Forwarded-For": f"198.51.100.{n}"})).status_code
            for n in range(5)
        ]
        assert statuses == [200, 200, 200, 429, 429]
        assert (await app.http.get("/health")).status_code == 200


async def test_behind_a_trusted_proxy_each_caller_has_their_own_count(tmp_path: Path) -> None:
    async with running(
        tmp_path, rate_limits="on", rate_address="2/minute", trusted_proxies=["127.0.0.1"]
    ) as app:

        async def ask(address: str) -> int:
            headers = {"X-Forwarded-For": f"9.9.9.9, {address}"}
            return (await app.http.get("/api/sessions", headers=headers)).status_code

        assert [await ask("198.51.100.1") for _ in range(3)] == [200, 200, 429]
        assert await ask("198.51.100.2") == 200


async def test_starts_of_runs_are_counted_over_rest_and_sockets_together(tmp_path: Path) -> None:
    async with running(tmp_path, rate_limits="on", rate_runs="2/minute") as app:
        first = await app.http.post("/api/tasks/submit", json={"task": "a", "config": {"mode": "one-shot"}})
        assert first.status_code == 202
        async with app.socket("/ws/second") as socket:
            await socket.send(json.dumps({"task": "b", "config": {"mode": "one-shot"}}))
            session_id = (await frame(socket))["session_id"]
            message = {"type": "message", "content": "c", "ref": 7, "on_busy": "queue"}
            await socket.send(json.dumps(message))
            error = (await until(socket, lambda f: f["type"] == "error"))[-1]
            assert (error["code"], error["ref"]) == ("rate-limited", 7)
            assert error["retry_after_s"] >= 1
            await socket.send(json.dumps({"type": "ping", "ref": 8}))  # the socket itself goes on
            await until(socket, lambda f: f["type"] == "pong")
        refused = await app.http.post(f"/api/sessions/{session_id}/messages", json={"content": "d"})
        assert refused.status_code == 429
        async with app.socket("/ws/third") as socket:
            await socket.send(json.dumps({"task": "e", "config": {"mode": "one-shot"}}))
            assert (await frame(socket))["code"] == "rate-limited"
            with pytest.raises(ConnectionClosed) as closed:
                await frame(socket)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4429
        assert (await app.http.get("/api/sessions")).json()["total"] == 2


async def test_commands_on_a_socket_are_counted_and_answered(tmp_path: Path) -> None:
    async with (
        running(tmp_path, rate_limits="on", rate_commands="3/minute") as app,
        app.socket("/ws/sessions") as socket,
    ):
        for ref in range(5):
            await socket.send(json.dumps({"type": "ping", "ref": ref}))
        answers = await until(socket, lambda f: f.get("ref") == 4)
        kinds = [f["type"] for f in answers if "ref" in f and f["ref"] is not None]
        assert kinds == ["pong", "pong", "pong", "error", "error"]


async def test_a_socket_too_many_is_told_so_at_the_handshake(tmp_path: Path) -> None:
    async with running(tmp_path, rate_limits="on", rate_opens="2/minute") as app:
        for _ in range(2):
            async with app.socket("/ws/sessions") as socket:
                assert (await frame(socket))["type"] == "status"
        async with app.socket("/ws/sessions") as socket:
            error = await frame(socket)
            assert (error["type"], error["code"]) == ("error", "rate-limited")
            assert error["retry_after_s"] >= 1
            with pytest.raises(ConnectionClosed) as closed:
                await frame(socket)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4429
        assert (await app.http.get("/api/sessions/stream")).status_code == 429


async def test_one_person_cannot_have_every_place_of_the_server(tmp_path: Path) -> None:
    async with running(tmp_path, max_connections_per_user=2) as app:
        session_id = (await app.create())["session_id"]
        async with app.socket("/ws/sessions") as one, app.socket(f"/ws/sessions/{session_id}") as two:
            assert (await frame(one))["type"] == "status"
            assert (await frame(two))["type"] == "status"
            async with app.socket("/ws/sessions") as three:
                error = (await until(three, lambda f: f["type"] == "error"))[-1]
                assert error["limit"] == 2
                with pytest.raises(ConnectionClosed) as closed:
                    await frame(three)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4429
            for path in ("/api/sessions/stream", f"/api/sessions/{session_id}/stream"):
                refused = await app.http.get(path)
                assert refused.status_code == 429
            assert app.open_readers == 2
        async with asyncio.timeout(10):
            while app.open_readers:  # noqa: ASYNC110 - what is waited for offers no event
                await asyncio.sleep(0.01)
        async with app.http.stream("GET", "/api/sessions/stream") as stream:
            assert stream.status_code == 200


async def test_the_one_local_user_is_not_limited_unless_it_is_asked_for() -> None:
    assert not RateLimits(load_settings()).on
    assert RateLimits(load_settings(auth="password")).on
    assert not RateLimits(load_settings(auth="password", rate_limits="off")).on


async def test_a_busy_console_stays_far_below_the_defaults(moment: Time) -> None:
    counts = limiting()
    scope = {"type": "http", "method": "GET", "path": "/api/sessions", "perdure.address": "198.51.100.1"}
    for _second in range(120):
        for _ in range(15):
            await counts.from_address(scope)
            await counts.from_person(scope, "ann")
        for _ in range(8):
            await counts.command(LOCAL_ACTOR)
        moment.now += 1
    for _reload in range(30):
        await counts.from_person({**scope, "type": "websocket"}, "ann")


@pytest.mark.parametrize("text", ["0/minute", "many", "5/fortnight", "", "5", "-1/minute", "1e3/minute"])
def test_a_rate_that_cannot_be_read_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(StartupError, match="rate_runs"):
        load_settings(rate_runs=text)


async def test_several_servers_count_together_in_redis(tmp_path: Path, redis_server: RedisServer) -> None:
    settings = {"rate_limits": "on", "rate_requests": "4/minute", "redis_url": redis_server.url}
    async with running(tmp_path / "a", **settings) as one, running(tmp_path / "b", **settings) as two:
        servers = [one, two, one, two, one, two]
        statuses = [(await server.http.get("/api/sessions")).status_code for server in servers]
        assert statuses == [200, 200, 200, 200, 429, 429]
        refused = (await two.http.get("/api/sessions")).json()
        assert 1 <= refused["retry_after_s"] <= 120


async def test_without_redis_each_server_goes_on_counting_for_itself(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    async with running(
        tmp_path, rate_limits="on", rate_requests="2/minute", redis_url=redis_server.url
    ) as app:
        assert (await app.http.get("/api/sessions")).status_code == 200
        redis_server.stop()
        statuses = [(await app.http.get("/api/sessions")).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        redis_server.start()
        assert (await app.http.get("/api/sessions")).status_code == 200


def test_a_redis_address_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(StartupError, match="PERDURE_REDIS_URL"):
        limiting(redis_url="http://127.0.0.1")


async def test_a_page_of_another_allowed_origin_can_read_that_it_asks_too_often(tmp_path: Path) -> None:
    origin = "https://console.example"
    async with running(tmp_path, rate_limits="on", rate_address="1/minute", allowed_origins=[origin]) as app:
        answers: list[httpx.Response] = [
            await app.http.get("/api/sessions", headers={"Origin": origin}) for _ in range(2)
        ]
        assert [a.status_code for a in answers] == [200, 429]
        assert answers[1].headers["access-control-allow-origin"] == origin


async def test_too_many_attempts_to_sign_in_are_refused_before_a_password_is_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))

    class Counting:
        """The hasher of the tests, counted."""

        def __getattr__(self, name: str) -> Any:
            if name.startswith("verify"):
                hashed.append(1)
            return getattr(cheap, name)

    monkeypatch.setattr(passwords, "hasher", Counting)
    async with running(tmp_path, auth="password", rate_sign_in="3/minute") as app:

        async def attempt(email: str) -> httpx.Response:
            return await app.http.post("/api/auth/login", json={"email": email, "password": "wrong" * 4})

        for email in ("ann@example.org", "ANN@example.org", "ann@example.org "):
            assert (await attempt(email)).status_code == 401
        spent = len(hashed)
        assert spent >= 3
        refused = await attempt("ann@example.org")
        assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
        assert int(refused.headers["retry-after"]) >= 1
        assert len(hashed) == spent
        assert (await attempt("bob@example.org")).status_code == 401


async def test_wrong_credentials_count_against_their_address(tmp_path: Path) -> None:
    async with running(tmp_path, auth="password", rate_address="3/minute") as app:
        headers = {"Authorization": "Bearer pdk_wrong_key"}
        statuses = [(await app.http.get("/api/sessions", headers=headers)).status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
