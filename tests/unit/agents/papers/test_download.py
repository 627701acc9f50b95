"""Downloads arrive whole or not at all, go on where they were cut, and come from arXiv only."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from perdure.agents.papers.download import Downloaded
from perdure.agents.papers.identifiers import ArxivId
from perdure.agents.papers.library import PaperLibrary
from perdure.agents.papers.site import ArxivUnreachable, PaperNotFound, PaperRefused, Site
from perdure.store.workspace import PathOutsideWorkspace, Workspace
from tests.fakes.arxiv_server import ArxivServer, make_pdf
from tests.unit.agents.papers.conftest import Sleeper

PAPER = ArxivId("2401.12345", 1)
PATH = "docs/2401.12345v1.pdf"
BIG = make_pdf("A large paper", padding=3_000_000)


async def quiet(done: int, total: int | None) -> None:
    """Tell nobody."""


async def fetch(library: PaperLibrary, workspace: Workspace, paper: ArxivId = PAPER) -> Downloaded:
    return await library.fetch(paper, workspace, f"docs/{paper.file_stem}.pdf", quiet)


def parts(workspace: Workspace) -> list[Path]:
    return [*workspace.root.rglob("*.part"), *workspace.root.rglob("*.source")]


async def test_a_paper_arrives_whole(arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace) -> None:
    arxiv.add("2401.12345", pdf=BIG)
    seen: list[tuple[int, int | None]] = []

    async def progress(done: int, total: int | None) -> None:
        seen.append((done, total))

    got = await library.fetch(PAPER, workspace, PATH, progress)

    assert workspace.read_bytes(PATH) == BIG
    assert (got.info.sha256, got.info.size_bytes) == (hashlib.sha256(BIG).hexdigest(), len(BIG))
    assert (got.info.created, got.skipped, got.resumed) == (True, False, False)
    assert workspace.list() == [PATH]
    assert parts(workspace) == []
    assert [total for _, total in seen] == [len(BIG)] * len(seen)
    assert len(seen) >= 2
    (request,) = arxiv.requests("pdf")
    assert request.target == "/pdf/2401.12345v1"
    assert "mailto:ops@example.org" in request.headers["user-agent"]


async def test_an_old_identifier_has_its_slash_in_the_address_only(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    arxiv.add("math/0309136")
    await fetch(library, workspace, ArxivId("math/0309136", 1))
    assert arxiv.paths("pdf") == ["/pdf/math/0309136v1"]
    assert workspace.list() == ["docs/math_0309136v1.pdf"]


async def test_what_is_there_is_not_fetched_again(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace, site: Site
) -> None:
    arxiv.add("2401.12345", versions=2)
    await fetch(library, workspace)

    again = await fetch(PaperLibrary(site, interval_s=0), workspace)

    assert again.skipped
    assert again.info.sha256 == hashlib.sha256(arxiv.pdf("2401.12345")).hexdigest()
    assert len(arxiv.paths("pdf")) == 1


@pytest.mark.parametrize("change", ["edited", "removed", "other paper"])
async def test_what_is_not_the_same_is_fetched_again(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace, change: str
) -> None:
    arxiv.add("2401.12345", versions=2)
    await fetch(library, workspace)
    paper = PAPER
    if change == "edited":
        workspace.write(PATH, b"%PDF- not what it was")
    elif change == "removed":
        (workspace.root / PATH).unlink()
    else:
        paper = ArxivId("2401.12345", 2)

    got = await library.fetch(paper, workspace, PATH, quiet)

    assert not got.skipped
    assert workspace.read_bytes(PATH) == arxiv.pdf("2401.12345", paper.version or 0)


@pytest.mark.parametrize("size", [0, 1, 500, 1_500_000, len(BIG) - 1])
async def test_a_cut_download_goes_on_where_it_was_cut(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace, size: int
) -> None:
    arxiv.add("2401.12345", pdf=BIG)
    arxiv.cut_at(size)

    got = await fetch(library, workspace)

    assert workspace.read_bytes(PATH) == BIG
    assert got.resumed is (size > 0)
    first, second = arxiv.requests("pdf")
    assert "range" not in first.headers
    assert second.headers.get("range") == (f"bytes={size}-" if size else None)
    assert ("if-range" in second.headers) is (size > 0)


async def test_a_part_outlives_the_server(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace, site: Site
) -> None:
    arxiv.add("2401.12345", pdf=BIG)
    arxiv.cut_at(2_000_000)
    arxiv.fail("pdf", 503, times=4)
    with pytest.raises(ArxivUnreachable, match="it answers HTTP 503"):
        await fetch(library, workspace)
    assert workspace.list() == []
    assert len(parts(workspace)) == 2

    got = await fetch(PaperLibrary(site, interval_s=0), workspace)

    assert got.resumed
    assert workspace.read_bytes(PATH) == BIG
    assert arxiv.requests("pdf")[-1].headers["range"] == "bytes=2000000-"
    assert parts(workspace) == []


async def test_a_cancelled_download_keeps_what_came(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    arxiv.add("2401.12345", pdf=BIG)
    began = asyncio.Event()

    async def hang(done: int, total: int | None) -> None:
        began.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(library.fetch(PAPER, workspace, PATH, hang))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    got = await fetch(library, workspace)

    assert got.resumed
    assert workspace.read_bytes(PATH) == BIG


async def test_a_complete_part_needs_no_request(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    arxiv.add("2401.12345", pdf=BIG)
    arxiv.cut_at(len(BIG) - 1)
    arxiv.fail("pdf", 503, times=4)
    with pytest.raises(ArxivUnreachable):
        await fetch(library, workspace)
    (part,) = workspace.root.rglob("*.part")
    part.write_bytes(BIG)

    assert (await fetch(library, workspace)).resumed
    assert workspace.read_bytes(PATH) == BIG
    assert len(arxiv.paths("pdf")) == 5


async def test_without_ranges_it_starts_again(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    arxiv.add("2401.12345", pdf=BIG)
    arxiv.set(ranges=False)
    arxiv.cut_at(2_000_000)

    got = await fetch(library, workspace)

    assert not got.resumed
    assert workspace.read_bytes(PATH) == BIG


async def test_without_marks_it_starts_again(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    arxiv.add("2401.12345", pdf=BIG)
    arxiv.set(marks=False)
    arxiv.cut_at(2_000_000)

    assert not (await fetch(library, workspace)).resumed
    assert workspace.read_bytes(PATH) == BIG
    assert "range" not in arxiv.requests("pdf")[1].headers


@pytest.mark.parametrize("conditions", [True, False])
async def test_a_file_that_changed_meanwhile_is_not_mixed(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace, conditions: bool
) -> None:
    arxiv.set(conditions=conditions)  # without them it sends the rest of the other file, under its tag
    arxiv.add("2401.12345", pdf=BIG)
    arxiv.cut_at(2_000_000)
    arxiv.fail("pdf", 503, times=4)
    with pytest.raises(ArxivUnreachable):
        await fetch(library, workspace)
    changed = BIG[:1_000_000] + b"another text" + BIG[1_000_012:]
    assert changed != BIG
    arxiv.replace_pdf("2401.12345", changed)

    got = await fetch(library, workspace)

    assert not got.resumed
    assert workspace.read_bytes(PATH) == changed


async def test_a_wrong_offset_is_noticed(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    arxiv.add("2401.12345", pdf=BIG)
    arxiv.set(wrong_ranges=True)
    arxiv.cut_at(2_000_000)

    assert not (await fetch(library, workspace)).resumed
    assert workspace.read_bytes(PATH) == BIG
    assert len(arxiv.paths("pdf")) == 3


async def test_a_cut_without_a_stated_length_is_noticed(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    arxiv.add("2401.12345", pdf=BIG)
    arxiv.set(lengths=False)
    arxiv.cut_at(2_000_000)

    await fetch(library, workspace)

    assert workspace.read_bytes(PATH) == BIG


async def test_always_cut_at_once_it_gives_up(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    arxiv.add("2401.12345")
    arxiv.cut_at(0, times=99)
    with pytest.raises(ArxivUnreachable, match="the connection broke off"):
        await fetch(library, workspace)
    assert len(arxiv.paths("pdf")) == 5


async def test_waits_as_long_as_it_is_told(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace, sleeper: Sleeper
) -> None:
    arxiv.add("2401.12345")
    arxiv.fail("pdf", 429, retry_after="21")
    await fetch(library, workspace)
    assert sleeper.waits == [21]

    arxiv.fail("pdf", 429, retry_after="86400")
    with pytest.raises(ArxivUnreachable, match="asks to wait 86400 seconds"):
        await fetch(library, workspace, ArxivId("2401.12345", 2))


async def test_downloads_side_by_side_keep_the_pace(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace, sleeper: Sleeper
) -> None:
    papers = [ArxivId(f"2401.0000{number}", 1) for number in range(1, 5)]
    for paper in papers:
        arxiv.add(paper.base)

    await asyncio.gather(*(fetch(library, workspace, paper) for paper in papers), library.papers(papers))

    assert sleeper.waits == [3, 3, 3, 3]
    assert len(workspace.list()) == 4


async def test_two_at_once_for_one_file_fetch_it_once(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    arxiv.add("2401.12345", pdf=BIG)
    both = await asyncio.gather(fetch(library, workspace), fetch(library, workspace))
    assert sorted(got.skipped for got in both) == [False, True]
    assert len(arxiv.paths("pdf")) == 1


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("html", PaperRefused, "sent text/html instead of a PDF"),
        ("short", PaperRefused, "sent application/pdf instead of a PDF"),
        ("withdrawn", PaperNotFound, "no PDF of it \\(HTTP 404\\)"),
        ("forbidden", PaperRefused, "HTTP 403"),
        ("large", PaperRefused, "the limit is 8,000,000"),
        ("endless", PaperRefused, "over the limit of 8,000,000 bytes"),
        ("down", ArxivUnreachable, "the connection broke off"),
    ],
)
async def test_what_is_not_the_paper_leaves_nothing(
    arxiv: ArxivServer,
    library: PaperLibrary,
    workspace: Workspace,
    fault: str,
    error: type[Exception],
    message: str,
) -> None:
    pdf = {"short": b"%PD", "large": b"%PDF-" * 2_000_000, "endless": b"%PDF-" * 2_000_000}.get(fault)
    arxiv.add("2401.12345", pdf=pdf, withdrawn=fault == "withdrawn")
    if fault == "html":
        arxiv.answer_html("pdf")
    elif fault == "forbidden":
        arxiv.fail("pdf", 403)
    arxiv.set(down=fault == "down", lengths=fault != "endless")

    with pytest.raises(error, match=message):
        await fetch(library, workspace)

    assert workspace.list() == []
    assert parts(workspace) == []
    assert len(arxiv.paths("pdf")) == (5 if fault == "down" else 1)


async def test_does_not_follow_to_another_site(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    with ArxivServer() as other:
        other.add("2401.12345")
        arxiv.redirect("pdf", f"{other.base}/pdf/2401.12345v1")
        with pytest.raises(PaperRefused, match="sends us to another site, 127"):
            await fetch(library, workspace)
        assert other.paths("pdf") == []


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/pdf/2401.12345v1",
        "http://[::1]/pdf/2401.12345v1",
        "http://export.arxiv.org.10.0.0.1.nip.invalid/2401.12345v1",
    ],
)
async def test_is_not_sent_to_a_private_address(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace, target: str
) -> None:
    arxiv.add("2401.12345")
    arxiv.redirect("pdf", target)
    with pytest.raises(PaperRefused, match="sends us to another site"):
        await fetch(library, workspace)
    assert workspace.list() == []
    assert parts(workspace) == []


async def test_follows_within_the_site(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace
) -> None:
    arxiv.add("2401.12345")
    arxiv.redirect("pdf", "/pdf/2401.12345v1")
    await fetch(library, workspace)
    assert workspace.list() == [PATH]


async def test_a_host_that_nobody_knows_is_said_to_be_out_of_reach(workspace: Workspace) -> None:
    site = Site(pdf_base="http://papers.invalid:8080")
    with pytest.raises(ArxivUnreachable, match="is not known"):
        await fetch(PaperLibrary(site, interval_s=0), workspace)


@pytest.mark.parametrize("path", ["../a.pdf", "/etc/a.pdf", "docs", ".perdure-x.pdf"])
async def test_stays_inside_the_workspace(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace, path: str
) -> None:
    arxiv.add("2401.12345")
    workspace.write("docs/a.md", "")
    with pytest.raises(PathOutsideWorkspace):
        await library.fetch(PAPER, workspace, path, quiet)
    assert arxiv.paths("pdf") == []


async def test_follows_no_link_that_was_put_in_its_way(
    arxiv: ArxivServer, library: PaperLibrary, workspace: Workspace, tmp_path: Path
) -> None:
    arxiv.add("2401.12345")
    outside = tmp_path / "outside"
    outside.mkdir()
    (workspace.root / ".perdure-papers").symlink_to(outside)
    with pytest.raises(PathOutsideWorkspace, match="is a link"):
        await fetch(library, workspace)
    assert list(outside.iterdir()) == []
