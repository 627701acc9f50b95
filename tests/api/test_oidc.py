"""Signing in through an identity provider, and every way in which that must fail."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from perdure.api import oidc
from perdure.api.oidc_flow import Flow, safe_next, seal, unseal
from perdure.config import load_settings
from perdure.core.access import SYSTEM_ACTOR
from perdure.core.people import UserRole
from perdure.errors import StartupError
from perdure.services.audit import AuditQuery
from tests.api.conftest import Running, running
from tests.api.test_sign_in import PASSWORD, cheap_hashes
from tests.fakes.oidc_provider import CLIENT, SECRET, OidcProvider

__all__ = ["cheap_hashes"]
ANA = "ana@example.com"


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as made:
        yield made


@asynccontextmanager
async def serving(folder: Path, provider: OidcProvider, **settings: Any) -> AsyncIterator[Running]:
    own = {"issuer": provider.url, "client_id": CLIENT, "client_secret": SECRET, "label": "Example"}
    whom = {"create_users": True, "allowed_domains": ["example.com"]}
    given = {"auth": "password", "rate_limits": "off", "allowed_private_hosts": [provider.host], **settings}
    providers = {"example": {**own, **given.pop("whom", whom)}}
    async with running(folder, oidc_providers=providers, **given) as app:
        yield app


@pytest.fixture
async def app(tmp_path: Path, provider: OidcProvider) -> AsyncIterator[Running]:
    async with serving(tmp_path, provider) as app:
        yield app


async def begin(app: Running, next_path: str = "/sessions/1?a=b#c", **options: Any) -> str:
    """Start in the browser; returns where the provider's page is."""
    answer = await app.http.get("/api/auth/oidc/example/login", params={"next": next_path}, **options)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def sign_in(app: Running, provider: OidcProvider) -> httpx.Response:
    """Go all the way round."""
    return await app.http.get(provider.authorize(await begin(app)))


async def make(app: Running, email: str = ANA, password: str | None = PASSWORD) -> str:
    made = await app.perdure.users.create(
        SYSTEM_ACTOR, email=email, name="Made here", role=UserRole.MEMBER, password=password
    )
    return made.id


async def people(app: Running) -> set[str | None]:
    return {user.email for user in (await app.perdure.users.list(SYSTEM_ACTOR))[0]} - {None}


async def test_somebody_new_becomes_a_member_and_comes_back_to_the_same_page(
    app: Running, provider: OidcProvider
) -> None:
    methods = (await app.http.get("/api/auth/methods")).json()
    assert methods["oidc"] == [{"id": "example", "label": "Example"}]
    answer = await sign_in(app, provider)
    assert answer.status_code == 200
    assert "0;url=/sessions/1?a=b#c" in answer.text
    assert "sandbox" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    cookies = answer.headers.get_list("set-cookie")
    assert all("HttpOnly" in cookie for cookie in cookies)
    assert sum("SameSite=strict" in cookie for cookie in cookies) == 2
    assert not [name for name in app.http.cookies if "oidc" in name]
    me = (await app.http.get("/api/auth/me")).json()
    assert (me["email"], me["name"], me["role"], me["credential"]) == (ANA, "Ana", "member", "sign-in")
    (own,) = (await app.http.get("/api/auth/sign-ins")).json()["sign_ins"]
    assert own["method"] == "oidc:example"


async def test_the_same_person_is_known_again_under_another_address(
    app: Running, provider: OidcProvider
) -> None:
    await sign_in(app, provider)
    first = (await app.http.get("/api/auth/me")).json()["user_id"]
    provider.person |= {"email": "elsewhere@other.example", "email_verified": False, "name": "New"}
    assert (await sign_in(app, provider)).status_code == 200
    assert (await app.http.get("/api/auth/me")).json()["user_id"] == first
    assert await people(app) == {ANA}
    actions = [entry.act.action for entry in (await app.perdure.audit.list(SYSTEM_ACTOR, AuditQuery()))[0]]
    assert actions.count("user.create") == 1
    assert actions.count("sign-in.login") == 2


