"""Signing in through an identity provider of another site, in a real browser with strict cookies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import assert_accessible, assert_not_wider_than_the_screen, shoot
from tests.browser.server import PerdureServer
from tests.fakes.oidc_provider import CLIENT, SECRET, OidcProvider

pytestmark = pytest.mark.browser


@pytest.fixture
def company() -> Iterator[OidcProvider]:
    with OidcProvider("localhost") as made:  # another site than 127.0.0.1, where the server is
        yield made


@pytest.fixture
def variables(company: OidcProvider) -> dict[str, str]:
    settings = {"issuer": company.url, "client_id": CLIENT, "client_secret": SECRET, "label": "Company"}
    welcome = {"create_users": True, "allowed_domains": ["example.com"]}
    return {
        "PERDURE_AUTH": "password",
        "PERDURE_ALLOWED_PRIVATE_HOSTS": json.dumps([company.host]),
        "PERDURE_OIDC_PROVIDERS": json.dumps({"company": settings | welcome}),
    }


def test_comes_back_signed_in_to_the_page_that_was_wanted(
    page: Page, server: PerdureServer, company: OidcProvider
) -> None:
    page.goto("/sessions?sort=name")
    page.get_by_role("link", name=re.compile("Company")).click()
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/sessions\?sort=name$"))
    page.reload()
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    known = {cookie.get("name", "") for cookie in page.context.cookies()}
    assert known >= {"perdure_access", "perdure_refresh"}
    assert not [name for name in known if "oidc" in name]
    assert "/token" in company.asked


def test_whoever_is_not_let_in_is_told_why(page: Page, server: PerdureServer, company: OidcProvider) -> None:
    company.person["email"] = "eve@elsewhere.example"
    page.goto("/sessions?sort=name")
    page.get_by_role("link", name=re.compile("Company")).click()
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('main')).borderRadius") == "9px"
    assert_accessible(page)
    assert_not_wider_than_the_screen(page)
    shoot(page, "people-provider-refused")
    expect(page.get_by_text("Addresses of elsewhere.example are not let in here.")).to_be_visible()
    page.get_by_role("link", name="Back to sign in").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/sessions\?sort=name$"))
    shoot(page, "people-sign-in-provider")
    company.person["email"] = "eve@example.com"
    page.get_by_role("link", name=re.compile("Company")).click()
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/sessions\?sort=name$"))


def test_a_provider_that_is_away_is_told_where_one_can_go_back(
    page: Page, server: PerdureServer, company: OidcProvider
) -> None:
    company.answers["/.well-known/openid-configuration"] = (503, {}, b"away")
    page.goto("/inbox")
    page.get_by_role("link", name=re.compile("Company")).click()
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    page.get_by_role("link", name="Back to sign in").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page).to_have_url(re.compile("/inbox$"))
