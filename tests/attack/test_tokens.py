"""No access token that this server did not make for this purpose, and no trick with one that it did, lets anybody in."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from perdure.errors import SignInExpired, Unauthenticated
from perdure.services.tokens import AccessTokens, hash_of, new_secret

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = bytes(range(32))
OLD_KEY = bytes(range(1, 33))
USER, SIGN_IN = "01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"


class Ring:
    """Two keys: tokens of the older one still count."""

    newest = (2, KEY)

    def find(self, key_id: int) -> bytes | None:
        return {1: OLD_KEY, 2: KEY}.get(key_id)


TOKENS = AccessTokens(Ring())


def claims(**changes: Any) -> dict[str, Any]:
    at = int(NOW.timestamp())
    good: dict[str, Any] = {
        "iss": "perdure",
        "aud": "perdure-api",
        "typ": "access",
        "sub": USER,
        "sid": SIGN_IN,
        "jti": "1",
        "iat": at,
        "nbf": at,
        "exp": at + 600,
    }
    return {k: v for k, v in {**good, **changes}.items() if v is not None}


def signed(body: dict[str, Any], key: bytes = KEY, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode(body, key, algorithm=algorithm, headers={"kid": "2", **header})


def raw(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(body).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def by_hand(algorithm: str, key: bytes, digest: str) -> str:
    """A token signed by HMAC whatever its header says; libraries refuse to make some of these."""
    signed_part = raw({"alg": algorithm, "kid": "2", "typ": "JWT"}, claims()).rpartition(".")[0]
    signature = hmac.new(key, signed_part.encode(), digest).digest()
    return f"{signed_part}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def public_pem() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_its_own_token_is_read_also_one_of_an_older_key() -> None:
    found = TOKENS.read(TOKENS.issue(USER, SIGN_IN, NOW), NOW)
    assert (found.user_id, found.sign_in_id, found.expires_at) == (USER, SIGN_IN, NOW + timedelta(minutes=10))
    assert TOKENS.read(signed(claims()), NOW) == found
    assert TOKENS.read(by_hand("HS256", KEY, "sha256"), NOW) == found, "made by hand it is as good"
    assert TOKENS.read(signed(claims(), OLD_KEY, kid="1"), NOW).user_id == USER


AT = int(NOW.timestamp())
TRICKS: dict[str, Callable[[], str]] = {
    "alg none": lambda: raw({"alg": "none", "kid": "2", "typ": "JWT"}, claims()),
    "alg None": lambda: raw({"alg": "None", "kid": "2"}, claims()),
    "alg NONE with a signature": lambda: raw({"alg": "NONE", "kid": "2"}, claims(), b"x" * 32),
    "alg missing": lambda: raw({"kid": "2"}, claims()),
    "alg a list": lambda: raw({"alg": ["HS256"], "kid": "2"}, claims()),
    "alg HS512 with our key": lambda: by_hand("HS512", KEY, "sha512"),
    "alg HS384 with our key": lambda: by_hand("HS384", KEY, "sha384"),
    "alg RS256, signed with our key": lambda: by_hand("RS256", KEY, "sha256"),
    "signed with a public key": lambda: by_hand("HS256", public_pem(), "sha256"),
    "alg RS256 in the header alone": lambda: raw({"alg": "RS256", "kid": "2"}, claims(), b"x" * 256),
    "alg ES256 with an empty signature": lambda: raw({"alg": "ES256", "kid": "2"}, claims()),
    "another key": lambda: signed(claims(), bytes(32)),
    "an empty key": lambda: raw({"alg": "HS256", "kid": "2"}, claims(), b""),
    "the older key under the newer id": lambda: signed(claims(), OLD_KEY),
    "kid missing": lambda: jwt.encode(claims(), KEY, algorithm="HS256"),
    "kid unknown": lambda: signed(claims(), kid="3"),
    "kid a path": lambda: signed(claims(), bytes(32), kid="../../../../dev/null"),
    "kid SQL": lambda: signed(claims(), kid="2' OR '1'='1"),
    "kid with a line end": lambda: signed(claims(), kid="2\n"),
    "kid in other digits": lambda: signed(claims(), kid="٢"),
    "kid huge": lambda: signed(claims(), kid="9" * 500),
    "kid negative": lambda: signed(claims(), kid="-1"),
    "kid a number": lambda: raw({"alg": "HS256", "kid": 2}, claims(), b"x" * 32),
    "jku": lambda: signed(claims(), bytes(32), jku="https://evil.example/keys"),
    "embedded key": lambda: signed(claims(), bytes(32), jwk={"kty": "oct", "k": "AAAA"}),
    "critical header": lambda: signed(claims(), crit=["exp"]),
    "wrong issuer": lambda: signed(claims(iss="somebody")),
    "wrong audience": lambda: signed(claims(aud="other-api")),
    "several audiences": lambda: signed(claims(aud=["perdure-api", "other-api"])),
    "wrong type": lambda: signed(claims(typ="refresh")),
    "made in the future": lambda: signed(claims(iat=AT + 3600, nbf=AT + 3600, exp=AT + 4200)),
    "not yet good": lambda: signed(claims(nbf=AT + 60)),
    "good for a year": lambda: signed(claims(exp=AT + 31_536_000)),
    "good for ever": lambda: signed(claims(exp=2**63)),
    "expiry as text": lambda: signed(claims(exp="never")),
    "expiry not a number": lambda: signed(claims(exp=float("inf"))),
    "expiry a truth": lambda: signed(claims(exp=True)),
    "expiry a fraction": lambda: signed(claims(exp=AT + 600.5)),
    "subject a number": lambda: signed(claims(sub=1)),
    "sign-in a list": lambda: signed(claims(sid=[SIGN_IN])),
    **{
        f"without {name}": (lambda name=name: signed(claims(**{name: None})))
        for name in ("iss", "aud", "exp", "iat", "nbf", "jti", "sub", "sid", "typ")
    },
    "huge": lambda: signed(claims(more="x" * 100_000)),
    "deep": lambda: raw({"alg": "HS256", "kid": "2"}, {}, b"") + "A" * 1000,
    "nested for ever": lambda: ".".join(
        [base64.urlsafe_b64encode(b'{"kid":"2","a":' + b"[" * 1200).decode().rstrip("="), "e30", ""]
    ),
    "empty": lambda: "",
    "dots": lambda: "..",
    "many dots": lambda: "." * 2000,
    "not ASCII": lambda: "é" * 20,
    "lone surrogate": lambda: "\ud800.a.b",
    "NUL": lambda: "\0.\0.\0",
    "five parts": lambda: "a.b.c.d.e",
    "list as header": lambda: raw([], claims(), b"x"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_makes_a_token(trick: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        TOKENS.read(TRICKS[trick](), NOW)
    assert refused.value.code == "sign-in-needed"


def test_any_changed_letter_makes_it_worthless() -> None:
    token = TOKENS.issue(USER, SIGN_IN, NOW)
    head = token.rindex(".")
    for at in range(0, head, 7):
        if token[at] == ".":
            continue
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(Unauthenticated):
            TOKENS.read(changed, NOW)


def test_it_counts_for_ten_minutes_and_not_a_second_longer() -> None:
    token = TOKENS.issue(USER, SIGN_IN, NOW)
    assert TOKENS.read(token, NOW + timedelta(seconds=599)).user_id == USER
    for later in (timedelta(seconds=600), timedelta(days=400)):
        with pytest.raises(SignInExpired):
            TOKENS.read(token, NOW + later)
    assert TOKENS.read(token, NOW - timedelta(seconds=29)).user_id == USER, "clocks differ a little"
    with pytest.raises(Unauthenticated):
        TOKENS.read(token, NOW - timedelta(seconds=31))


def test_two_tokens_are_never_the_same_and_a_secret_is_not_its_hash() -> None:
    assert TOKENS.issue(USER, SIGN_IN, NOW) != TOKENS.issue(USER, SIGN_IN, NOW)
    secrets = {new_secret("pdr_") for _ in range(1000)}
    assert len(secrets) == 1000
    assert all(len(secret) >= 47 for secret in secrets)
    one = secrets.pop()
    assert one not in hash_of(one)
