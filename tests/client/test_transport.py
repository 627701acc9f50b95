"""Requests keep their key when repeated, and problems become the errors the server raised."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from perdure import errors
from perdure.client import AsyncPerdure, Perdure, ServerUnreachable
from perdure.client.problems import error_from
from perdure.errors import Kind


class _Fake(ThreadingHTTPServer):
    """Drops as many connections as `drops` says, then gives `status` and `answer`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.drops = 0
        self.status = 200
        self.answer: dict[str, Any] = {"session_id": "s", "status": "active"}
        self.requests: list[tuple[str, str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Fake  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle_one_request(self) -> None:
        super().handle_one_request()
        self.close_connection = True

    def _respond(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append((self.command, self.path, self.headers.get("idempotency-key")))
        if self.server.drops:
            self.server.drops -= 1
            return
        body = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def fake() -> Iterator[_Fake]:
    with _Fake() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_repeats_a_post_with_the_same_key_when_the_answer_is_lost(fake: _Fake) -> None:
    fake.drops = 2
    with Perdure(fake.url) as client:
        assert client.sessions.create("one-shot").session_id == "s"
    keys = [key for _method, _path, key in fake.requests]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert keys[0]


async def test_the_async_client_does_too(fake: _Fake) -> None:
    fake.drops = 2
    async with AsyncPerdure(fake.url) as client:
        assert (await client.sessions.suspend("s")).status == "active"
    assert len({key for _method, _path, key in fake.requests}) == 1


def test_gives_each_post_its_own_key(fake: _Fake) -> None:
    with Perdure(fake.url) as client:
        client.sessions.suspend("s")
        client.sessions.suspend("s")
    assert len({key for _method, _path, key in fake.requests}) == 2


def test_does_not_repeat_a_change_that_names_a_version(fake: _Fake) -> None:
    fake.drops = 1
    with Perdure(fake.url) as client, pytest.raises(ServerUnreachable):
        client.sessions.update("s", {"name": "x"}, if_version=3)
    assert len(fake.requests) == 1


def test_says_how_to_start_a_server_when_none_answers() -> None:
    with (
        Perdure("http://127.0.0.1:1", retries=0) as client,
        pytest.raises(ServerUnreachable, match="perdure serve"),
    ):
        client.server.health()


def test_keeps_fields_it_does_not_know(fake: _Fake) -> None:
    fake.answer["colour"] = "blue"
    with Perdure(fake.url) as client:
        assert client.sessions.get("s").model_extra == {"colour": "blue"}


def test_quotes_what_stands_in_a_path(fake: _Fake) -> None:
    fake.answer = {"path": "a b.txt"}
    with Perdure(fake.url) as client:
        client.files.upload("s/../t", "dir/a b.txt", b"x")
    assert fake.requests[0][1] == "/api/sessions/s%2F..%2Ft/files/dir/a%20b.txt"


def test_readiness_answers_also_when_the_server_is_not_ready(fake: _Fake) -> None:
    fake.status, fake.answer = 503, {"ready": False}
    with Perdure(fake.url) as client:
        assert client.server.ready().model_dump() == {"ready": False}


def test_raises_the_error_that_the_code_names(fake: _Fake) -> None:
    fake.status = 409
    fake.answer = {"status": 409, "code": "stale-version", "detail": "Too late.", "current_version": 7}
    with Perdure(fake.url) as client, pytest.raises(errors.StaleVersion, match="Too late") as caught:
        client.sessions.update("s", {"name": "x"}, if_version=3)
    assert caught.value.fields == {"current_version": 7}


@pytest.mark.parametrize(
    "cls",
    [
        errors.NotFound,
        errors.UnknownMode,
        errors.NotAllowedNow,
        errors.AlreadyAnswered,
        errors.StorageUnavailable,
    ],
)
def test_every_error_survives_the_journey(cls: type[errors.PerdureError]) -> None:
    raised = cls("What to do.", hint="x")
    received = error_from(raised.to_dict())
    assert type(received) is cls
    assert (received.message, received.fields) == (raised.message, raised.fields)


@pytest.mark.parametrize(
    ("document", "status", "kind"),
    [
        ({"code": "brand-new", "kind": "conflict"}, 400, Kind.CONFLICT),
        ({"code": "brand-new"}, 404, Kind.NOT_FOUND),
        ({}, 401, Kind.UNAUTHENTICATED),
        ({}, 418, Kind.INVALID),
        ({}, 429, Kind.LIMITED),
        ({}, 500, Kind.INTERNAL),
        ({}, 502, Kind.UNAVAILABLE),
    ],
)
def test_an_unknown_code_falls_back_on_kind_and_status(
    document: dict[str, Any], status: int, kind: Kind
) -> None:
    error = error_from(document, status)
    assert error.kind is kind
    assert error.to_dict()["code"] == document.get("code", type(error).code)


def test_a_body_that_is_no_document_is_still_an_error(fake: _Fake) -> None:
    fake.status, fake.answer = 502, []  # type: ignore[assignment]
    with Perdure(fake.url) as client, pytest.raises(errors.Unavailable):
        client.server.stats()
