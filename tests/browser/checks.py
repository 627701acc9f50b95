"""What every screen must pass, and pictures of it for people."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "tests" / "artefacts"
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ONLY_WHAT_IS_BROKEN = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"

THEMES = ("light", "dark")
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1360, "height": 900},
    "phone": {"width": 390, "height": 844},
}
"""What every screen is looked at on: a page is opened and used anew on each, and seen there in both themes."""


def look_at(page: Page, name: str, size: str) -> None:
    """Fail when a screen is hard to use or too wide in either theme, and keep pictures of it."""
    for theme in reversed(THEMES):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", theme)
        assert_accessible(page)
        assert_not_wider_than_the_screen(page)
        seen = theme if size == "desktop" else "phone" if theme == "light" else "phone-dark"
        shoot(page, f"{name}-{seen}")


def shoot(page: Page, name: str) -> None:
    """Keep a picture for people to look at."""
    ARTEFACTS.mkdir(exist_ok=True)
    (ARTEFACTS / ".gitignore").write_text("*\n")
    page.screenshot(path=ARTEFACTS / f"{name}.png")


def wait_until_settled(page: Page) -> None:
    """Return when nothing on the page says, or is about to say, that it is loading."""
    page.wait_for_function("() => document.querySelector('[data-loading]') === null")


def assert_accessible(page: Page) -> None:
    """Fail on any rule that axe finds broken on the page as it is."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    result = page.evaluate(ONLY_WHAT_IS_BROKEN, RULES)
    found = [f"{v['id']}: {[n['html'][:160] for n in v['nodes']][:3]}" for v in result["violations"]]
    assert found == [], "\n".join(found)


def assert_not_wider_than_the_screen(page: Page) -> None:
    """Fail when the page can be scrolled sideways."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
