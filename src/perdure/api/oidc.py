"""Signing in through an identity provider: OpenID Connect, code flow with PKCE, nonce and issuer check.

Nothing that a provider sends is trusted before it is checked: answers have a size and a time limit, requests
stay off private addresses, and an ID token counts only with a signature of a key of the provider's own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol, cast

import httpx
import orjson
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # pyright: ignore[reportUnknownVariableType]
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # pyright: ignore[reportUnknownVariableType]
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from perdure.agents.web.guard import AddressRefused
from perdure.config import OidcProvider
from perdure.errors import Unauthenticated, Unavailable
from perdure.services.identities import Identity

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Signatures with a private key of the provider; never `none`, and never one with a shared secret."""
_KEY_TYPES = frozenset({"RSA", "EC", "OKP"})
_MAX_BYTES = 512 * 1024
_MAX_TOKEN_CHARS = 64 * 1024
_TIME_LIMIT_S = 10.0
_KNOWN_FOR_S = 3600.0
_KEYS_ASKED_EVERY_S = 10.0
_LEEWAY_S = 60
_log = logging.getLogger(__name__)
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


_prepare_grant_uri = cast("Any", prepare_grant_uri)  # the library has no types
_code_challenge = cast("Any", create_s256_code_challenge)


class ProviderUnavailable(Unavailable):
    """The identity provider does not answer as it should; nobody was signed in."""

    code = "provider-unavailable"


class IdentityRefused(Unauthenticated):
    """What the provider sent does not prove who somebody is."""

    code = "identity-refused"


class Outgoing(Protocol):
    """Makes HTTP clients that reach only allowed addresses."""

    def client(self) -> httpx.AsyncClient:
        """Return a client; close it after use."""
        ...


