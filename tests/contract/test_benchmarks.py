"""The benchmarks work: their quick form gives results of the right shape and loses nothing. Never a time."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.__main__ import NAMES, run_one
from benchmarks.harness import Bar, Result, Scale, growth, ratio


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_form_gives_results_and_loses_nothing(name: str) -> None:
    results = run_one(name, Scale(quick=True))
    assert results
    for result in results:
        assert result.benchmark
        assert result.case
        assert result.unit
        assert math.isfinite(result.ours)
        assert result.ratio is None or math.isfinite(result.ratio)
        assert result.lost == 0, result


def test_results_are_written_for_people_and_for_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    slow = Result("append", "history 0", "µs", 300.0, 100.0, 3.0, Bar(at_most=1.5))
    plain = Result("start", "memory", "MB", 99.5)
    path = report.write([slow, plain], quick=False)
    lines = path.read_text().splitlines()
    assert "| append | history 0 | µs | 300 | 100 | 3.00 | ≤ 1.5 | no | 0 |" in lines
    assert "| start | memory | MB | 99.5 |  |  |  |  | 0 |" in lines
    stored = json.loads((tmp_path / "latest.json").read_text())
    assert [row["verdict"] for row in stored["results"]] == ["no", ""]


def test_a_loss_fails_any_bar() -> None:
    assert Result("a", "b", "µs", 1.0, 1.0, 1.0, Bar(at_most=1.5)).verdict == "yes"
    assert Result("a", "b", "µs", 1.0, 1.0, 1.0, Bar(at_most=1.5), lost=1).verdict == "no"
    assert Result("a", "b", "/s", 1.0, 1.0, 0.4, Bar(at_least=0.5)).verdict == "no"


def test_ratios_are_of_rounds_and_growth_is_an_exponent() -> None:
    assert ratio([2.0, 30.0, 4.0], [1.0, 10.0, 2.0]) == 2.0
    assert growth([1.0], [1.0], 10, 1000) == 0.0
    assert growth([1.0], [100.0], 10, 1000) == pytest.approx(1.0)
