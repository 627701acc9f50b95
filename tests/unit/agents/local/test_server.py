"""A model that cannot start says why, in its state and in the error."""

from __future__ import annotations

import importlib.util
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perdure.agents.local import server as server_module
from perdure.agents.local.cpu import missing_features
from perdure.agents.local.server import LocalModelServer, ServedModel
from perdure.agents.local.state import LocalModelUnavailable, Status
from perdure.agents.local.weights import Progress, WeightsDamaged

CHILD_THAT_ENDS = "import sys; sys.stdin.readline(); sys.stderr.write('out of memory'); sys.exit(3)"
CHILD_WITHOUT_A_LIBRARY = """
import json, sys
sys.stdin.readline()
print(json.dumps({"error": "ImportError: libgomp.so.1: cannot open shared object file"}))
sys.exit(1)
"""


def served(**changes: Any) -> ServedModel:
    model = ServedModel(
        model_id="fake",
        label="Fake model",
        context_tokens=128,
        prepare=lambda progress: Path("/fake.gguf"),
        is_installed=lambda: True,
        install="fake[all]",
    )
    return replace(model, **changes)


@pytest.fixture(autouse=True)
def runtime_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())  # pyright: ignore[reportUnknownLambdaType]
    monkeypatch.setattr(server_module, "missing_features", lambda: ())


async def test_an_absent_model_names_what_to_install() -> None:
    server = LocalModelServer(served(is_installed=lambda: False))

    assert server.state.status is Status.ABSENT
    with pytest.raises(LocalModelUnavailable, match=r"install fake\[all\]") as refused:
        await server.ready()
    assert refused.value.fields["state"]["status"] == "absent"


async def test_weights_that_are_damaged_fail_for_good() -> None:
    def damaged(progress: Progress) -> Path:
        raise WeightsDamaged("the installed parts are damaged")

    server = LocalModelServer(served(prepare=damaged))

    for _ in range(2):
        with pytest.raises(LocalModelUnavailable, match="damaged"):
            await server.ready(5)
    assert server.state.status is Status.FAILED
    await server.aclose()


async def test_an_old_processor_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "missing_features", lambda: ("avx2",))
    server = LocalModelServer(served())

    with pytest.raises(LocalModelUnavailable, match="AVX2"):
        await server.ready(5)
    await server.aclose()


async def test_shows_the_progress_of_its_preparation() -> None:
    reached, go = threading.Event(), threading.Event()

    def prepare(progress: Progress) -> Path:
        progress(0.25)
        reached.set()
        go.wait(5)
        raise WeightsDamaged("enough")

    server = LocalModelServer(served(prepare=prepare))
    server.start()
    reached.wait(5)

    assert (server.state.status, server.state.progress) == (Status.PREPARING, 0.25)
    with pytest.raises(LocalModelUnavailable, match="preparing"):
        await server.ready(0.01)
    go.set()
    await server.aclose()
    assert server.state.status is Status.CLOSED


async def test_a_child_that_keeps_ending_is_given_up_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child = tmp_path / "child.py"
    child.write_text(CHILD_THAT_ENDS)
    monkeypatch.setattr(server_module, "__file__", str(tmp_path / "server.py"))
    monkeypatch.setattr(server_module, "_BACKOFF_S", (0.0,))
    server = LocalModelServer(served())

    with pytest.raises(LocalModelUnavailable, match="ended with 3 out of memory"):
        await server.ready(20)

    assert (server.state.status, server.state.restarts, server.pid) == (Status.FAILED, 3, None)
    await server.aclose()


async def test_what_a_child_says_of_its_start_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child = tmp_path / "child.py"
    child.write_text(CHILD_WITHOUT_A_LIBRARY)
    monkeypatch.setattr(server_module, "__file__", str(tmp_path / "server.py"))
    monkeypatch.setattr(server_module, "_BACKOFF_S", (0.0,))
    server = LocalModelServer(served())

    with pytest.raises(
        LocalModelUnavailable, match=r"libgomp\.so\.1: cannot open .*apt-get install libgomp1"
    ):
        await server.ready(20)
    await server.aclose()


async def test_closed_is_closed() -> None:
    server = LocalModelServer(served())
    await server.aclose()
    await server.aclose()

    server.start()
    with pytest.raises(LocalModelUnavailable, match="shutting down"):
        await server.ready(5)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
class TestProcessor:
    @pytest.fixture(autouse=True)
    def x86(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("platform.machine", lambda: "x86_64")

    @pytest.mark.parametrize(
        ("text", "missing"),
        [
            ("flags\t\t: fpu avx avx2 fma sse4_2\n", ()),
            ("flags\t\t: fpu avx fma\n", ("avx2",)),
            ("flags\t\t: fpu avx2x\n", ("avx2", "fma")),
            ("nothing\n", ()),
        ],
    )
    def test_reads_the_flags(self, tmp_path: Path, text: str, missing: tuple[str, ...]) -> None:
        (tmp_path / "cpuinfo").write_text(text)

        assert missing_features(tmp_path / "cpuinfo") == missing

    def test_knows_nothing_without_a_list(self, tmp_path: Path) -> None:
        assert missing_features(tmp_path / "none") == ()
