"""Metadata comes through the real client library from a loopback arXiv with real faults."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from perdure.agents.papers.catalogue import Paper
from perdure.agents.papers.identifiers import ArxivId
from perdure.agents.papers.library import PaperLibrary, PapersNotInstalled
from perdure.agents.papers.pace import Pace, retry_after_s
from perdure.agents.papers.site import ArxivUnreachable, PaperNotFound, PaperRefused, Site
from perdure.errors import InvalidInput
from tests.fakes.arxiv_server import ArxivServer
from tests.unit.agents.papers.conftest import Sleeper

NEW = ArxivId("2401.12345")
OLD = ArxivId("math/0309136")


async def test_says_what_arxiv_says(arxiv: ArxivServer, library: PaperLibrary) -> None:
    arxiv.add("2401.12345", title="On  <walls> &\n doors", abstract="We look\nat walls.", versions=3)

    paper = (await library.papers([NEW]))[NEW]

    assert paper == Paper(
        id=ArxivId("2401.12345", 3),
        title="On <walls> & doors",
        authors=["Ada Wall", "Ben Stone"],
        abstract="We look at walls.",
        published="2024-01-23T18:59:59+00:00",
        updated="2024-02-03T10:00:00+00:00",
        categories=["cs.CL", "cs.AI"],
        pdf_url=f"{arxiv.base}/pdf/2401.12345v3",
        doi=None,
        journal=None,
        comment="12 pages, 3 figures",
    )
    (request,) = arxiv.requests("api")
    assert request.headers["user-agent"].startswith("perdure/")
    assert "mailto:ops@example.org" in request.headers["user-agent"]


async def test_each_paper_has_its_own_answer(arxiv: ArxivServer, library: PaperLibrary) -> None:
    arxiv.add("2401.12345", versions=2)
    arxiv.add("math/0309136")
    second, ninth, nobody = ArxivId("2401.12345", 2), ArxivId("2401.12345", 9), ArxivId("2401.00001")

    answers = await library.papers([NEW, second, ninth, nobody, OLD, NEW])

    assert list(answers) == [NEW, second, ninth, nobody, OLD]
    found = {str(each): str(p.id) for each, p in answers.items() if isinstance(p, Paper)}
    assert found == {
        "2401.12345": "2401.12345v2",
        "2401.12345v2": "2401.12345v2",
        "math/0309136": "math/0309136v1",
    }
    assert str(answers[nobody]) == "arXiv has no paper 2401.00001"
    assert str(answers[ninth]) == "arXiv has 2401.12345v2, but no version 9 of it"
    assert len(arxiv.paths("api")) == 1


async def test_a_link_to_another_site_is_not_passed_on(arxiv: ArxivServer, library: PaperLibrary) -> None:
    arxiv.add("2401.12345", pdf_link="https://evil.example.org/2401.12345v1.pdf")
    arxiv.add("2401.12346", pdf_link="https://arxiv.org/pdf/2401.12346v1")
    other = ArxivId("2401.12346")

    answers = await library.papers([NEW, other])

    urls = [paper.pdf_url for paper in answers.values() if isinstance(paper, Paper)]
    assert urls == [f"{arxiv.base}/pdf/2401.12345v1", "https://arxiv.org/pdf/2401.12346v1"]


async def test_many_papers_are_asked_for_fifty_at_a_time_at_the_pace(
    arxiv: ArxivServer, library: PaperLibrary, sleeper: Sleeper
) -> None:
    wanted = [ArxivId(f"2401.{number:05}") for number in range(1, 121)]
    for each in wanted:
        arxiv.add(each.base)

    answers = await library.papers(wanted)

    assert all(isinstance(answers[each], Paper) for each in wanted)
    assert len(arxiv.paths("api")) == 3
    assert sleeper.waits == [3, 3]


async def test_sessions_share_one_pace(arxiv: ArxivServer, library: PaperLibrary, sleeper: Sleeper) -> None:
    arxiv.add("2401.12345", title="walls")

    await asyncio.gather(library.papers([NEW]), library.search("walls", 3), library.papers([NEW]))

    assert sleeper.waits == [3, 3]


async def test_waits_as_long_as_it_is_told(
    arxiv: ArxivServer, library: PaperLibrary, sleeper: Sleeper
) -> None:
    arxiv.add("2401.12345")
    arxiv.fail("api", 429, retry_after="17")

    answers = await library.papers([NEW])

    assert isinstance(answers[NEW], Paper)
    assert sleeper.waits == [17]


async def test_tries_again_more_slowly_each_time(
    arxiv: ArxivServer, library: PaperLibrary, sleeper: Sleeper
) -> None:
    arxiv.add("2401.12345")
    arxiv.fail("api", 503)
    arxiv.drop("api")
    arxiv.answer_html("api")

    assert isinstance((await library.papers([NEW]))[NEW], Paper)
    assert sleeper.waits == [3, 6, 12]


async def test_gives_up_in_the_end_and_says_why(arxiv: ArxivServer, library: PaperLibrary) -> None:
    arxiv.fail("api", 503, times=99)

    answers = await library.papers([NEW, OLD])

    assert {str(error) for error in answers.values()} == {"arXiv cannot be reached: it answers HTTP 503"}
    assert all(isinstance(error, ArxivUnreachable) for error in answers.values())
    assert len(arxiv.paths("api")) == 4


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("down", "there is no connection to it"),
        ("html", "it answered with text/html; charset=utf-8 instead of a feed"),
        ("later", "arXiv asks to wait 3600 seconds"),
    ],
)
async def test_says_why_it_cannot_be_reached(
    arxiv: ArxivServer, library: PaperLibrary, fault: str, reason: str
) -> None:
    if fault == "down":
        arxiv.set(down=True)
    elif fault == "html":
        arxiv.answer_html("api", times=9)
    else:
        arxiv.fail("api", 429, retry_after="3600")

    error = (await library.papers([NEW]))[NEW]

    assert isinstance(error, ArxivUnreachable)
    assert reason in str(error)


async def test_a_refusal_is_not_asked_twice(arxiv: ArxivServer, library: PaperLibrary) -> None:
    arxiv.fail("api", 403)
    error = (await library.papers([NEW]))[NEW]
    assert isinstance(error, PaperRefused)
    assert "HTTP 403" in str(error)
    assert len(arxiv.paths("api")) == 1


async def test_does_not_follow_to_another_site(arxiv: ArxivServer, library: PaperLibrary) -> None:
    with ArxivServer() as other:
        other.add("2401.12345")
        arxiv.redirect("api", f"{other.base}/api/query")

        error = (await library.papers([NEW]))[NEW]

        assert isinstance(error, PaperRefused)
        assert "sends us to another site" in str(error)
        assert other.paths("api") == []


async def test_one_rejected_identifier_spoils_no_other(arxiv: ArxivServer, library: PaperLibrary) -> None:
    arxiv.add("2401.12345")
    bad = ArxivId("not an id")

    answers = await library.papers([NEW, bad])

    assert isinstance(answers[NEW], Paper)
    assert isinstance(answers[bad], PaperNotFound)


async def test_an_empty_answer_is_believed_the_second_time(arxiv: ArxivServer, library: PaperLibrary) -> None:
    arxiv.add("2401.12345")
    arxiv.answer_nothing()
    assert isinstance((await library.papers([NEW]))[NEW], Paper)

    arxiv.answer_nothing(times=2)
    assert isinstance((await library.papers([NEW]))[NEW], PaperNotFound)


async def test_searches(arxiv: ArxivServer, library: PaperLibrary) -> None:
    for number in range(1, 6):
        arxiv.add(f"2401.0000{number}", title=f"Walls {number}")
    arxiv.add("2401.00009", title="Doors")

    found = await library.search("walls", 3)

    assert [paper.title for paper in found] == ["Walls 1", "Walls 2", "Walls 3"]
    assert [path.rpartition("&")[2] for path in arxiv.paths("api")] == ["max_results=3"]
    assert await library.search("windows", 3) == []
    with pytest.raises(InvalidInput, match="does not understand the query"):
        await library.search(":::", 3)


async def test_a_hold_reaches_those_who_wait_already() -> None:
    sleeper = Sleeper()
    pace = Pace(3, sleep=sleeper.sleep, clock=sleeper.clock)
    await pace.turn()
    pace.hold(10)
    pace.hold(1)
    await pace.turn()
    assert sleeper.waits == [10]


def test_reads_retry_after() -> None:
    assert retry_after_s(None) is None
    assert retry_after_s("7") == 7
    assert retry_after_s("soon") is None
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    ahead = retry_after_s(format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True))
    assert ahead is not None
    assert 500 < ahead <= 600


@pytest.mark.parametrize(
    "base",
    ["", "arxiv.org", "ftp://arxiv.org", "https://", "https://a.org/?x=1", "https://a{}.org", "http://a:x"],
)
def test_refuses_a_base_that_is_none(base: str) -> None:
    with pytest.raises(InvalidInput):
        Site(api_base=base)


def test_allows_arxiv_and_its_bases_only() -> None:
    site = Site(pdf_base="http://mirror.example.org:8081/arxiv/")
    assert site.allows("https://arxiv.org/pdf/1")
    assert site.allows("https://export.arxiv.org:443/api")
    assert site.allows("http://mirror.example.org:8081/x")
    refused = (
        "http://arxiv.org/pdf/1", "https://arxiv.org.example.org/", "https://x.arxiv.org/", "https://arxiv.org:8443/",
        "https://mirror.example.org:8081/x", "http://mirror.example.org/x", "file:///etc/passwd", "https://[::1",
    )  # fmt: skip
    assert [url for url in refused if site.allows(url)] == []
    assert site.pdf_url(OLD) == "http://mirror.example.org:8081/arxiv/pdf/math/0309136"
    assert site.own_hosts == ["export.arxiv.org:443", "mirror.example.org:8081"]


async def test_says_what_to_install(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "perdure.agents.papers.catalogue", None)
    with pytest.raises(PapersNotInstalled, match=r"pip install 'perdure\[papers\]'"):
        await PaperLibrary(site).papers([NEW])
