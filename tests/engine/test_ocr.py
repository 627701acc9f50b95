"""The mode `ocr`: files become text, side by side; what fails fails alone; what is done stays done."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from perdure.agents.documents import worker
from perdure.agents.documents.worker import DocumentReaders
from perdure.core.access import LOCAL_ACTOR
from perdure.core.runs import Run
from perdure.errors import UnknownConfigKey
from tests.documents import made
from tests.engine.conftest import House


async def prepared(house: House, files: dict[str, bytes], **config: object) -> str:
    """A session with uploaded files; returns its id."""
    session = await house.app.sessions.create(LOCAL_ACTOR, name="Files", mode="ocr", config=dict(config))
    for path, content in files.items():

        async def chunks(content: bytes = content) -> AsyncIterator[bytes]:
            yield content

        await house.app.files.upload(LOCAL_ACTOR, session.id, path, chunks(), len(content))
    return session.id


async def run(house: House, session_id: str, task: str = "Convert my files", **config: object) -> Run:
    started = await house.app.runs.start(LOCAL_ACTOR, session_id, task, config=dict(config))
    assert started.run is not None
    return await house.run(started.run.id, "completed", "failed")


async def paths(house: House, session_id: str) -> list[str]:
    return [info.path for info in await house.app.files.list(LOCAL_ACTOR, session_id)]


async def events(house: House, session_id: str, type_: str) -> list[dict[str, Any]]:
    found = await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000, types=[type_])
    return [event.payload for event in found]


async def console(house: House, session_id: str) -> list[str]:
    return [line for payload in await events(house, session_id, "console") for line in payload["lines"]]


class Reading:
    """Counts the documents whose content is being taken in; `meet` holds the first until a second is."""

    def __init__(self, *, meet: bool) -> None:
        self._real, self._lock = DocumentReaders.read, threading.Lock()
        self._met = threading.Barrier(2) if meet else None
        self._now = 0
        self.most = 0

    @property
    def read(self) -> Any:
        """What takes the place of `DocumentReaders.read`."""

        async def read(
            readers: DocumentReaders, content: Callable[[], bytes], *args: Any, **named: Any
        ) -> Any:
            def load() -> bytes:
                with self._lock:
                    self._now += 1
                    self.most = max(self.most, self._now)
                try:
                    if self._met is not None:
                        self._met.wait(20)
                    return content()
                finally:
                    with self._lock:
                        self._now -= 1

            return await self._real(readers, load, *args, **named)

        return read


async def test_uploaded_files_become_markdown_and_json(house: House) -> None:
    session_id = await prepared(house, {"heat.pdf": made.article(), "papers/wells.pdf": made.tables()})
    done = await run(house, session_id)
    assert done.status == "completed", done.error
    result = done.result
    assert result is not None
    assert result["summary"] == "Converted 2 PDF files (3 pages)."
    assert (result["processed"], result["failed"], result["skipped"], result["pages"]) == (2, 0, 0, 3)
    assert result["output_directory"] == "ocr"
    assert [entry["files"] for entry in result["files"]] == [
        ["ocr/heat.md", "ocr/heat.json"],
        ["ocr/papers/wells.md", "ocr/papers/wells.json"],
    ]
    assert await paths(house, session_id) == [
        "heat.pdf",
        "ocr/heat.json",
        "ocr/heat.md",
        "ocr/ocr_summary.json",
        "ocr/papers/wells.json",
        "ocr/papers/wells.md",
        "papers/wells.pdf",
    ]
    workspace = house.app.files.workspace(session_id)
    assert workspace.read_text("ocr/heat.md").startswith(f"# {made.TITLE}\n\n")
    assert json.loads(workspace.read_text("ocr/ocr_summary.json"))["processed"] == 2
    assert await house.steps(session_id, "step_completed") == ["init", "process", "output"]
    lines = await console(house, session_id)
    assert "heat.pdf: page 1 of 2, text" in lines
    assert "wells.pdf: page 1 of 1, text" in lines
    assert await events(house, session_id, "cost_update") == []
    assert house.provider.calls == []


async def test_a_second_run_skips_what_is_the_same(house: House) -> None:
    session_id = await prepared(house, {"heat.pdf": made.article(), "wells.pdf": made.tables()})
    await run(house, session_id)
    before = len(await console(house, session_id))
    house.app.files.workspace(session_id).write("wells.pdf", made.two_columns())
    again = (await run(house, session_id)).result
    assert again is not None
    assert (again["processed"], again["skipped"]) == (1, 1)
    assert again["summary"] == "Converted 1 PDF file (1 page); skipped 1 unchanged."
    assert [line for line in (await console(house, session_id))[before:] if line.startswith("heat")] == []
    all_again = (await run(house, session_id, skip_unchanged=False)).result
    assert all_again is not None
    assert (all_again["processed"], all_again["skipped"]) == (2, 0)


async def test_bad_files_fail_alone_with_their_reasons(house: House) -> None:
    files = {
        "good.pdf": made.article(),
        "locked.pdf": made.encrypted(),
        "broken.pdf": b"%PDF-1.4 nothing",
        "letter.pdf": b"Dear reader",
        "huge.pdf": made.of_pages(10_000, size=(200, 200)),
    }
    session_id = await prepared(house, files)
    done = await run(house, session_id)
    assert done.status == "completed", done.error
    assert done.result is not None
    assert (done.result["processed"], done.result["failed"]) == (1, 4)
    errors = {entry["path"]: entry.get("error", "") for entry in done.result["files"]}
    assert "needs a password" in errors["locked.pdf"]
    assert "not a readable PDF" in errors["broken.pdf"]
    assert "plain text" in errors["letter.pdf"]
    assert "10,000 pages are more than the limit of 2,000" in errors["huge.pdf"]
    assert {path for path in await paths(house, session_id) if path.startswith("ocr/")} == {
        "ocr/good.md",
        "ocr/good.json",
        "ocr/ocr_summary.json",
    }
    assert any(line.startswith("letter.pdf: not a PDF file") for line in await console(house, session_id))


@pytest.mark.parametrize("max_workers", [2, 1])
async def test_as_many_files_as_configured_are_in_work_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch, max_workers: int
) -> None:
    house.settings = house.settings.model_copy(update={"document_processes": 2})
    await house.app.stop()
    await house.start()
    session_id = await prepared(
        house, {"a.pdf": made.of_pages(2), "b.pdf": made.of_pages(3)}, max_workers=max_workers
    )
    reading = Reading(meet=max_workers == 2)
    monkeypatch.setattr(DocumentReaders, "read", reading.read)
    done = await run(house, session_id)
    assert done.status == "completed", done.error
    assert done.result is not None
    assert (done.result["processed"], done.result["pages"]) == (2, 5)
    assert reading.most == max_workers


async def test_the_run_fails_when_no_file_can_be_read(house: House) -> None:
    session_id = await prepared(house, {"locked.pdf": made.encrypted()})
    done = await run(house, session_id)
    assert done.status == "failed"
    assert done.error is not None
    assert "locked.pdf: needs a password" in done.error["message"]
    assert await paths(house, session_id) == ["locked.pdf"]


async def test_without_the_packages_the_run_names_the_command(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_PACKAGES", ("a_package_that_is_not_there",))
    session_id = await prepared(house, {"heat.pdf": made.article()})
    done = await run(house, session_id)
    assert done.status == "failed"
    assert done.error is not None
    assert "pip install 'perdure[documents]'" in done.error["message"]


@pytest.mark.parametrize(
    ("task", "config", "said"),
    [
        ("Convert all", {}, "no PDF file in the workspace; upload one"),
        ("Convert report.pdf", {}, "no PDF file at report.pdf"),
        ("Convert all", {"paths": ["/etc"]}, "/etc is not a path of the workspace"),
        ("Convert", {"save_markdown": False, "save_json": False}, "Nothing would be written"),
    ],
)
async def test_nothing_starts_without_files(
    house: House, task: str, config: dict[str, object], said: str
) -> None:
    session_id = await prepared(house, {"notes.md": b"no PDF"}, **config)
    done = await run(house, session_id, task)
    assert done.status == "failed"
    assert done.error is not None
    assert said in done.error["message"]
    assert await house.steps(session_id, "step_started") == ["init"]
    assert await paths(house, session_id) == ["notes.md"]


async def test_keys_are_taken_in_both_spellings_and_checked(house: House) -> None:
    session_id = await prepared(
        house, {"in/heat.pdf": made.article()}, saveText=True, save_json=False, outputDir="out/", maxWorkers=2
    )
    await run(house, session_id, paths=["in/*.pdf"])
    assert await paths(house, session_id) == [
        "in/heat.pdf",
        "out/in/heat.md",
        "out/in/heat.txt",
        "out/ocr_summary.json",
    ]
    with pytest.raises(UnknownConfigKey, match="max_depth"):
        await prepared(house, {}, max_dept=3)


async def test_finished_files_stay_finished_when_the_server_stops(house: House) -> None:
    session_id = await prepared(
        house, {"a.pdf": made.article(), "long.pdf": made.of_pages(1500)}, max_workers=1
    )
    started = await house.app.runs.start(LOCAL_ACTOR, session_id, "Convert my files")
    assert started.run is not None
    async with asyncio.timeout(30):
        lines: list[str] = []
        while not any(line.startswith("long.pdf") for line in lines):
            await asyncio.sleep(0.02)
            lines = await console(house, session_id)
    await house.app.stop()
    await house.start()
    done = await house.run(started.run.id, "completed", "failed")
    assert done.status == "completed", done.error
    assert done.result is not None
    assert (done.result["processed"], done.result["pages"]) == (2, 1502)
    lines = await console(house, session_id)
    assert lines.count("a.pdf: page 1 of 2, text") == 1
    assert "long.pdf: page 1500 of 1500, text" in lines