async def test_a_verified_address_links_to_the_account_that_is_there(
    app: Running, provider: OidcProvider
) -> None:
    known = await make(app, ANA.upper())
    assert (await sign_in(app, provider)).status_code == 200
    assert (await app.http.get("/api/auth/me")).json()["user_id"] == known
    assert await people(app) == {ANA}


@pytest.mark.parametrize("verified", [False, None, "true", 1, "yes"])
async def test_an_address_that_is_not_verified_links_and_makes_nothing(
    app: Running, provider: OidcProvider, verified: Any
) -> None:
    await make(app)
    provider.person["email_verified"] = verified
    refused = await sign_in(app, provider)
    assert (refused.status_code, refused.json()["code"]) == (403, "identity-not-welcome")
    provider.person["email"] = "new@example.com"
    assert (await sign_in(app, provider)).status_code == 403
    assert await people(app) == {ANA}
    assert (await app.http.get("/api/auth/me")).status_code == 401


@pytest.mark.parametrize("email", ["ana@example.com.evil.example", "ana@evil.example", "nobody", None, 5])
async def test_only_addresses_of_the_set_domains_are_new(
    app: Running, provider: OidcProvider, email: Any
) -> None:
    provider.person["email"] = email
    assert (await sign_in(app, provider)).status_code == 403
    assert await people(app) == set()


async def test_nobody_is_made_unless_the_setting_says_so(tmp_path: Path, provider: OidcProvider) -> None:
    async with serving(tmp_path, provider, whom={}) as app:
        assert (await sign_in(app, provider)).status_code == 403
        await make(app, password=None)
        assert (await sign_in(app, provider)).status_code == 200


async def test_where_anybody_may_register_an_address_alone_does_not_open_an_account(
    tmp_path: Path, provider: OidcProvider
) -> None:
    async with serving(tmp_path, provider, registration="open") as app:
        await make(app)
        refused = await sign_in(app, provider)
        assert refused.json()["code"] == "identity-not-welcome"


async def test_somebody_disabled_is_not_let_in(app: Running, provider: OidcProvider) -> None:
    known = await make(app)
    await app.perdure.users.change(SYSTEM_ACTOR, known, disabled=True)
    assert (await sign_in(app, provider)).status_code == 401
    assert (await app.http.get("/api/auth/me")).status_code == 401


def attack(name: str, code: str, **wrong: Any) -> Any:
    return pytest.param(code, wrong, id=name)


