"""Several people on one server, each with a browser of their own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.server import PerdureServer
from tests.provision import forked

PASSWORD = "a long and winding road"
WITHIN_MS = 5_000
"""How soon a page has to show what somebody else did to a person's rights."""


class Person:
    """Somebody with an account: their programs, and their browsers."""

    def __init__(self, server: PerdureServer, browser: Browser, name: str, email: str) -> None:
        self._server = server
        self._browser = browser
        self.name = name
        self.email = email
        self._token = ""

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Do something over REST, as a program of this person does."""
        if not self._token:
            answer = httpx.post(
                f"{self._server.url}/api/auth/login",
                json={"email": self.email, "password": PASSWORD},
                timeout=20,
            )
            answer.raise_for_status()
            self._token = answer.json()["access_token"]
        answer = httpx.request(
            method,
            self._server.url + path,
            json=body,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=20,
        )
        answer.raise_for_status()
        return answer.json()

    def start_session(self, name: str) -> str:
        """Make a session of this person's, without a run."""
        session_id: str = self.call("POST", "/api/sessions", {"mode": "one-shot", "name": name})["session_id"]
        return session_id

    def context(self, **options: Any) -> BrowserContext:
        """Open a browser in which nobody is signed in."""
        return self._browser.new_context(
            base_url=self._server.url,
            **{
                "locale": "en-GB",
                "color_scheme": "light",
                "viewport": {"width": 1360, "height": 900},
                **options,
            },
        )

    @contextmanager
    def page(self, path: str = "/sessions", **options: Any) -> Iterator[Page]:
        """Open a page in a browser of this person's, signed in."""
        context = self.context(**options)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path)
        fill_in(page, self.email)
        expect(page.get_by_role("button", name=re.compile("Account of"))).to_be_visible()
        try:
            yield page
        finally:
            context.close()
        assert errors == []


class People:
    """The server's people; the first administrator is made beside the server, as on a new installation."""

    def __init__(self, server: PerdureServer, browser: Browser, data_dir: Path) -> None:
        self._server = server
        self._browser = browser
        email = "ada@example.org"
        arguments = ["users", "create", email, "--admin", "--name", "Ada Admin", "--password-stdin", "--json"]
        done = forked.run(
            [*arguments, "--data", str(data_dir)], os.environ, data_dir.parent, stdin=f"{PASSWORD}\n"
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["role"] == "admin"
        self.admin = Person(server, browser, "Ada Admin", email)

    def add(self, name: str) -> Person:
        """Make a member."""
        email = f"{name.split()[0].lower()}@example.org"
        body = {"email": email, "name": name, "role": "member", "password": PASSWORD}
        self.admin.call("POST", "/api/users", body)
        return Person(self._server, self._browser, name, email)


def fill_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Sign in by the form that is on the page."""
    page.get_by_label("E-mail", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def choose(page: Page, menu: str, entry: str) -> None:
    """Choose an entry of a menu."""
    page.get_by_role("button", name=menu).click()
    page.get_by_role("menuitem", name=entry).click()
