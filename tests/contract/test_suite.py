"""`./dev test` runs its parts side by side, hides no failure and leaves no test out."""

from __future__ import annotations

import sys

import pytest

from tools import suite


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize(("first", "second", "code"), [(0, 0, 0), (1, 0, 1), (0, 3, 3), (2, 3, 2)])
def test_the_first_failure_is_the_exit_code_and_both_are_shown(
    first: int, second: int, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    ends = [_python(f"print('this is {name}'); exit({n})") for name, n in (("one", first), ("two", second))]
    assert suite.run_at_once(ends[0], {"other": ends[1]}) == code
    assert capfd.readouterr().out.split("\n") == ["this is one", "this is two", ""]


def test_the_other_run_ends_when_the_first_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(suite.subprocess, "call", interrupted)
    with pytest.raises(KeyboardInterrupt):
        suite.run_at_once([], {"other": _python("import time; time.sleep(600)")})


@pytest.mark.parametrize("cores", [1, 2, 4, 64])
def test_every_test_belongs_to_one_part(cores: int) -> None:
    others, browsers = suite.parts(cores)
    assert "not browser and not soak" in others.arguments
    assert not any("tests" in word for word in others.arguments)
    assert {"browser and not soak", "tests/browser"} <= set(browsers.arguments)
    workers = [int(part.arguments[part.arguments.index("-n") + 1]) for part in (others, browsers)]
    assert all(2 <= each <= suite.MOST_WORKERS for each in workers)
