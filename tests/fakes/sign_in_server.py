"""A server that knows one person, counts refreshes, and ends a sign-in whose refresh token comes twice."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

EMAIL, PASSWORD = "ana@example.com", "correct horse battery"


class SignInServer(ThreadingHTTPServer):
    """Answers on loopback between `__enter__` and `__exit__`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lifetime_s = 600.0
        self.limited: list[str] = []
        """Values of `Retry-After` for the next requests, which are refused with 429."""
        self.refreshes = 0
        self.reused = False
        self.requests: list[tuple[str, str, str | None]] = []
        """Method, path and credential of each request."""
        self.keyed: list[str] = []
        """Paths that came with an `Idempotency-Key`."""
        self._access: str | None = None
        self._refresh: str | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def url(self) -> str:
        """Base address for a client."""
        return f"http://127.0.0.1:{self.server_port}"

    def expire(self) -> None:
        """Let the access token be too old."""
        self._access = None

    def answer(
        self, method: str, path: str, credential: str | None, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Return status, document and headers."""
        with self._lock:
            self.requests.append((method, path, credential))
            if self.limited:
                return 429, {"code": "too-many-requests"}, {"Retry-After": self.limited.pop(0)}
            if path == "/api/auth/methods":
                return 200, {"auth": "password", "password": True, "registration": False, "oidc": []}, {}
            if path == "/api/auth/login":
                if (body["email"], body["password"]) != (EMAIL, PASSWORD):
                    return 401, {"code": "wrong-password", "detail": "E-mail and password do not fit."}, {}
                return 200, self._tokens(), {}
            if path == "/api/auth/refresh":
                return self._refreshed(body["refresh_token"])
            if credential is None or credential != self._access:
                return 401, {"code": "sign-in-expired", "detail": "The sign-in has expired."}, {}
            if path == "/api/auth/logout":
                self._access = self._refresh = None
            return (
                200,
                {
                    "user_id": "u",
                    "email": EMAIL,
                    "sessions": [],
                    "total": 0,
                    "session_id": "s",
                    "status": "active",
                },
                {},
            )

    def _refreshed(self, token: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        self.refreshes += 1
        if token != self._refresh:
            self.reused = True
            self._access = self._refresh = None
            return 401, {"code": "sign-in-needed", "detail": "The sign-in has ended."}, {}
        return 200, self._tokens(), {}

    def _tokens(self) -> dict[str, Any]:
        number = len(self.requests)
        self._access, self._refresh = f"access-{number}", f"pdr_{number}"
        return {
            "access_token": self._access,
            "refresh_token": self._refresh,
            "token_type": "bearer",
            "expires_in": self.lifetime_s,
            "user": {"user_id": "u", "email": EMAIL, "name": "Ana", "role": "member"},
        }


class _Handler(BaseHTTPRequestHandler):
    server: SignInServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        text = self.rfile.read(int(self.headers.get("content-length", 0)))
        credential = (self.headers.get("authorization") or "").removeprefix("Bearer ") or None
        if "idempotency-key" in self.headers:
            self.server.keyed.append(self.path)
        status, document, headers = self.server.answer(
            self.command, self.path.partition("?")[0], credential, json.loads(text or b"{}")
        )
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = _respond  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass
