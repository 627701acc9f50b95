"""The mode `enhance-input` in a whole Perdure: real PDFs from a loopback arXiv, read and summarised."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perdure.agents.profiles import STARTER
from perdure.core.access import LOCAL_ACTOR
from perdure.errors import InvalidInput
from tests.engine import papers
from tests.engine.conftest import House
from tests.engine.papers import METADATA, files, read_json, read_text
from tests.fakes.arxiv_server import ArxivServer, make_pdf
from tests.fakes.openai_server import Call

arxiv, here = papers.arxiv, papers.here

TEXT = "  Study walls with https://arxiv.org/abs/2401.00001 \nand arXiv:2401.00002.\n"
PAGE = """On walls
Abstract
We measure 47.1 walls with WallSim on the Brick Survey.
1 Introduction
Walls stand for a long time, and this text is long enough to be a text layer of its own."""
SUMMARY = "summaries/2401.00001v1/document_summary.json"


def summary_of(call: Call) -> str:
    """Answer a summary that shows which paper was read."""
    which = "walls" if "On walls" in call.prompt else "doors"
    return json.dumps(
        {
            "title": "A title the model made up",
            "authors": ["Nobody"],
            "date": "once",
            "abstract": "made up",
            "keywords": [which],
            "key_findings": [f"47.1 {which} stand."],
            "software": ["WallSim"],
            "data_sources": [],
            "data_sets": ["Brick Survey"],
            "methods": ["counting"],
        }
    )


async def enhanced(house: House, text: str = TEXT, **config: object) -> tuple[str, dict[str, Any]]:
    return await papers.finished(house, "enhance-input", text, **config)


@pytest.fixture
def two(arxiv: ArxivServer, here: House) -> ArxivServer:
    """Two papers, and a model that summarises them."""
    arxiv.add("2401.00001", title="Walls and their ways", pdf=make_pdf(PAGE))
    arxiv.add("2401.00002", title="Doors", pdf=make_pdf(PAGE.replace("walls", "doors")))
    here.provider.reply("Summarise this paper", summary_of)
    return arxiv


@pytest.mark.usefixtures("two")
async def test_the_text_gets_what_its_papers_say(here: House) -> None:
    session_id, result = await enhanced(here)

    assert (result["status"], result["missing"]) == ("complete", [])
    assert result["summary"] == "enhanced_input.md holds the text and what 2 papers say; 2 summarised."
    text = result["enhanced_text"]
    assert text.startswith(TEXT + "\n\n## Context and references\n\n### [1] Walls and their ways\n\n")
    assert "Ada Wall, Ben Stone · 2024-01-23\n\nWe look at walls." in text
    assert "- 47.1 walls stand." in text
    assert "**Data sets:** Brick Survey" in text
    assert "made up" not in text
    assert "### [2] Doors" in text
    assert "1. Ada Wall, Ben Stone. Walls and their ways. 2024. https://arxiv.org/abs/2401.00001v1" in text
    assert "Missing" not in text
    assert await read_text(here, session_id, "enhanced_input.md") == text
    assert await files(here, session_id) == [
        "docs/2401.00001v1.json",
        "docs/2401.00001v1.md",
        "docs/2401.00001v1.pdf",
        "docs/2401.00002v1.json",
        "docs/2401.00002v1.md",
        "docs/2401.00002v1.pdf",
        METADATA,
        "enhanced_input.md",
        SUMMARY,
        "summaries/2401.00002v1/document_summary.json",
        "summaries/processing_summary.json",
    ]
    kept = await read_json(here, session_id, SUMMARY)
    assert kept["title"] == "Walls and their ways"
    assert kept["keywords"] == ["walls"]
    assert kept["whole_text"] is True
    report = await read_json(here, session_id, "summaries/processing_summary.json")
    assert report == result["processing_summary"]
    assert report["stages"] == {"fetch": "done", "read": "done", "summarise": "done"}
    assert "47.1 walls" in here.provider.calls[0].prompt
    events = await here.app.history.events(LOCAL_ACTOR, session_id, limit=1000, types=["phase_change"])
    phases = list(dict.fromkeys(event.payload["phase"] for event in events))
    assert phases == ["fetch", "read", "summarise", "compose"]


async def test_a_second_run_repeats_nothing(two: ArxivServer, here: House) -> None:
    session_id, first = await enhanced(here)
    calls = len(here.provider.calls)

    _, again = await enhanced(here, session_id=session_id)

    assert again["enhanced_text"] == first["enhanced_text"]
    assert again["processing_summary"]["summaries_kept"] == 2
    assert len(here.provider.calls) == calls == 2
    assert len(two.paths("pdf")) == 2


async def test_what_fails_is_missing_and_the_rest_is_there(two: ArxivServer, here: House) -> None:
    two.add("2401.00003", title="Broken", pdf=b"%PDF-1.4 and nothing else " * 100 + b"%%EOF")
    here.provider.reply("doors with WallSim", "no JSON")

    session_id, result = await enhanced(here, TEXT + "arXiv:2401.00003, arXiv:2401.00009")

    assert result["status"] == "partial"
    reasons = [reason.partition(":")[0] for reason in result["missing"]]
    assert reasons == [
        "2401.00009 was not fetched",
        "2401.00003v1 was not read",
        "2401.00002v1 was not summarised",
    ]
    text = result["enhanced_text"]
    assert text.startswith(TEXT)
    assert "- 47.1 walls stand." in text
    assert "### [2] Doors\n\nAda Wall, Ben Stone · 2024-01-23\n\nWe look at walls.\n\n### [3] Broken" in text
    assert "### Missing\n\n- 2401.00009 was not fetched: arXiv has no paper 2401.00009\n" in text
    assert result["processing_summary"]["stages"] == {
        "fetch": "partial",
        "read": "partial",
        "summarise": "partial",
    }
    assert (await here.session(session_id)).status == "completed"


async def test_out_of_reach_the_text_survives(two: ArxivServer, here: House) -> None:
    two.set(down=True)

    session_id, result = await enhanced(here)

    assert result["status"] == "partial"
    assert "the stage 'fetch' failed" in result["missing"][0]
    assert "arXiv cannot be reached" in result["missing"][0]
    assert result["enhanced_text"].startswith(TEXT + "\n\n## Context and references\n\n")
    assert (await read_text(here, session_id, "enhanced_input.md")) == result["enhanced_text"]
    assert here.provider.calls == []


async def test_without_papers_there_is_nothing_to_add(here: House) -> None:
    _, result = await enhanced(here, "Nothing is named here.")
    assert result["status"] == "complete"
    assert result["enhanced_text"] == (
        "Nothing is named here.\n\n## Context and references\n\n"
        "The text names no arXiv paper, so nothing was downloaded.\n"
    )
    assert here.provider.calls == []


async def test_each_stage_can_be_left_out(two: ArxivServer, here: House) -> None:
    session_id, bare = await enhanced(here, skip_ocr=True, skip_summaries=True)
    assert bare["status"] == "complete"
    assert "### [1] Walls and their ways" in bare["enhanced_text"]
    assert "stand" not in bare["enhanced_text"]
    assert here.provider.calls == []

    _, unread = await enhanced(here, session_id=session_id, skip_ocr=True, skip_summaries=False)
    assert unread["missing"][0] == "2401.00001v1 was not read: there is no docs/2401.00001v1.md"

    two.set(down=True)
    _, kept = await enhanced(
        here,
        "Nothing named.",
        session_id=session_id,
        skip_download=True,
        skip_ocr=False,
        skip_summaries=False,
    )
    assert kept["status"] == "complete"
    assert kept["processing_summary"]["stages"] == {"fetch": "skipped", "read": "done", "summarise": "done"}
    assert kept["processing_summary"]["papers"] == 2
    assert "- 47.1 walls stand." in kept["enhanced_text"]


async def test_a_small_model_is_asked_field_by_field(
    two: ArxivServer, here: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here.app.catalog, "profile", lambda _: STARTER)
    two.replace_pdf("2401.00001", make_pdf(*[PAGE] * 60))
    here.provider.reply("What did the authors find", '{"key_findings": ["47.1 walls stand."]}')
    here.provider.reply("names of the software", '{"software": ["WallSim", "InventedTool"]}')
    here.provider.reply("names of the data sets", '{"data_sets": ["brick  survey", "stand for"]}')
    here.provider.reply("the data came from", '{"data_sources": ["Brick Survey", "Invented Archive"]}')

    session_id, result = await enhanced(here, "arXiv:2401.00001")

    assert result["missing"] == []
    kept = await read_json(here, session_id, SUMMARY)
    assert kept["key_findings"] == ["47.1 walls stand."]
    assert kept["software"] == ["WallSim"]
    assert kept["data_sets"] == ["Brick Survey"]
    assert kept["data_sources"] == ["Brick Survey"]
    assert kept["title"] == "Walls and their ways"
    assert (kept["chars_read"], kept["whole_text"]) == (STARTER.source_chars, False)
    assert "*Summarised from the first 5,000 characters.*" in result["enhanced_text"]
    prompts = [call.prompt for call in here.provider.calls]
    assert len(prompts) == 6
    assert len({prompt.partition("\n\nTASK\n")[0] for prompt in prompts}) == 1


async def test_a_restart_repeats_no_finished_summary(two: ArxivServer, here: House) -> None:
    here.provider.hold("On doors")
    _, run = await here.submit("enhance-input", TEXT)
    await here.held()
    await here.app.stop()
    here.provider.release()
    await here.start()

    done = await here.run(run.id, "completed", "failed")

    assert done.result is not None
    assert done.result["status"] == "complete"
    assert here.provider.count("On walls") == 1
    assert here.provider.count("On doors") == 2
    assert len(two.paths("pdf")) == 2


async def test_an_empty_text_is_refused(here: House) -> None:
    with pytest.raises(InvalidInput):
        await here.submit("enhance-input", " \n ")
