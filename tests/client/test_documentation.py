"""The code in the documentation and the examples works."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from tests.fakes.perdure_server import PerdureServer
from tests.fakes.sign_in_server import SignInServer

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_client_page(server: PerdureServer, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "client.md").read_text().replace("http://127.0.0.1:8000", server.url)
    names: dict[str, object] = {"__name__": "docs"}
    with SignInServer() as people:
        for block in _BLOCK.findall(page.replace("https://perdure.example.org", people.url)):
            exec(compile(block, "client.md", "exec", dont_inherit=True), names)
        assert ("POST", "/api/auth/logout") in {request[:2] for request in people.requests}
    assert "workflow_complete" in capsys.readouterr().out


def test_the_library_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERDURE_DATA_DIR", str(tmp_path))
    names: dict[str, object] = {"__name__": "docs"}
    for block in _BLOCK.findall((ROOT / "docs" / "library.md").read_text()):
        exec(compile(block, "library.md", "exec", dont_inherit=True), names)
    assert (tmp_path / "sessions.db").exists()


def test_the_client_example(
    server: PerdureServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERDURE_SERVER", server.url)
    runpy.run_path(str(ROOT / "examples" / "client_follow.py"), run_name="__main__")
    assert "completed: " in capsys.readouterr().out


def test_the_library_example(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "library_sessions.py"), run_name="__main__")
    assert capsys.readouterr().out.splitlines()[-1] == "assistant: You said: Are you still there?"