OCT = b'{"keys": [{"kty": "oct", "kid": "key-1", "k": "AAAA"}]}'
SOON, AGO = time.time() + 3600, time.time() - 3600


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        attack("another nonce", "identity-refused", claims={"nonce": "another"}),
        attack("no nonce", "identity-refused", claims={"nonce": None}),
        attack("another issuer in the token", "identity-refused", claims={"iss": "https://evil.example"}),
        attack("for another client", "identity-refused", claims={"aud": "another"}),
        attack("for nobody", "identity-refused", claims={"aud": []}),
        attack("named for another client", "identity-refused", claims={"azp": "another"}),
        attack("for two clients, unnamed", "identity-refused", claims={"aud": [CLIENT, "another"]}),
        attack(
            "for two clients, the other", "identity-refused", claims={"aud": [CLIENT, "x"], "azp": "x"}
        ),
        attack("expired", "identity-refused", claims={"exp": int(AGO)}),
        attack("without an end", "identity-refused", claims={"exp": None}),
        attack("from the future", "identity-refused", claims={"iat": int(SOON)}),
        attack("not yet good", "identity-refused", claims={"nbf": int(SOON)}),
        attack("times as text", "identity-refused", claims={"exp": "tomorrow"}),
        attack("nobody", "identity-refused", claims={"sub": None}),
        attack("an empty name", "identity-refused", claims={"sub": ""}),
        attack("a number for a name", "identity-refused", claims={"sub": 7}),
        attack("another access token", "identity-refused", claims={"at_hash": "AAAA"}),
        attack("alg none", "identity-refused", signing="none"),
        attack("HS256 with the public key", "identity-refused", signing="HS256"),
        attack("a key of somebody else", "identity-refused", signing="other"),
        attack("a cut signature", "identity-refused", signing="cut"),
        attack("mix-up", "identity-refused", callback={"iss": "https://evil.example"}),
        attack("issuer left out", "identity-refused", callback={"iss": None}),
        attack("another code", "identity-refused", callback={"code": "guessed"}),
        attack("refused by the person", "sign-in-needed", callback={"code": None, "error": "access_denied"}),
        attack("another state", "sign-in-lost", callback={"state": "another"}),
        attack("no state", "sign-in-lost", callback={"state": None}),
        attack("no JSON", "provider-unavailable", answers={"/token": (200, {}, b"<html>")}),
        attack("a list", "provider-unavailable", answers={"/token": (200, {}, b"[]")}),
        attack("broken down", "provider-unavailable", answers={"/token": (500, {}, b"{}")}),
        attack("no ID token", "identity-refused", answers={"/token": (200, {}, b"{}")}),
        attack("a token of rubbish", "identity-refused", answers={"/token": (200, {}, b'{"id_token": "a.b.c"}')}),
        attack(
            "a huge answer",
            "provider-unavailable",
            answers={"/token": (200, {}, b'{"a": "' + b"x" * 2**20 + b'"}')},
        ),
        attack(
            "led elsewhere",
            "provider-unavailable",
            answers={"/token": (302, {"Location": "http://169.254.169.254/"}, b"")},
        ),
        attack("keys led elsewhere", "provider-unavailable", answers={"/keys": (302, {"Location": "/x"}, b"")}),
        attack("no keys", "identity-refused", answers={"/keys": (200, {}, b'{"keys": []}')}),
        attack("keys of rubbish", "identity-refused", answers={"/keys": (200, {}, b'{"keys": [1, {}, {"kty": "RSA"}]}')}),
        attack("a shared secret as key", "identity-refused", answers={"/keys": (200, {}, OCT)}),
    ],
)  # fmt: skip
async def test_attacks(app: Running, provider: OidcProvider, code: str, wrong: dict[str, Any]) -> None:
    url = await begin(app)
    for name, value in wrong.items():
        setattr(provider, name, value)
    answer = await app.http.get(provider.authorize(url))
    assert answer.json()["code"] == code, answer.text
    assert answer.status_code == {"provider-unavailable": 503}.get(code, 401)
    assert not [name for name in app.http.cookies if name in {"perdure_access", "perdure_refresh"}]
    assert await people(app) == set()
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": {"issuer": "https://evil.example"}},
        {"metadata": {"token_endpoint": None}},
        {"metadata": {"jwks_uri": "file:///etc/passwd"}},
        {"metadata": {"authorization_endpoint": "javascript:alert(1)"}},
        {"metadata": {"userinfo_endpoint": 7}},
        {"answers": {"/.well-known/openid-configuration": (302, {"Location": "/x"}, b"")}},
        {"answers": {"/.well-known/openid-configuration": (200, {}, b"{" * 100_000)}},
        {"answers": {"/.well-known/openid-configuration": (200, {}, b" " * 2**20)}},
    ],
)
async def test_a_description_that_cannot_be_right_is_not_used(
    app: Running, provider: OidcProvider, wrong: dict[str, Any]
) -> None:
    for name, value in wrong.items():
        setattr(provider, name, value)
    refused = await app.http.get("/api/auth/oidc/example/login")
    assert (refused.status_code, refused.json()["code"]) == (503, "provider-unavailable")
    provider.metadata, provider.answers = {}, {}
    assert (await sign_in(app, provider)).status_code == 200


async def test_a_token_endpoint_at_a_private_address_is_not_asked(
    app: Running, provider: OidcProvider
) -> None:
    with OidcProvider() as inner:
        provider.metadata = {"token_endpoint": f"{inner.url}/token"}
        answer = await sign_in(app, provider)
        assert answer.json()["code"] == "provider-unavailable"
        assert inner.asked == []


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
async def test_a_silent_provider_is_given_up(
    app: Running, provider: OidcProvider, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "_TIME_LIMIT_S", 0.3)
    provider.silent = {path}
    started = await app.http.get("/api/auth/oidc/example/login")
    if started.status_code == 302:
        started = await app.http.get(provider.authorize(started.headers["location"]))
    assert (started.status_code, started.json()["code"]) == (503, "provider-unavailable")
    assert started.headers["retry-after"]


async def test_an_answer_in_another_browser_is_refused(app: Running, provider: OidcProvider) -> None:
    back = provider.authorize(await begin(app))
    async with httpx.AsyncClient(trust_env=False) as stranger:
        answer = await stranger.get(back)
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-lost")
    assert (await app.http.get(back)).status_code == 200


async def test_an_answer_counts_once(app: Running, provider: OidcProvider) -> None:
    back = provider.authorize(await begin(app))
    kept = dict(app.http.cookies)
    assert (await app.http.get(back)).status_code == 200
    app.http.cookies.clear()
    assert (await app.http.get(back)).json()["code"] == "sign-in-lost"
    again = await app.http.get(back, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in kept.items())})
    assert again.json()["code"] == "identity-refused"


async def test_two_tabs_do_not_take_each_others_answers(app: Running, provider: OidcProvider) -> None:
    first, second = await begin(app, "/one"), await begin(app, "/two")
    assert "url=/two" in (await app.http.get(provider.authorize(second))).text
    assert "url=/one" in (await app.http.get(provider.authorize(first))).text
    crossed = dict(parse_qsl(urlsplit(provider.authorize(await begin(app))).query))
    other = dict(parse_qsl(urlsplit(await begin(app)).query))
    mixed = urlencode({**crossed, "state": other["state"]})
    answer = await app.http.get(f"/api/auth/oidc/example/callback?{mixed}")
    assert answer.json()["code"] == "identity-refused"


async def test_new_keys_are_fetched_when_a_token_names_one(
    app: Running, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(app, provider)
    await sign_in(app, provider)
    assert (provider.asked.count("/keys"), provider.asked.count("/.well-known/openid-configuration")) == (
        1,
        1,
    )
    provider.rotate()
    assert (await sign_in(app, provider)).json()["code"] == "identity-refused"  # asked a moment ago
    monkeypatch.setattr(oidc, "_KEYS_ASKED_EVERY_S", 0.0)
    assert (await sign_in(app, provider)).status_code == 200
    assert provider.asked.count("/keys") == 2


async def test_an_address_may_come_from_the_user_info(app: Running, provider: OidcProvider) -> None:
    provider.person = {"sub": "sub-1"}
    provider.info = {"email": ANA, "email_verified": True, "sub": "somebody else"}
    assert (await sign_in(app, provider)).json()["code"] == "identity-refused"
    provider.info["sub"] = "sub-1"
    assert (await sign_in(app, provider)).status_code == 200
    assert await people(app) == {ANA}


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil",
        "/a\nb",
        "/a b",
        "/\u202e",
        "/api/auth/logout",
        "/" + "a" * 2000,
        "",
    ],
)
def test_one_only_comes_back_to_this_server(path: str) -> None:
    assert safe_next(path) == "/"


@pytest.mark.parametrize("path", ["/", "/sessions/1?a=b#c", "/join#token", "/a%20b"])
def test_paths_of_this_server_are_kept(path: str) -> None:
    assert safe_next(path) == path


async def test_a_page_to_come_back_to_cannot_bring_markup(app: Running, provider: OidcProvider) -> None:
    url = await begin(app, '/"><script>alert(1)</script>')
    page = (await app.http.get(provider.authorize(url))).text
    assert "<script" not in page


