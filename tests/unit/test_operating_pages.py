"""What the pages for operators name exists: tests, settings, commands, other pages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from perdure.cli.app import app
from perdure.config import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "operating").glob("*.md"))
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_SETTING = re.compile(r"\bPERDURE_[A-Z_]+\b")
_LINK = re.compile(r"\]\(([^)#\s]+)")
_COMMAND = re.compile(r"perdure ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?(?![\w.@/-])")
_NOT_SETTINGS = {"PERDURE_URL", "PERDURE_API_KEY"}


def test_there_are_pages() -> None:
    assert {page.name for page in PAGES} >= {"backup.md", "deployment.md", "hardening.md", "threats.md"}


def test_every_threat_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "operating" / "threats.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert [row for row in rows if not _TEST.search(row)] == []
    missing = [f"{file}::{name}" for file, name in _all_tests() if name not in _functions(ROOT / file)]
    assert missing == []


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_settings_links_and_commands_exist(document: Path) -> None:
    text = document.read_text()
    known = {f"PERDURE_{name.upper()}" for name in Settings.model_fields} | _NOT_SETTINGS
    assert set(_SETTING.findall(text)) - known == set()
    links = [link for link in _LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []
    single = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    groups = {
        str(g.name): {
            c.name or c.callback.__name__ for c in g.typer_instance.registered_commands if c.callback
        }
        for g in app.registered_groups
        if g.typer_instance
    }
    for command, sub in _COMMAND.findall(_code(text)):
        assert command in single or sub in groups.get(command, set()), f"perdure {command} {sub}"


def _code(text: str) -> str:
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`(perdure [^`]+)`", text)
    return "\n".join([*blocks, *spans])


def _all_tests() -> list[tuple[str, str]]:
    return [found for page in PAGES for found in _TEST.findall(page.read_text())]


def _functions(file: Path) -> set[str]:
    if not file.exists():
        return set()
    tree = ast.parse(file.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
