"""An OpenID provider on loopback: discovery, keys that rotate, authorization with PKCE, tokens; it can misbehave.

    with OidcProvider() as provider:
        provider.person = {"sub": "1", "email": "ana@example.com", "email_verified": True}
        back = provider.authorize(url)     # what its page would do; returns where the browser is sent

`claims`, `answers` and the attributes below say in what way the next answers are wrong.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "perdure", "a secret: of the client"


class OidcProvider(ThreadingHTTPServer):
    """Answers between `__enter__` and `__exit__`."""

    daemon_threads = True

    def __init__(self, name: str = "127.0.0.1") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        """By which others call this machine."""
        self.person: dict[str, Any] = {
            "sub": "sub-1",
            "email": "ana@example.com",
            "email_verified": True,
            "name": "Ana",
        }
        self.info: dict[str, Any] = {}
        """What only the user-info endpoint says."""
        self.claims: dict[str, Any] = {}
        """Claims of the ID token that replace the right ones; None leaves one out."""
        self.signing = "RS256"
        """`RS256`, `none`, `HS256` (with the public key as secret), `other` (a key of somebody else), `cut`."""
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        """Answers to paths that replace the right ones."""
        self.metadata: dict[str, Any] = {}
        self.callback: dict[str, str | None] = {}
        """Parameters of the way back that replace the right ones; None leaves one out."""
        self.silent: set[str] = set()
        """Paths that are never answered while the server runs."""
        self.asked: list[str] = []
        self.key = _key(1)
        self.published = [self.key]
        self._codes: dict[str, dict[str, str]] = {}
        self._access: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"{self.name}:{self.server_port}"

    @property
    def url(self) -> str:
        """The issuer."""
        return f"http://{self.host}"

    def rotate(self) -> None:
        """Sign with a new key; the old one is published no more."""
        number = int(str(self.key.kid).removeprefix("key-")) + 1
        self.key = _key(number)
        self.published = [self.key]

    def authorize(self, url: str) -> str:
        """Do what the person does on the provider's page; returns where the browser is sent then."""
        assert url.startswith(f"{self.url}/authorize?"), url
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"].endswith("/callback")
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back: dict[str, str | None] = {
            "code": code,
            "state": asked["state"],
            "iss": self.url,
            **self.callback,
        }
        query = urlencode({key: value for key, value in back.items() if value is not None})
        return f"{asked['redirect_uri']}?{query}"

    def answer(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        self.asked.append(path)
        if path in self.silent:
            self._ended.wait()
        if path in self.answers:
            return self.answers[path]
        document: dict[str, Any]
        if path == "/.well-known/openid-configuration":
            document = {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "userinfo_endpoint": f"{self.url}/info",
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
                **self.metadata,
            }
        elif path == "/keys":
            document = {"keys": [key.as_dict(private=False) for key in self.published]}
        elif path == "/token":
            return self._token(headers, parse_qs(body.decode()))
        elif path == "/info" and headers.get("authorization", "").removeprefix("Bearer ") in self._access:
            document = {"sub": self.person["sub"], **self.info}
        else:
            return 404, {}, b"{}"
        return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()

    def _token(self, headers: Any, form: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        given = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
        asked = self._codes.pop(form["code"][0], None)
        if given != f"{CLIENT}:{SECRET}":
            return 401, {}, b'{"error": "invalid_client"}'
        challenge = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        if (
            asked is None
            or form["redirect_uri"] != [asked["redirect_uri"]]
            or _base64(challenge) != asked["code_challenge"]
        ):
            return 400, {}, b'{"error": "invalid_grant"}'
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.person,
            **self.claims,
        }
        access = secrets.token_urlsafe(16)
        self._access.add(access)
        document = {
            "access_token": access,
            "token_type": "Bearer",
            "id_token": self._sign({key: value for key, value in claims.items() if value is not None}),
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()

    def _sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": "RS256", "kid": self.key.kid}
        if self.signing == "none":
            parts = (_base64(json.dumps(part).encode()) for part in ({**header, "alg": "none"}, claims))
            return ".".join(parts) + "."
        if self.signing == "HS256":
            first = ".".join(
                _base64(json.dumps(part).encode()) for part in ({**header, "alg": "HS256"}, claims)
            )
            secret = self.key.as_pem(private=False)  # by hand: the library refuses to do this
            return f"{first}.{_base64(hmac.digest(secret, first.encode(), 'sha256'))}"
        if self.signing == "other":
            return jwt.encode(header, claims, _key(0))
        token = jwt.encode(header, claims, self.key)
        return token[:-8] if self.signing == "cut" else token


@cache
def _key(number: int) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": f"key-{number}", "use": "sig"})


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class _Handler(BaseHTTPRequestHandler):
    server: OidcProvider  # pyright: ignore[reportIncompatibleVariableOverride]

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.startswith("/authorize?"):
            back = self.server.authorize(f"{self.server.url}{self.path}")
            status, headers, document = 302, {"Location": back}, b""
        else:
            status, headers, document = self.server.answer(self.path.partition("?")[0], self.headers, body)
        try:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(document))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(document)
        except OSError:
            pass  # whoever asked has gone

    do_GET = do_POST = _respond  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass
