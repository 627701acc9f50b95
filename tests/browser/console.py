"""What a person sees and does in the console, by the words on the screen."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

SOURCE = "The ferry Aurelia carried 412 passengers when her port engine stopped at 06:40 on 3 March."


class Console:
    """One browser tab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def start(
        self, task: str, *, mode: str = "Planning and control", source: str = SOURCE, ask: bool = True
    ) -> str:
        """Fill the form for a new session, send it, and return the new session's id."""
        self.page.goto("/new")
        self.page.get_by_label("What should be done?").fill(task)
        self.page.get_by_label("Text to work on").fill(source)
        self.page.get_by_role("radio", name=mode).check()
        if mode == "Planning and control" and not ask:
            self.page.get_by_label("Approval mode").select_option("none")
        self.page.get_by_role("button", name="Start", exact=True).click()
        self.page.wait_for_url("**/sessions/*")
        return self.page.url.rsplit("/", 1)[-1].split("?")[0]

    @property
    def status(self) -> Locator:
        """The word of the session's status."""
        return self.page.get_by_role("status", name="Status", exact=True)

    @property
    def connection(self) -> Locator:
        """What the strip says of the connection."""
        return self.page.get_by_role("status", name="Connection")

    def step(self, name: str) -> Locator:
        """Return the row of a step."""
        return self.page.get_by_role("list", name="Steps").get_by_role("listitem").filter(has_text=name)

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def confirm(self, name: str) -> None:
        """Press a button of the question over the page."""
        self.page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()

    def choose(self, name: str) -> None:
        """Choose an entry of the menu of the session."""
        self.press("More to do")
        self.page.get_by_role("menuitem", name=name).click()

    def open_tab(self, name: str) -> None:
        """Show one of the views, by its tab or, on a phone, from the bar at the bottom."""
        bar = self.page.get_by_role("navigation", name="Session", exact=True)
        expect(bar.or_(self.page.get_by_role("tablist", name="Views of the session"))).to_be_visible()
        if not bar.is_visible():
            self.page.get_by_role("tab", name=name).click()
            return
        word = {"Overview": "Steps"}.get(name, name)
        direct = bar.get_by_role("button", name=word, exact=True)
        if direct.count():
            direct.click()
            return
        bar.get_by_role("button", name="More").click()
        bar.get_by_role("menuitem", name=name).click()

    @property
    def messages(self) -> Locator:
        """The entries of the conversation, finished or growing."""
        return self.page.get_by_role("log", name="Messages").get_by_role("article")

    def message_ids(self) -> list[str]:
        """Return the ids of the entries on the screen, in order."""
        return self.messages.evaluate_all("all => all.map(each => each.dataset.messageId)")

    def expect_status(self, word: str, *, within_s: float = 30) -> None:
        """Wait for a status."""
        expect(self.status).to_have_text(word, timeout=within_s * 1000)
