"""The console under the page policy: it works, breaks no rule of it, and text never becomes markup."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

WATCH = """
window.broken = [];
document.addEventListener("securitypolicyviolation", event => window.broken.push(
  `${event.violatedDirective} ${event.blockedURI} ${event.sample} ${event.sourceFile}`));
"""
TEXT = "# Title &amp; more\n\n`code` &copy; <img src=x onerror=alert(1)> **bold**\n\n| a | b |\n|---|---|\n| 1 | 2 |"


def test_the_console_breaks_no_rule_of_the_page_policy(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    page.add_init_script(WATCH)
    session_id = server.start_session(f"Say {TEXT}", "one-shot")
    server.wait_for_run(session_id, "completed")
    for path in ("/", "/sessions/" + session_id, "/inbox", "/settings"):
        answer = page.goto(path)
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "require-trusted-types-for 'script'" in policy
        expect(page.get_by_role("heading").first).to_be_visible()
    page.goto(f"/sessions/{session_id}")
    expect(page.get_by_role("tab").first).to_be_visible()
    for tab in page.get_by_role("tab").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        page.wait_for_load_state("networkidle")
    assert page.evaluate("window.broken") == []


def test_markup_made_from_text_is_refused_by_the_browser(page: Page, server: PerdureServer) -> None:
    page.goto("/")
    expect(page.get_by_role("heading").first).to_be_visible()
    refused = """text => {
        try { document.createElement("div").innerHTML = text; return false; }
        catch (error) { return error instanceof TypeError; }
    }"""
    assert page.evaluate(refused, "<img src=x>") is True
    assert page.evaluate(refused, "&amp;") is False
    said = page.evaluate("""() => new Promise(done => {
        document.addEventListener("securitypolicyviolation", event => done(event.violatedDirective));
        const image = new Image(); image.src = "http://127.0.0.2:9/leak.png"; document.body.append(image);
    })""")
    assert said == "img-src"
