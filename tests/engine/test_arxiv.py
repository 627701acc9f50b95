"""The mode `arxiv` in a whole Perdure: against a loopback arXiv, with faults, kills and second runs."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.errors import InvalidInput
from tests.engine import papers
from tests.engine.conftest import House
from tests.engine.papers import METADATA, files, read_json
from tests.fakes.arxiv_server import ArxivServer, make_pdf

arxiv, here = papers.arxiv, papers.here


async def finished(house: House, task: str, **config: object) -> tuple[str, dict[str, Any]]:
    return await papers.finished(house, "arxiv", task, **config)


async def test_downloads_what_the_text_names(arxiv: ArxivServer, here: House) -> None:
    arxiv.add("2401.12345", title="On walls", versions=2)
    arxiv.add("math/0309136", title="On doors", authors=("Cleo Frame",))
    arxiv.add("1203.4567", title="On windows")

    session_id, result = await finished(
        here,
        "Compare https://arxiv.org/abs/2401.12345 with math.GT/0309136v1 and 1203.4567; it costs $1203.4568.",
    )

    assert await files(here, session_id) == [
        "docs/1203.4567v1.pdf",
        "docs/2401.12345v2.pdf",
        METADATA,
        "docs/math_0309136v1.pdf",
    ]
    assert result["summary"] == "The text names 3 arXiv papers: 3 downloaded."
    assert result["arxiv_ids"] == ["2401.12345", "math/0309136v1", "1203.4567"]
    assert result["urls_found"] == ["https://arxiv.org/abs/2401.12345"]
    assert result["downloaded_files"] == [
        "docs/2401.12345v2.pdf",
        "docs/math_0309136v1.pdf",
        "docs/1203.4567v1.pdf",
    ]
    counts = ("attempted", "successful", "failed", "skipped")
    assert [result[f"downloads_{name}"] for name in counts] == [3, 3, 0, 0]
    assert result["output_directory"] == "docs"
    known = (await read_json(here, session_id, METADATA))["papers"]
    assert [(paper["id"], paper["title"], paper["authors"]) for paper in known] == [
        ("2401.12345v2", "On walls", ["Ada Wall", "Ben Stone"]),
        ("math/0309136v1", "On doors", ["Cleo Frame"]),
        ("1203.4567v1", "On windows", ["Ada Wall", "Ben Stone"]),
    ]
    assert {len(paper["sha256"]) for paper in known} == {64}
    events = await here.app.history.events(LOCAL_ACTOR, session_id, limit=1000, types=["phase_change"])
    assert [event.payload["phase"] for event in events] == ["parse", "filter", "download"]
    assert "approval_request" not in await here.types(session_id)
    assert here.provider.calls == []


async def test_the_files_are_the_papers(arxiv: ArxivServer, here: House) -> None:
    arxiv.add("2401.12345")
    session_id, _ = await finished(here, "arXiv:2401.12345")
    info, file = await here.app.files.open(LOCAL_ACTOR, session_id, "docs/2401.12345v1.pdf")
    with file:
        assert file.read() == arxiv.pdf("2401.12345")
    assert info.media_type == "application/pdf"


async def test_nothing_named_is_said_plainly(arxiv: ArxivServer, here: House) -> None:
    session_id, result = await finished(here, "Nothing here but a price of 1234.5678.")
    assert result["summary"] == "The text names no arXiv paper, so nothing was downloaded."
    assert result["downloads_attempted"] == 0
    assert await files(here, session_id) == []
    assert arxiv.paths("api") == arxiv.paths("pdf") == []


async def test_a_bare_number_is_taken_only_if_arxiv_has_it(arxiv: ArxivServer, here: House) -> None:
    session_id, result = await finished(here, "The mean was 1203.4567 that day.")
    assert result["unconfirmed"] == ["1203.4567"]
    assert result["summary"] == "The text names 1 arXiv paper: 1 not confirmed by arXiv."
    assert await files(here, session_id) == []

    arxiv.add("1203.4567")
    _, result = await finished(here, "The mean was 1203.4567 that day.", include_bare=False)
    assert result["left_out"] == ["1203.4567"]
    assert result["downloads_attempted"] == 0


async def test_a_paper_that_fails_fails_alone(arxiv: ArxivServer, here: House) -> None:
    arxiv.add("2401.00001")
    arxiv.add("2401.00002", withdrawn=True)
    session_id, result = await finished(here, "arXiv:2401.00001, arXiv:2401.00002, arXiv:2401.00003")

    assert result["downloaded_files"] == ["docs/2401.00001v1.pdf"]
    assert result["failed_downloads"] == [
        {"id": "2401.00003", "error": "arXiv has no paper 2401.00003"},
        {"id": "2401.00002v1", "error": "arXiv has no PDF of it (HTTP 404)"},
    ]
    assert result["downloads_failed"] == 2
    assert (await read_json(here, session_id, METADATA))["failed"] == result["failed_downloads"]


async def test_told_to_wait_and_cut_off_it_goes_on(arxiv: ArxivServer, here: House) -> None:
    arxiv.add("2401.12345", pdf=make_pdf("A large paper", padding=200_000))
    arxiv.fail("api", 429, retry_after="0")
    arxiv.fail("pdf", 429, retry_after="0")
    arxiv.cut_at(150_000)

    session_id, result = await finished(here, "arXiv:2401.12345")

    assert result["downloads_successful"] == 1
    (paper,) = (await read_json(here, session_id, METADATA))["papers"]
    assert paper["sha256"] == hashlib.sha256(arxiv.pdf("2401.12345")).hexdigest()
    assert len(arxiv.paths("api")) == 2
    assert [request.headers.get("range") for request in arxiv.requests("pdf")] == [
        None,
        None,
        "bytes=150000-",
    ]


async def test_out_of_reach_the_run_fails_and_goes_on_later(arxiv: ArxivServer, here: House) -> None:
    arxiv.add("2401.12345")
    arxiv.set(down=True)
    session, run = await here.submit("arxiv", "arXiv:2401.12345 and arXiv:2401.12346")
    failed = await here.run(run.id, "completed", "failed")
    assert failed.status == "failed"
    assert "arXiv cannot be reached: there is no connection to it" in str(failed.error)

    arxiv.set(down=False)
    await here.app.runs.retry(LOCAL_ACTOR, run.id)
    done = await here.run(run.id, "completed")
    assert done.result is not None
    assert done.result["downloaded_files"] == ["docs/2401.12345v1.pdf"]
    assert (await here.steps(session.id, "step_started")).count("parse") == 1


async def test_a_run_whose_downloads_all_fail_fails(arxiv: ArxivServer, here: House) -> None:
    arxiv.add("2401.12345")
    arxiv.answer_html("pdf")
    _, run = await here.submit("arxiv", "arXiv:2401.12345")
    failed = await here.run(run.id, "completed", "failed")
    assert failed.status == "failed"
    assert "No paper could be downloaded. arXiv sent text/html instead of a PDF" in str(failed.error)


async def test_a_second_run_keeps_what_is_there(arxiv: ArxivServer, here: House) -> None:
    arxiv.add("2401.00001")
    arxiv.add("2401.00002")
    session_id, _ = await finished(here, "arXiv:2401.00001")

    _, result = await finished(here, "arXiv:2401.00001 arXiv:2401.00002", session_id=session_id)

    assert result["summary"] == "The text names 2 arXiv papers: 1 downloaded, 1 there already."
    assert arxiv.paths("pdf") == ["/pdf/2401.00001v1", "/pdf/2401.00002v1"]
    known = (await read_json(here, session_id, METADATA))["papers"]
    assert [paper["id"] for paper in known] == ["2401.00001v1", "2401.00002v1"]


async def test_a_restart_fetches_nothing_twice(arxiv: ArxivServer, here: House) -> None:
    names = [f"2401.0000{number}" for number in range(1, 5)]
    for name in names:
        arxiv.add(name)
    arxiv.hold("/pdf/2401.00003")
    session, run = await here.submit("arxiv", " ".join(f"arXiv:{name}" for name in names))
    await here.until(lambda: len(arxiv.paths("pdf")) == 4 and arxiv.answered("pdf") == 3)
    await here.app.stop()
    arxiv.release()
    await here.start()

    done = await here.run(run.id, "completed", "failed")

    assert done.result is not None
    assert done.result["downloads_successful"] + done.result["downloads_skipped"] == 4
    counts = [arxiv.paths("pdf").count(f"/pdf/{name}v1") for name in names]
    assert counts == [1, 1, 2, 1]
    assert len(arxiv.paths("api")) == 1
    assert len(await files(here, session.id)) == 5


async def test_denied_the_network_it_asks_nobody(arxiv: ArxivServer, here: House) -> None:
    _, run = await here.submit("arxiv", "arXiv:2401.12345", tool_permissions={"network": "deny"})
    failed = await here.run(run.id, "completed", "failed")
    assert failed.status == "failed"
    assert "network is denied" in str(failed.error)
    assert arxiv.paths("api") == []


async def test_an_empty_text_is_refused(here: House) -> None:
    with pytest.raises(InvalidInput):
        await here.submit("arxiv", "   ")
