"""A client signs in, stays signed in with one refresh at a time, and says clearly why it was not let in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from perdure.client import AsyncPerdure, Perdure
from perdure.client.transport import Transport
from perdure.errors import TooMany, Unauthenticated
from tests.fakes.scripted_server import DROP, SESSION, ScriptedServer, close, event
from tests.fakes.sign_in_server import EMAIL, PASSWORD, SignInServer


@pytest.fixture
def fake() -> Iterator[SignInServer]:
    with SignInServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERDURE_URL", "PERDURE_SERVER", "PERDURE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_signs_in_and_out(fake: SignInServer) -> None:
    with Perdure(fake.url) as client:
        assert client.login(EMAIL, PASSWORD).user is not None
        assert client.auth.me().email == EMAIL
        client.logout()
        client.logout()
        with pytest.raises(Unauthenticated):
            client.auth.me()
    assert [path for _, path, _ in fake.requests].count("/api/auth/logout") == 1
    assert fake.requests[-1] == ("GET", "/api/auth/me", None)


def test_a_wrong_password_is_an_error_and_changes_nothing(fake: SignInServer) -> None:
    with Perdure(fake.url) as client:
        client.login(EMAIL, PASSWORD)
        with pytest.raises(Unauthenticated, match="do not fit"):
            client.login(EMAIL, "a guess")
        assert client.auth.me().email == EMAIL


def test_a_request_that_came_too_late_is_sent_again_with_a_new_token(fake: SignInServer) -> None:
    with Perdure(fake.url) as client:
        client.login(EMAIL, PASSWORD)
        fake.expire()
        assert client.sessions.create("one-shot").session_id == "s"
    assert fake.refreshes == 1
    assert [path for _, path, _ in fake.requests][1:] == [
        "/api/sessions",
        "/api/auth/refresh",
        "/api/sessions",
    ]


def test_a_token_about_to_end_is_renewed_before_it_is_used(fake: SignInServer) -> None:
    fake.lifetime_s = 5
    with Perdure(fake.url) as client:
        client.login(EMAIL, PASSWORD)
        fake.lifetime_s = 600
        client.auth.me()
        client.auth.me()
    assert [path for _, path, _ in fake.requests][1:] == ["/api/auth/refresh", *["/api/auth/me"] * 2]


def test_threads_refresh_once(fake: SignInServer) -> None:
    with Perdure(fake.url) as client:
        client.login(EMAIL, PASSWORD)
        fake.expire()
        together = threading.Barrier(8)
        answers: list[str | None] = []

        def ask() -> None:
            together.wait()
            answers.append(client.auth.me().email)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (answers, fake.refreshes, fake.reused) == ([EMAIL] * 8, 1, False)


async def test_tasks_refresh_once(fake: SignInServer) -> None:
    async with AsyncPerdure(fake.url) as client:
        await client.login(EMAIL, PASSWORD)
        fake.expire()
        answers = await asyncio.gather(*(client.auth.me() for _ in range(8)))
        assert {answer.email for answer in answers} == {EMAIL}
        await client.logout()
        with pytest.raises(Unauthenticated):
            await client.auth.me()
    assert (fake.refreshes, fake.reused) == (1, False)


def test_a_sign_in_that_ended_is_forgotten(fake: SignInServer) -> None:
    with Perdure(fake.url) as client:
        client.login(EMAIL, PASSWORD)
        fake.answer("POST", "/api/auth/refresh", None, {"refresh_token": "stolen"})
        with pytest.raises(Unauthenticated, match="sign in again"):
            client.auth.me()
        with pytest.raises(Unauthenticated):
            client.auth.me()
    assert fake.refreshes == 2


def test_sign_ins_carry_no_idempotency_key_and_no_credential(fake: SignInServer) -> None:
    with Perdure(fake.url) as client:
        client.login(EMAIL, PASSWORD)
        client.login(EMAIL, PASSWORD)
        fake.expire()
        client.auth.me()
    kept = {path for path in fake.keyed if path in {"/api/auth/login", "/api/auth/refresh"}}
    assert kept == set()
    assert {credential for _, path, credential in fake.requests if path != "/api/auth/me"} == {None}


def test_a_short_wait_is_waited_and_a_long_one_told(fake: SignInServer) -> None:
    with Perdure(fake.url, "pdk_x") as client:
        fake.limited = ["0", "0"]
        with pytest.raises(Unauthenticated):
            client.sessions.create("one-shot")
        assert len(fake.requests) == 3
        fake.limited = ["3600"]
        with pytest.raises(TooMany) as told:
            client.sessions.create("one-shot")
        assert told.value.fields["retry_after_s"] == 3600
        fake.limited = ["0"] * 9
        with pytest.raises(TooMany):
            client.auth.me()
        assert len(fake.limited) == 5
        fake.limited = ["0"]
        with pytest.raises(TooMany):
            client.login(EMAIL, PASSWORD)


def test_a_key_is_never_exchanged_for_another(fake: SignInServer) -> None:
    with Perdure(fake.url, "pdk_x") as client, pytest.raises(Unauthenticated):
        client.auth.me()
    assert [credential for *_, credential in fake.requests] == ["pdk_x"]


def test_address_and_key_come_from_the_environment(
    fake: SignInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_URL", fake.url)
    monkeypatch.setenv("PERDURE_API_KEY", "pdk_env")
    for make in (Perdure, lambda: Perdure(token="given")):
        with make() as client, pytest.raises(Unauthenticated):
            client.auth.me()
    assert [credential for *_, credential in fake.requests] == ["pdk_env", "given"]
    with pytest.raises(ValueError, match="one of"):
        Perdure(api_key="a", token="b")


def test_no_token_is_shown_in_a_representation(fake: SignInServer) -> None:
    with Perdure(fake.url) as client:
        answer = client.login(EMAIL, PASSWORD)
    assert answer.access_token
    assert answer.access_token not in repr(answer)
    assert "pdr_" not in repr(answer)


def test_a_stream_comes_back_with_a_new_token_and_ends_when_that_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renewals: list[str | None] = []
    monkeypatch.setattr(Transport, "renew", lambda _self, refused: renewals.append(refused) or True)
    expired = close(4401, "sign-in-expired")
    with ScriptedServer([[event(1), expired], [event(2), DROP], [expired], [expired]]) as server:
        seen: list[int] = []
        with Perdure(server.url, "pdk_x") as client, pytest.raises(Unauthenticated):
            seen.extend(item.seq for item in client.stream(SESSION))
    assert renewals == ["pdk_x", "pdk_x"]
    assert server.asked == [0, 1, 2, 2]


async def test_the_awaited_stream_ends_when_there_is_nothing_to_renew() -> None:
    async def first(client: AsyncPerdure) -> None:
        async for item in client.stream(SESSION):
            seen.append(item.seq)

    seen: list[int] = []
    with ScriptedServer([[event(1), close(4401)]]) as server:
        async with AsyncPerdure(server.url, "pdk_x") as client:
            with pytest.raises(Unauthenticated):
                await first(client)
    assert seen == [1]
