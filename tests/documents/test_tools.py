"""The tools for PDF files: what agents read, and what modes have converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

from perdure.agents.documents.limits import DocumentEncrypted, UnreadableDocument
from perdure.agents.documents.worker import DocumentReaders
from perdure.agents.tools import documents
from perdure.agents.tools.documents import DocumentTools
from perdure.core.tools import ToolCategory
from perdure.errors import InvalidInput
from perdure.store.workspace import FileInfo, FileMissing, Workspace
from tests.documents import made
from tests.fakes.tool_context import RecordingToolContext


class Caller:
    """Calls the tools as the engine does: by name, with arguments as JSON."""

    def __init__(self, readers: DocumentReaders, root: Path) -> None:
        self.group = DocumentTools(readers).group()
        self.deps = RecordingToolContext(root)

    async def __call__(self, tool: str, **arguments: Any) -> Any:
        """Call a tool."""
        context: RunContext[Any] = RunContext(deps=self.deps, model=TestModel(), usage=RunUsage())
        toolset = self.group.toolset(agents=False)
        offered = (await toolset.get_tools(context))[tool]
        checked = offered.args_validator.validate_json(json.dumps(arguments))
        return await toolset.call_tool(tool, checked, context, offered)

    @property
    def files(self) -> list[str]:
        """What is in the workspace."""
        return self.deps.workspace.list()


@pytest.fixture
def call(readers: DocumentReaders, tmp_path: Path) -> Caller:
    return Caller(readers, tmp_path / "work")


async def test_agents_are_offered_reading_alone(call: Caller) -> None:
    context: RunContext[Any] = RunContext(deps=call.deps, model=TestModel(), usage=RunUsage())
    offered = await call.group.toolset(agents=True).get_tools(context)
    assert set(offered) == {"read_pdf"}
    assert offered["read_pdf"].tool_def.parameters_json_schema["required"] == ["path"]
    categories = {tool.name: tool.category for tool in call.group.tools}
    assert categories == {
        "read_pdf": ToolCategory.READ_ONLY,
        "inspect_pdf": ToolCategory.READ_ONLY,
        "convert_pdf": ToolCategory.FILE_WRITE,
    }


async def test_pages_are_read_with_their_numbers(call: Caller) -> None:
    call.deps.workspace.write("papers/heat.pdf", made.article())
    whole = await call("read_pdf", path="papers/heat.pdf")
    assert whole.startswith(f"[page 1 of 2]\n# {made.TITLE}")
    assert "[page 2 of 2]\n## 2 Results" in whole
    second = await call("read_pdf", path="papers/heat.pdf", pages="2")
    assert second.startswith("[page 2 of 2]\n## 2 Results")
    assert await call("read_pdf", path="papers/heat.pdf", pages="1-2, 2") == whole


@pytest.mark.parametrize("pages", ["all", "2-1", "0-99999", "1-", "-3"])
async def test_pages_that_cannot_be_meant_are_advice(call: Caller, pages: str) -> None:
    call.deps.workspace.write("heat.pdf", made.article())
    with pytest.raises(ModelRetry, match=r"pages|range"):
        await call("read_pdf", path="heat.pdf", pages=pages)


async def test_what_cannot_be_read_is_advice_to_the_model(call: Caller) -> None:
    call.deps.workspace.write("locked.pdf", made.encrypted())
    with pytest.raises(ModelRetry, match="needs a password"):
        await call("read_pdf", path="locked.pdf")
    with pytest.raises(ModelRetry, match=r"no file 'absent\.pdf'"):
        await call("read_pdf", path="absent.pdf")


async def test_a_long_text_is_cut_with_a_note(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_READ_LIMIT_CHARS", 3_000)
    call.deps.workspace.write("long.pdf", made.of_pages(100))
    text = await call("read_pdf", path="long.pdf")
    assert text.startswith("[page 1 of 100]\nThis is page 1 of a long document")
    assert text.endswith("\n[cut after 3,000 characters, in page 39; name pages to read on]")
    assert len(text) < 3_100


async def test_a_file_becomes_markdown_json_and_text(call: Caller) -> None:
    info = call.deps.workspace.write("papers/heat.pdf", made.article())
    done = await call("convert_pdf", path="papers/heat.pdf", output_dir="out", save_text=True)
    assert done == {
        "path": "papers/heat.pdf",
        "sha256": info.sha256,
        "files": ["out/papers/heat.md", "out/papers/heat.txt", "out/papers/heat.json"],
        "page_count": 2,
        "scanned_pages": 0,
        "mean_confidence": None,
        "doubtful_lines": 0,
    }
    workspace = call.deps.workspace
    markdown = workspace.read_text("out/papers/heat.md")
    first, second = markdown.split("\n\n---\n\n")
    assert first.startswith(f"# {made.TITLE}\n\n")
    assert second.startswith(f"## {made.HEADINGS[1]}\n\n")
    assert made.PARAGRAPHS[1] in workspace.read_text("out/papers/heat.txt")
    stored = json.loads(workspace.read_text("out/papers/heat.json"))
    assert stored["format"] == "perdure.document/1"
    assert stored["source"] == {
        "path": "papers/heat.pdf",
        "sha256": info.sha256,
        "size_bytes": info.size_bytes,
    }
    assert stored["outputs"] == sorted(done["files"])
    assert [page["number"] for page in stored["pages"]] == [1, 2]
    assert stored["pages"][0]["blocks"][0]["kind"] == "heading"
    assert len(stored["pages"][0]["blocks"][0]["box"]) == 4
    assert set(stored["engines"]) == {"pypdfium2", "rapidocr", "onnxruntime"}


async def test_each_page_has_its_line_and_each_file_its_event(call: Caller) -> None:
    call.deps.workspace.write("mixed.pdf", made.mixed())
    done = await call("convert_pdf", path="mixed.pdf")
    (first, second) = [line for _, line in call.deps.lines]
    assert first == "mixed.pdf: page 1 of 2, text"
    assert second.startswith("mixed.pdf: page 2 of 2, scanned, 0.9")
    assert [info.path for info in call.deps.changes] == ["mixed.md", "mixed.json"]
    assert done["scanned_pages"] == 1
    assert done["mean_confidence"] > 0.9


async def test_the_same_again_changes_nothing(call: Caller) -> None:
    call.deps.workspace.write("heat.pdf", made.article())
    first = await call("convert_pdf", path="heat.pdf")
    told = len(call.deps.changes)
    assert await call("convert_pdf", path="heat.pdf") == first
    assert len(call.deps.changes) == told


async def test_a_file_converted_before_is_known_until_it_changes(call: Caller) -> None:
    info = call.deps.workspace.write("heat.pdf", made.article())
    fresh = await call("inspect_pdf", path="heat.pdf", output_dir="out")
    assert fresh == {
        "path": "heat.pdf",
        "sha256": info.sha256,
        "size_bytes": info.size_bytes,
        "pages": 2,
        "encrypted": False,
        "converted": None,
    }
    await call("convert_pdf", path="heat.pdf", output_dir="out")
    known = await call("inspect_pdf", path="heat.pdf", output_dir="out")
    assert known["converted"]["files"] == ["out/heat.md", "out/heat.json"]
    assert known["pages"] == known["converted"]["page_count"] == 2
    more = await call("inspect_pdf", path="heat.pdf", output_dir="out", save_text=True)
    assert more["converted"] is None
    call.deps.workspace.root.joinpath("out/heat.md").unlink()
    assert (await call("inspect_pdf", path="heat.pdf", output_dir="out"))["converted"] is None
    call.deps.workspace.write("out/heat.md", "back")
    call.deps.workspace.write("heat.pdf", made.tables())
    assert (await call("inspect_pdf", path="heat.pdf", output_dir="out"))["converted"] is None


@pytest.mark.parametrize("stored", ["no json", "[]", '{"format": "perdure.document/1"}', '{"source": 3}'])
async def test_a_strange_json_file_is_not_taken_for_a_result(call: Caller, stored: str) -> None:
    call.deps.workspace.write("heat.pdf", made.article())
    call.deps.workspace.write("heat.json", stored)
    call.deps.workspace.write("heat.md", "mine")
    assert (await call("inspect_pdf", path="heat.pdf"))["converted"] is None


async def test_a_locked_file_is_inspected_and_not_converted(call: Caller) -> None:
    call.deps.workspace.write("locked.pdf", made.encrypted())
    found = await call("inspect_pdf", path="locked.pdf")
    assert (found["encrypted"], found["pages"]) == (True, None)
    with pytest.raises(DocumentEncrypted):
        await call("convert_pdf", path="locked.pdf")
    assert call.files == ["locked.pdf"]


async def test_bad_files_leave_nothing_behind(call: Caller) -> None:
    call.deps.workspace.write("letter.pdf", "Dear reader")
    for tool in ("inspect_pdf", "convert_pdf"):
        with pytest.raises(UnreadableDocument, match="plain text"):
            await call(tool, path="letter.pdf")
        with pytest.raises(FileMissing):
            await call(tool, path="absent.pdf")
    call.deps.workspace.write("heat.pdf", made.article())
    with pytest.raises(InvalidInput, match="at least one"):
        await call("convert_pdf", path="heat.pdf", save_markdown=False, save_json=False)
    assert call.files == ["heat.pdf", "letter.pdf"]
    assert call.deps.changes == []


async def test_all_files_are_written_or_none(call: Caller) -> None:
    workspace = call.deps.workspace
    workspace.write("heat.pdf", made.article())
    workspace.write("out/heat.md", "what was there")
    workspace.write("out/heat.json/in-the-way", "a folder stands where the file should be")
    with pytest.raises(InvalidInput):
        await call("convert_pdf", path="heat.pdf", output_dir="out", save_text=True)
    assert workspace.read_text("out/heat.md") == "what was there"
    assert call.files == ["heat.pdf", "out/heat.json/in-the-way", "out/heat.md"]
    assert call.deps.changes == []


async def test_a_full_disk_restores_what_was_there(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = call.deps.workspace
    workspace.write("heat.pdf", made.article())
    workspace.write("heat.md", "what was there")
    write = Workspace.write

    def full(self: Workspace, path: str, content: bytes | str) -> FileInfo:
        if path.endswith(".json"):
            raise OSError(28, "No space left on device")
        return write(self, path, content)

    monkeypatch.setattr(Workspace, "write", full)
    with pytest.raises(OSError, match="No space"):
        await call("convert_pdf", path="heat.pdf")
    assert workspace.read_text("heat.md") == "what was there"
    assert call.files == ["heat.md", "heat.pdf"]


async def test_names_that_differ_in_case_do_not_meet(call: Caller) -> None:
    for name in ("a.pdf", "a.PDF"):
        call.deps.workspace.write(name, made.article())
    one, other = [await call("convert_pdf", path=name, save_json=False) for name in ("a.pdf", "a.PDF")]
    assert one["files"] == ["a.md"]
    assert other["files"] == ["a.PDF.md"]
