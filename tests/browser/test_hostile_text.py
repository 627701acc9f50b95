"""Text of agents and people in every place of the console: it stays text, whatever it looks like."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Dialog, Error, Frame, Page, Request, expect

from tests.browser.checks import wait_until_settled
from tests.browser.hostile_text import TERMINAL, filled, payloads
from tests.browser.people import People
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

WATCH = """
window.broken = [];
document.addEventListener("securitypolicyviolation", event => window.broken.push(
  `${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
FOUND = """() => {
  const found = [];
  for (const each of document.querySelectorAll("*")) {
    const tag = each.localName;
    if (tag === "link" && each.rel === "icon") continue;  // the console draws the status into its own
    if (["iframe", "object", "embed", "base", "audio", "video", "isindex", "marquee"].includes(tag)) found.push(tag);
    if (tag === "meta" && each.httpEquiv) found.push("meta " + each.httpEquiv);
    if (tag === "script" && !each.src.startsWith(location.origin)) found.push("script " + each.src);
    for (const { name, value } of each.attributes) {
      if (name.startsWith("on")) found.push(`${tag} ${name}`);
      if (["src", "href", "xlink:href", "action", "srcset", "data", "formaction"].includes(name)) {
        if (tag === "a" && each.download && value.startsWith("data:text/csv")) continue;  // a table, to save
        const url = new URL(value, location.href);
        const link = tag === "a" && ["http:", "https:", "mailto:"].includes(url.protocol);
        if (!link && url.origin !== location.origin && !["blob:"].includes(url.protocol)
            && !value.startsWith("data:image/png") && !value.startsWith("#")) found.push(`${tag} ${name}=${value}`);
        if (link && url.origin !== location.origin && !/noopener|noreferrer/.test(each.rel))
          found.push(`${tag} without rel: ${value}`);
      }
      if (name === "style" && /url\\(/.test(value)) found.push(`${tag} ${value}`);
    }
  }
  return found;
}"""


class Outside:
    """Another web site on this machine, which nothing may ask for anything."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.leak = f"http://127.0.0.1:{self.server.server_port}/leak"


@pytest.fixture
def outside() -> Iterator[Outside]:
    site = Outside()
    thread = threading.Thread(target=site.server.serve_forever)
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


class Watched:
    """A page on which everything is noted that text must not do."""

    def __init__(self, page: Page, home: str, outside: Outside) -> None:
        self.page = page
        self.bad: list[str] = []
        self._home = home
        self._outside = outside
        page.add_init_script(WATCH)
        page.on("dialog", self._dialog)
        page.on("popup", lambda popup: self.bad.append(f"popup {popup.url}"))
        page.on("request", self._request)
        page.on("framenavigated", self._navigated)

    def _dialog(self, dialog: Dialog) -> None:
        self.bad.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._home, f"blob:{self._home}", "data:")):
            self.bad.append(f"request {request.url}")

    def _navigated(self, frame: Frame) -> None:
        if frame.parent_frame is not None or not frame.url.startswith((self._home, "about:blank")):
            self.bad.append(f"navigated {frame.url}")

    def check(self, where: str) -> None:
        """Fail when any text of the page became more than text."""
        wait_until_settled(self.page)
        assert self.page.evaluate("window.pwned") is None, where
        assert self.page.evaluate(FOUND) == [], where
        assert self.page.evaluate("window.broken") == [], where
        assert self.bad == [], where
        assert self._outside.asked == [], where

    def visit(self, path: str) -> None:
        """Open a page, and all tabs on it."""
        self.page.goto(path)
        expect(self.page.get_by_role("heading").first).to_be_visible()
        self.check(path)
        for tab in self.page.get_by_role("tab").all():
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")
            for shut in self.page.locator("details:not([open]) > summary").all()[:8]:
                if shut.is_visible():
                    shut.click()
            self.check(f"{path} {tab.text_content()}")

    def open_as_page(self, path: str) -> None:
        """Open an answer that is not meant to be a page; a browser may save it instead."""
        try:
            self.page.goto(path)
        except Error as error:
            if not any(word in error.message for word in ("Download", "ERR_ABORTED")):
                raise
        assert self.page.evaluate("window.pwned") is None, path
        assert self.bad == [], path
        assert self._outside.asked == [], path


@pytest.fixture
def watched(page: Page, server: PerdureServer, outside: Outside) -> Watched:
    return Watched(page, server.url, outside)


def test_text_of_agents_stays_text_everywhere(
    watched: Watched, server: PerdureServer, provider: OpenAIServer, outside: Outside
) -> None:
    page = watched.page
    texts = payloads(outside.leak)
    assert len(texts) >= 50
    terminal = [filled(line, outside.leak) for line in TERMINAL]
    image = '<img src=x onerror="window.pwned=1;alert(1)">'
    everything = "\n\n".join(texts)

    said = [{"role": "user" if n % 2 else "assistant", "content": text} for n, text in enumerate(texts)]
    body = {"mode": "one-shot", "name": texts[0][:100], "tags": [text[:40] for text in texts[8:12]]}
    talk = server.post("/api/sessions", body)["session_id"]
    server.send("PUT", f"/api/sessions/{talk}/state", {"messages": said, "variables": {image: everything}})
    hops = [{"name": texts[n][:80], "goal": everything[:2000], "outputs": [f"out{n}"]} for n in (3, 9, 15)]
    server.post("/api/missions", {"name": image, "goal": everything[:2000], "session_id": talk, "hops": hops})
    contents = {
        "page.html": f"<html><body>{everything}</body></html>",
        "picture.svg": f'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script>'
        f'<image href="{outside.leak}"/></svg>',
        "notes.md": everything,
        "data.json": json.dumps({image: texts}),
        "table.csv": everything,
        "\u202egnp.\u200bjs": everything,
        "' onerror=alert(1) x='.txt": everything,
        "&lt;img src=x&gt;.md": everything,
    }
    for name, content in contents.items():
        server.put_file(talk, name.replace("%", "%25"), content.encode())

    provider.reply("Say it all", everything)
    code = (
        "import json; [print(line) for line in json.loads("
        + repr(json.dumps([*terminal, *texts[:20]]))
        + ")]"
    )
    calls = "".join(
        f"[[call {tool} {json.dumps(arguments)}]]"
        for tool, arguments in (
            ("write_file", {"path": "from-agent.md", "content": image}),
            ("read_file", {"path": image}),
            ("run_python", {"code": f"print({image!r}); raise ValueError({texts[3]!r})"}),
        )
    )
    allowed = {"code": "auto_allow", "file_write": "auto_allow"}
    tools = server.start_session(f"{image} {calls}", "one-shot", tool_permissions=allowed)
    printed = server.start_session(
        f"Print. [[call run_python {json.dumps({'code': code})}]]", "one-shot", tool_permissions=allowed
    )
    asked = server.start_session(f"{image} {calls}", "one-shot", tool_permissions={"file_write": "prompt"})
    plan = {
        "steps": [
            {"name": text[:60], "goal": text, "agent": "engineer", "points": [text]} for text in texts[9:12]
        ]
    }
    provider.reply("Plan this task", json.dumps(plan))
    planned = server.start_session(f"Plan {image}", "planning-control", approval_mode="after_planning")
    server.wait_for_run(tools, "completed", "failed")
    server.wait_for_run(printed, "completed", "failed")
    server.wait_for_run(asked, "waiting")
    server.wait_for_run(planned, "waiting")

    provider.hold("Say it all", after_tokens=60)
    streamed = server.start_session("Say it all", "one-shot")
    provider.wait_until_held()
    page.goto(f"/sessions/{streamed}")
    expect(page.locator("article[data-open]")).to_contain_text("script")
    watched.check("streaming")
    provider.release()
    server.wait_for_run(streamed, "completed")
    watched.check("streamed")

    for session_id in (talk, tools, printed, asked, planned):
        watched.visit(f"/sessions/{session_id}")
    for name in contents:
        page.goto(f"/sessions/{talk}?tab=files")
        page.get_by_role("button", name=name.rsplit("/", 1)[-1]).first.click()
        watched.check(name)
    for path in (
        "/",
        "/sessions",
        "/sessions?q=%3Cimg%20src=x%20onerror=alert(1)%3E",
        "/inbox",
        "/new",
        "/settings",
        "/settings/audit",
    ):
        watched.visit(path)

    odd = "%3Cscript%3Ewindow.pwned=1;alert(1)%3C/script%3E"
    for path in (
        "/docs",
        "/openapi.json",
        f"/docs?{odd}#{odd}",
        f"/api/{odd}",
        f"/api/sessions/{odd}",
        f"/api/sessions?limit={odd}",
        f"/assets/{odd}",
        f"/ws/{odd}",
        f"/{odd}",
        f"/api/sessions/{talk}/files/{odd}",
        f"/api/sessions/{talk}/console.log",
        f"/api/sessions/{printed}/console.log",
        f"/api/sessions/{talk}",
        f"/api/sessions/{talk}/history",
        *(
            f"/api/sessions/{talk}/files/{name}{raw}"
            for name in ("page.html", "picture.svg", "notes.md")
            for raw in ("", "?raw=true")
        ),
    ):
        watched.open_as_page(path)


class TestPeople:
    @pytest.fixture
    def variables(self) -> dict[str, str]:
        return {"PERDURE_AUTH": "password"}

    def test_names_of_people_stay_text(
        self, server: PerdureServer, browser: Browser, tmp_path: Path, outside: Outside
    ) -> None:
        people = People(server, browser, tmp_path / "data")
        texts = payloads(outside.leak)
        session_id = people.admin.start_session(texts[9])
        made = 0
        for n, name in enumerate([texts[9], texts[4], texts[52], "x\u202egpj.exe"]):
            email = f"p{n}@example.org"
            body = {
                "email": email,
                "name": name[:80],
                "role": "member",
                "password": "a long and winding road",
            }
            try:
                people.admin.call("POST", "/api/users", body)
            except httpx.HTTPStatusError as refused:
                if refused.response.status_code != 422:
                    raise
                continue  # a name that turns the text around it is no name
            made += 1
            people.admin.call("POST", f"/api/sessions/{session_id}/shares", {"email": email, "role": "view"})
        assert made >= 3
        people.admin.call("POST", "/api/auth/keys", {"name": texts[9], "scopes": ["read"]})
        with people.admin.page() as page:
            watched = Watched(page, server.url, outside)
            for path in (
                "/sessions",
                f"/sessions/{session_id}",
                "/settings",
                "/settings/people",
                "/settings/keys",
                "/settings/audit",
            ):
                watched.visit(path)
            page.goto(f"/sessions/{session_id}")
            page.get_by_role("button", name="More to do").click()
            page.get_by_role("menuitem", name="Share…").click()
            shown = page.get_by_role("list", name="People with access").get_by_role("listitem")
            expect(shown).to_have_count(1 + made)
            watched.check("share list")