class OidcClient:
    """One provider, with what is known of it for an hour."""

    def __init__(self, provider_id: str, settings: OidcProvider, outgoing: Outgoing) -> None:
        self.id = provider_id
        self.settings = settings
        self._outgoing = outgoing
        self._turn = asyncio.Lock()
        self._metadata: dict[str, Any] | None = None
        self._metadata_until = 0.0
        self._keys: list[Key] = []
        self._keys_until = 0.0
        self._keys_asked = float("-inf")

    async def authorization_url(self, redirect_uri: str, *, state: str, nonce: str, verifier: str) -> str:
        """Return where the browser has to go.

        Raises:
            ProviderUnavailable: when the provider cannot be asked.
        """
        metadata = await self._discovered()
        return str(
            _prepare_grant_uri(
                metadata["authorization_endpoint"],
                self.settings.client_id,
                "code",
                redirect_uri,
                self.settings.scopes,
                state,
                nonce=nonce,
                code_challenge=_code_challenge(verifier),
                code_challenge_method="S256",
            )
        )

    async def check_issuer(self, named: str | None) -> None:
        """Refuse an answer that came from another provider than the one that was asked (mix-up).

        Raises:
            IdentityRefused: when the answer names another issuer, or none though this provider always does.
        """
        metadata = await self._discovered()
        always = metadata.get("authorization_response_iss_parameter_supported") is True
        if (named is None and always) or (named is not None and named != self.settings.issuer):
            raise IdentityRefused("The answer came from another provider than the one that was asked.")

    async def identity(self, code: str, redirect_uri: str, *, nonce: str, verifier: str) -> Identity:
        """Trade a code for who somebody is.

        Raises:
            IdentityRefused: when the code is not accepted, or what came back proves nothing.
            ProviderUnavailable: when the provider cannot be asked.
        """
        metadata = await self._discovered()
        answer = await self._exchange(metadata, code, redirect_uri, verifier)
        text, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(text, str) or len(text) > _MAX_TOKEN_CHARS:
            raise IdentityRefused("The provider sent no ID token.")
        claims = await self._verified(text, nonce, access)
        found = dict(claims)
        if "email" not in found and isinstance(access, str) and "userinfo_endpoint" in metadata:
            found.pop("email_verified", None)  # whatever it was said of, it was not this address
            found |= await self._user_info(metadata["userinfo_endpoint"], access, claims["sub"])
        email, name = found.get("email"), found.get("name")
        return Identity(
            issuer=self.settings.issuer,
            subject=claims["sub"],
            email=email if isinstance(email, str) else None,
            email_verified=found.get("email_verified") is True,
            name=name if isinstance(name, str) else None,
        )

    async def _exchange(
        self, metadata: Mapping[str, Any], code: str, redirect_uri: str, verifier: str
    ) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.settings.client_id,
            "code_verifier": verifier,
        }
        secret = self.settings.client_secret
        supported = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "none"
        if secret is not None:
            method = "client_secret_basic" if "client_secret_basic" in supported else "client_secret_post"
        auth: Any = ClientAuth(
            self.settings.client_id, secret.get_secret_value() if secret is not None else "", method
        )
        body = str(httpx.QueryParams(fields))
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        url, headers, body = auth.prepare("POST", metadata["token_endpoint"], headers, body)
        status, answer = await self._fetch("POST", str(url), headers=headers, body=str(body))
        if 400 <= status < 500:
            raise IdentityRefused("The provider does not accept this code: start again.")
        return _object(status, answer)

    async def _verified(self, text: str, nonce: str, access_token: Any) -> dict[str, Any]:
        """Return the claims of an ID token whose signature, issuer, audience, times and nonce are right."""
        try:
            token = jwt.decode(text, await self._key_for(text), algorithms=list(ALGORITHMS))
            claims: Any = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self.settings.issuer},
                    "aud": {"essential": True, "value": self.settings.client_id},
                },
                {"nonce": nonce, "client_id": self.settings.client_id, "access_token": access_token},
            )
            claims.validate(leeway=_LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise IdentityRefused("The provider's ID token proves nothing here: start again.") from None
        subject = token.claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise IdentityRefused("The provider's ID token names nobody.")
        return dict(token.claims)

    async def _key_for(self, text: str) -> Key:
        """Return the key that a token names; keys are fetched again when it is not among the known ones."""
        header = _header(text)
        if header.get("alg") not in ALGORITHMS:
            raise IdentityRefused("The provider's ID token is not signed in a way that proves anything.")
        kid = header.get("kid")
        async with self._turn:
            now = time.monotonic()
            key = self._pick(kid) if now < self._keys_until else None
            if key is None and now - self._keys_asked >= _KEYS_ASKED_EVERY_S:
                self._keys_asked = now
                self._keys = await self._fetch_keys()
                self._keys_until = now + _KNOWN_FOR_S
                key = self._pick(kid)
        if key is None:
            raise IdentityRefused("The provider's ID token is signed with a key that is not the provider's.")
        return key

    def _pick(self, kid: Any) -> Key | None:
        if kid is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.kid == kid), None)

    async def _fetch_keys(self) -> list[Key]:
        document = _object(*await self._fetch("GET", (await self._discovered(locked=True))["jwks_uri"]))
        entries = document.get("keys")
        keys: list[Key] = []
        for entry in cast("list[Any]", entries) if isinstance(entries, list) else []:
            if not isinstance(entry, dict):
                continue
            data = cast("dict[str, Any]", entry)
            if data.get("kty") not in _KEY_TYPES or data.get("use", "sig") != "sig" or "d" in data:
                continue
            try:
                keys += KeySet.import_key_set({"keys": [data]}).keys  # pyright: ignore[reportArgumentType]
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # one that this version does not know is no reason to refuse the others
        return keys

    async def _user_info(self, url: str, access_token: str, subject: str) -> dict[str, Any]:
        """Return what the provider says apart from the ID token, if it is about the same person."""
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        info = _object(*await self._fetch("GET", url, headers=headers))
        if info.get("sub") != subject:
            raise IdentityRefused("The provider spoke of two different people.")
        return {key: info[key] for key in ("email", "email_verified", "name") if key in info}

    async def _discovered(self, *, locked: bool = False) -> dict[str, Any]:
        """Return the provider's own description, kept for an hour."""
        if locked:
            return await self._discover()
        async with self._turn:
            return await self._discover()

    async def _discover(self) -> dict[str, Any]:
        if self._metadata is not None and time.monotonic() < self._metadata_until:
            return self._metadata
        url = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = _object(*await self._fetch("GET", url))
        if found.get("issuer") != self.settings.issuer:
            raise ProviderUnavailable(
                "The identity provider calls itself by another name than the one set here."
            )
        for name in (*_ENDPOINTS, "userinfo_endpoint"):
            address = found.get(name)
            if address is None and name not in _ENDPOINTS:
                continue
            if not isinstance(address, str) or not address.startswith(self.settings.schemes):
                raise ProviderUnavailable(
                    f"The identity provider names no address that can be used as {name}."
                )
        self._metadata, self._metadata_until = found, time.monotonic() + _KNOWN_FOR_S
        return found

    async def _fetch(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> tuple[int, bytes]:
        """Return status and body of an answer of limited size and time; redirects are not followed."""
        try:
            async with asyncio.timeout(_TIME_LIMIT_S), self._outgoing.client() as client:
                sent = {"headers": headers, "content": body, "follow_redirects": False}
                async with client.stream(method, url, **sent) as response:  # pyright: ignore[reportArgumentType]
                    parts = bytearray()
                    async for part in response.aiter_bytes():
                        parts += part
                        if len(parts) > _MAX_BYTES:
                            raise ProviderUnavailable("The identity provider's answer is too long.")
                    return response.status_code, bytes(parts)
        except AddressRefused as error:
            _log.warning("%s: %s; PERDURE_ALLOWED_PRIVATE_HOSTS can allow it", url, error.message)
            raise ProviderUnavailable(
                "The identity provider is at an address that is not allowed here."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            raise ProviderUnavailable("The identity provider does not answer; try again later.") from error


def _object(status: int, body: bytes) -> dict[str, Any]:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if status != 200 or not isinstance(found, dict):
        raise ProviderUnavailable(
            f"The identity provider answers with status {status} and nothing to work with."
        )
    return cast("dict[str, Any]", found)


def _header(token: str) -> dict[str, Any]:
    from joserfc.jws import extract_compact

    try:
        return dict(extract_compact(token.encode()).headers())
    except (JoseError, ValueError, TypeError, UnicodeError):
        raise IdentityRefused("The provider's ID token cannot be read.") from None
