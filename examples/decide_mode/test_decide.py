"""The mode is found where it is installed, and lives through a restart like any built-in one."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.errors import InvalidInput
from perdure.modes.registry import ModeRegistry
from tests.engine.conftest import House, house, provider  # noqa: F401 - fixtures

HERE = Path(__file__).parent


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the package as `pip install` would, into a folder of its own."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=HERE, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


@pytest.mark.usefixtures("installed")
async def test_decides_with_a_person_over_a_restart(house: House) -> None:  # noqa: F811
    assert "decide" in {spec.id for spec in ModeRegistry().list()}
    await house.app.stop()
    await house.start()

    session, run = await house.submit("decide", "Which day for the release?", options=2)
    await house.run(run.id, "waiting")
    await house.app.stop()
    await house.start()
    (question,), _ = await house.app.approvals.list(LOCAL_ACTOR)
    assert question.request_data["choices"]
    with pytest.raises(InvalidInput):
        await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="answer", answer="")
    await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="answer", answer="Tuesday")
    done = await house.run(run.id, "completed")

    assert done.result is not None
    assert done.result["summary"] == "Decided: Tuesday"
    text = house.app.files.workspace(session.id).read_text("decision.md")
    assert text.startswith("# Tuesday")
    assert max(house.provider.counts.values()) == 1