async def test_a_browser_is_told_with_a_page(app: Running) -> None:
    answer = await app.http.get("/api/auth/oidc/example/callback", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "start again" in answer.text


async def test_unknown_providers_and_servers_without_sign_in(app: Running, tmp_path: Path) -> None:
    assert (await app.http.get("/api/auth/oidc/other/login")).status_code == 404
    assert (await app.http.get("/api/auth/oidc/other/callback")).status_code == 404


async def test_with_https_the_flow_cookie_is_secure(tmp_path: Path, provider: OidcProvider) -> None:
    async with serving(tmp_path, provider, trusted_proxies=["127.0.0.1"]) as app:
        headers = {"X-Forwarded-Proto": "https"}
        answer = await app.http.get("/api/auth/oidc/example/login", headers=headers)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-perdure_oidc_")
    assert "Secure" in cookie.split(";", 1)[1]
    asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert asked["redirect_uri"].startswith("https://")


async def test_what_the_browser_carries_is_sealed_and_ends(app: Running) -> None:
    store = app.perdure.store
    flow = Flow.begin("example", "/", store.now())
    text = seal(flow, store)
    assert unseal(text, store, store.now()) == flow
    assert flow.verifier not in text
    assert unseal(text[:-5] + "AAAA=", store, store.now()) is None
    assert unseal("", store, store.now()) is None
    assert unseal("\u00e4" * 40, store, store.now()) is None
    assert unseal("AAAA" * 20, store, store.now()) is None
    late = Flow(flow.provider, flow.state, flow.nonce, flow.verifier, flow.next, flow.ends - 600)
    assert unseal(seal(late, store), store, store.now()) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issuer": "ftp://x"}, "issuer"),
        ({"create_users": True}, "allowed_domains"),
        ({"scopes": ["email"]}, "openid"),
        ({"allowed_domains": ["Example.com"]}, "lower case"),
        ({"secret": "x"}, "secret"),
        ({"client_id": ""}, "client_id"),
    ],
)
def test_settings_that_cannot_be_are_named(
    changes: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"issuer": "https://id.example", "client_id": "x", "client_secret": "hush", **changes}
    monkeypatch.setenv("PERDURE_OIDC_PROVIDERS", json.dumps({"example": given}))
    with pytest.raises(StartupError, match=said) as told:
        load_settings()
    assert "hush" not in str(told.value)


def test_the_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"issuer": "https://id.example", "client_id": "x", "client_secret": "hush"}
    monkeypatch.setenv("PERDURE_OIDC_PROVIDERS", json.dumps({"example": given}))
    settings = load_settings()
    assert "hush" not in repr(settings) + str(settings.oidc_providers) + settings.model_dump_json()


async def test_a_provider_speaks_for_nobody_of_another_domain(app: Running, provider: OidcProvider) -> None:
    await make(app, "chief@other.example")
    provider.person["email"] = "chief@other.example"
    refused = await sign_in(app, provider)
    assert (refused.status_code, refused.json()["code"]) == (403, "identity-not-welcome")
    assert (await app.http.get("/api/auth/me")).status_code == 401


async def test_verified_counts_only_beside_the_address_it_was_said_of(
    app: Running, provider: OidcProvider
) -> None:
    await make(app)
    provider.person = {"sub": "sub-1", "email_verified": True, "name": "Ana"}
    provider.info = {"sub": "sub-1", "email": ANA}
    refused = await sign_in(app, provider)
    assert (refused.status_code, refused.json()["code"]) == (403, "identity-not-welcome")


@pytest.mark.parametrize("email", ["\uff41na@example.com", "an\u00aa@example.com", "ana@example\uff0ecom"])
async def test_an_address_that_only_looks_like_somebodys_is_not_theirs(
    app: Running, provider: OidcProvider, email: str
) -> None:
    await make(app)
    provider.person["email"] = email
    refused = await sign_in(app, provider)
    assert (refused.status_code, refused.json()["code"]) == (403, "identity-not-welcome")
    assert await people(app) == {ANA}


async def test_the_case_of_an_address_does_not_matter(app: Running, provider: OidcProvider) -> None:
    await make(app)
    provider.person["email"] = "ANA@Example.com"
    assert (await sign_in(app, provider)).status_code == 200
    assert await people(app) == {ANA}
