"""Weights are whole and verified, or not there at all."""

from __future__ import annotations

import hashlib
import importlib
import multiprocessing
import shutil
import sys
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from perdure.agents.local.specs import SMALL_MODEL, STARTER_MODEL, TINY_MODEL, WeightsSpec
from perdure.agents.local.weights import (
    BadModelFile,
    NoRoomForWeights,
    WeightsDamaged,
    WeightsMissing,
    check_model_file,
    find_parts,
    is_installed,
    prepare,
)
from perdure.agents.profiles import TINY

PARTS = [b"GGUF" + b"a" * 1000, b"b" * 1000, b"c" * 10]
WHOLE = b"".join(PARTS)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    site = tmp_path / "site"
    for number, content in enumerate(PARTS, start=1):
        data = site / f"fake_part{number}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").write_text("raise RuntimeError('weights packages are never imported')")
        (data / f"part{number:02}.bin").write_bytes(content)
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield site
    assert not any(name.startswith("fake_part") for name in sys.modules)


@pytest.fixture
def spec(site: Path) -> WeightsSpec:
    return WeightsSpec(
        model_id="fake-model",
        label="Fake model",
        licence="none",
        files=tuple((f"fake_part{n}", f"data/part{n:02}.bin") for n in range(1, 4)),
        size_bytes=len(WHOLE),
        sha256=hashlib.sha256(WHOLE).hexdigest(),
        install="fake[all]",
        profile=TINY,
    )


class TestPrepare:
    def test_joins_the_parts_in_order_and_reports_progress(self, spec: WeightsSpec, tmp_path: Path) -> None:
        shares: list[float] = []

        path = prepare(spec, tmp_path / "models", shares.append)

        assert path.read_bytes() == WHOLE
        assert shares == sorted(shares)
        assert shares[-1] == 1.0

    def test_a_second_call_neither_copies_nor_hashes(self, spec: WeightsSpec, tmp_path: Path) -> None:
        path = prepare(spec, tmp_path)
        before = path.stat()
        shares: list[float] = []

        assert prepare(spec, tmp_path, shares.append) == path
        assert shares == []
        assert path.stat().st_mtime_ns == before.st_mtime_ns

    def test_refuses_parts_that_do_not_hash_to_the_published_value(
        self, spec: WeightsSpec, tmp_path: Path
    ) -> None:
        wrong = replace(spec, sha256="0" * 64)

        with pytest.raises(WeightsDamaged, match="reinstall") as refused:
            prepare(wrong, tmp_path)

        assert refused.value.fields["found"] == spec.sha256
        assert list(tmp_path.glob("*.gguf")) == []
        assert list(tmp_path.glob("*.partial")) == []

    def test_an_interrupted_copy_is_never_taken_for_the_model(
        self, spec: WeightsSpec, tmp_path: Path
    ) -> None:
        def stop(share: float) -> None:
            if share > 0.5:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            prepare(spec, tmp_path, stop)
        assert list(tmp_path.glob("*.gguf")) == []

        assert prepare(spec, tmp_path).read_bytes() == WHOLE

    def test_what_a_killed_copy_left_is_written_over(self, spec: WeightsSpec, tmp_path: Path) -> None:
        (tmp_path / "fake-model.partial").write_bytes(b"x" * 5000)

        assert prepare(spec, tmp_path).read_bytes() == WHOLE
        assert list(tmp_path.glob("*.partial")) == []

    def test_a_file_that_was_changed_later_is_assembled_again(
        self, spec: WeightsSpec, tmp_path: Path
    ) -> None:
        path = prepare(spec, tmp_path)
        path.write_bytes(WHOLE[:-1] + b"X")

        assert prepare(spec, tmp_path).read_bytes() == WHOLE

    def test_weights_in_one_file_are_verified_where_they_are(
        self, spec: WeightsSpec, site: Path, tmp_path: Path
    ) -> None:
        one = replace(spec, files=spec.files[:1], sha256=hashlib.sha256(PARTS[0]).hexdigest())

        assert prepare(one, tmp_path / "models") == site / "fake_part1" / "data" / "part01.bin"
        assert list((tmp_path / "models").glob("*.gguf")) == []
        with pytest.raises(WeightsDamaged):
            prepare(replace(one, sha256="0" * 64), tmp_path / "models")

    def test_says_how_much_room_it_needs(
        self, spec: WeightsSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 0))  # pyright: ignore[reportUnknownLambdaType]

        with pytest.raises(NoRoomForWeights, match="GB free"):
            prepare(spec, tmp_path)

    def test_two_processes_at_once_agree(self, spec: WeightsSpec, tmp_path: Path) -> None:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            paths = pool.starmap(prepare, [(spec, tmp_path)] * 4)

        assert {path.read_bytes() for path in paths} == {WHOLE}


class TestFindParts:
    def test_names_what_to_install_when_one_is_missing(self, spec: WeightsSpec, site: Path) -> None:
        (site / "fake_part2" / "data" / "part02.bin").unlink()

        with pytest.raises(WeightsMissing, match=r"fake\[all\]"):
            find_parts(spec)
        assert not is_installed(spec)

    def test_built_in_models_are_pinned(self) -> None:
        for each, parts in ((STARTER_MODEL, 22), (SMALL_MODEL, 6), (TINY_MODEL, 1)):
            assert len(each.files) == parts
            assert len(each.sha256) == 64
            assert each.licence == "Apache-2.0"


class TestModelFile:
    def test_takes_a_gguf_file(self, tmp_path: Path) -> None:
        (tmp_path / "m.gguf").write_bytes(WHOLE)

        assert check_model_file(tmp_path / "m.gguf") == tmp_path / "m.gguf"

    @pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04"])
    def test_refuses_anything_else(self, tmp_path: Path, content: bytes | None) -> None:
        if content is not None:
            (tmp_path / "m.gguf").write_bytes(content)

        with pytest.raises(BadModelFile):
            check_model_file(tmp_path / "m.gguf")
