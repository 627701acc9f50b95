"""The rules of the house that a linter does not hold; layers are held by import-linter."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provision import longest_first

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "perdure").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAX_LINES = 500
BANNED_FILES = {"utils", "helpers", "common", "misc", "manager"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_is_short_documented_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_LINES or path.parent.name == "versions"
    assert path.stem not in BANNED_FILES
    tree = ast.parse(text)
    if text.strip():
        assert ast.get_docstring(tree), "a module says what it is for"
    missing = [node.name for node in public(tree) if not ast.get_docstring(node)]
    assert missing == [], "public things say what they do"


def public(tree: ast.Module) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Public classes and functions, and public methods of public classes that nobody wrote elsewhere."""
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_") or node.name in {"main", "upgrade", "downgrade"}:
            continue
        yield node


def test_the_files_that_are_started_first_are_there() -> None:
    assert [name for name in longest_first.SECONDS if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_times_are_aware(path: Path) -> None:
    naive = r"utc" + r"now\(|utcfrom" + r"timestamp\(|datetime\.now\(\)(?!\.astimezone)"
    assert path.samefile(__file__) or re.search(naive, path.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_swallowed_and_nothing_is_left_for_later(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    broad = r"except( (Base)?Exception)?( as \w+)?:[^\n]*\n\s*(pass|continue|return( None| False| \[\])?)\s*$"
    assert re.search(broad, text, re.MULTILINE) is None
    assert re.search(r"#.*\b(TODO|FIXME|XXX|HACK)\b", text) is None


def test_rules_services_and_store_get_the_time_handed_in() -> None:
    pattern = re.compile(r"\btime\.time\(|datetime\.now\(")
    layers = {"core", "services", "store", "live", "modes", "engine"}
    found = [
        name_of(path)
        for path in SOURCES
        if path.relative_to(ROOT).parts[2] in layers and pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["src/perdure/core/clock.py"]


def test_the_core_does_no_input_or_output() -> None:
    forbidden = re.compile(
        r"^\s*(import|from) (os|socket|asyncio|pathlib|sqlite3|subprocess|threading|httpx)\b", re.M
    )
    found = [name_of(p) for p in (ROOT / "src/perdure/core").glob("*.py") if forbidden.search(p.read_text())]
    assert found == []


def test_tests_of_rules_do_not_sleep() -> None:
    folders = ("unit/core", "unit/services", "store", "state_machine")
    sleeping = re.compile(r"time\.sleep\(|asyncio\.sleep\((?!0\))")
    found = [
        name_of(p)
        for f in folders
        for p in (ROOT / "tests" / f).rglob("*.py")
        if sleeping.search(p.read_text())
    ]
    assert found == []
