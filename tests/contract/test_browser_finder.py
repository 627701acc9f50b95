"""Which Chromium is taken: the named, the bundled, an installed one, in this order; only one that starts."""

from pathlib import Path

import pytest

from tools import browser


@pytest.fixture(autouse=True)
def _bare_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A host without any browser, on which nothing may be installed."""
    monkeypatch.delenv("PERDURE_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/bin")
    monkeypatch.setattr(browser.os, "geteuid", lambda: 1000)


def _program(path: Path, script: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_named_browser_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = _program(tmp_path / "named")
    _program(tmp_path / "bundle" / "chromium")
    monkeypatch.setenv("PERDURE_CHROMIUM", str(named))
    assert browser.find(tmp_path / "bundle").executable == named


def test_a_named_browser_that_does_not_start_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _program(tmp_path / "bundle" / "chromium")
    monkeypatch.setenv("PERDURE_CHROMIUM", str(_program(tmp_path / "named", "exit 1")))
    with pytest.raises(browser.NoBrowser, match="PERDURE_CHROMIUM"):
        browser.find(tmp_path / "bundle")


def test_the_bundled_browser_comes_before_an_installed_one(tmp_path: Path) -> None:
    bundled = _program(tmp_path / "bundle" / "chromium")
    _program(tmp_path / "path" / "chromium")
    found = browser.find(tmp_path / "bundle")
    assert found.executable == bundled
    assert "LD_LIBRARY_PATH" not in found.environment


def test_the_bundled_libraries_are_used_where_the_host_lacks_them(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    _program(bundle / "chromium", f'[ "$LD_LIBRARY_PATH" = "{bundle / "al2023" / "lib"}" ]')
    assert browser.find(bundle).environment["LD_LIBRARY_PATH"] == str(bundle / "al2023" / "lib")


def test_an_installed_browser_replaces_a_bundled_one_that_does_not_start(tmp_path: Path) -> None:
    _program(tmp_path / "bundle" / "chromium", "exit 127")
    installed = _program(tmp_path / "path" / "chromium")
    assert browser.find(tmp_path / "bundle").executable == installed


def test_no_browser_at_all_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(browser.NoBrowser, match=r"\./dev test"):
        browser.find(tmp_path / "bundle")
