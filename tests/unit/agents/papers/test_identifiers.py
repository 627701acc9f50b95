"""Every form of an arXiv identifier is found, and numbers that only look like one are not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.agents.papers.identifiers import ArxivId, Certainty, find_identifiers, parse_identifier
from perdure.errors import InvalidInput

TODAY = date(2026, 11, 21)


def ids(text: str) -> list[str]:
    return [str(found.id) for found in find_identifiers(text, today=TODAY)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # addresses
        ("https://arxiv.org/abs/2401.12345", "2401.12345"),
        ("http://www.arxiv.org/abs/2401.12345v2", "2401.12345v2"),
        ("https://export.arxiv.org/pdf/2401.12345v12.pdf", "2401.12345v12"),
        ("arxiv.org/pdf/2401.12345.pdf", "2401.12345"),
        ("https://arxiv.org/html/2401.12345v1/x3.png", "2401.12345v1"),
        ("https://arxiv.org/src/2401.12345", "2401.12345"),
        ("https://arxiv.org/e-print/2401.12345v3", "2401.12345v3"),
        ("https://arxiv.org/format/hep-th/9901001", "hep-th/9901001"),
        ("https://arxiv.org/ps/math.GT/0309136v2", "math/0309136v2"),
        ("https://arxiv.org/abs/math.GT%2F0309136", "math/0309136"),
        ("https://arxiv.org/abs/2401.12345?context=cs.CL#S2", "2401.12345"),
        ("https://arxiv.org:443/abs/2401.12345.", "2401.12345"),
        ("https://browse.arxiv.org/pdf/2401.12345", "2401.12345"),
        ("https://arxiv.org/abs/arXiv:2401.12345", "2401.12345"),
        ("https://xxx.lanl.gov/abs/astro-ph/9506012", "astro-ph/9506012"),
        ("[paper](https://arxiv.org/abs/2401.12345)", "2401.12345"),
        ("<a href='https://ARXIV.org/ABS/2401.12345V2'>", "2401.12345v2"),
        ("https://ar5iv.labs.arxiv.org/html/2401.12345", "2401.12345"),
        ("https://ar5iv.org/abs/hep-ph/0205001", "hep-ph/0205001"),
        ("https://www.alphaxiv.org/overview/2401.12345v2", "2401.12345v2"),
        ("https://alphaxiv.org/abs/2401.12345", "2401.12345"),
        ("https://huggingface.co/papers/2401.12345", "2401.12345"),
        ("https://hf.co/papers/2401.12345", "2401.12345"),
        # DOIs
        ("https://doi.org/10.48550/arXiv.2401.12345", "2401.12345"),
        ("doi:10.48550/ARXIV.2401.12345v4", "2401.12345v4"),
        ("10.48550/arXiv.hep-th/9901001", "hep-th/9901001"),
        # the word arXiv
        ("arXiv:2401.12345v2 [cs.CL] 3 Jan 2024", "2401.12345v2"),
        ("arXiv: 2401.12345", "2401.12345"),
        ("arXiv preprint arXiv:0704.0001", "0704.0001"),
        ("arXiv e-print 1412.9999", "1412.9999"),
        ("(arXiv:cond-mat.str-el/0703001)", "cond-mat/0703001"),
        ("arXiv:\n2401.12345", "2401.12345"),
        ("论文arXiv:2401.12345提出", "2401.12345"),
        ("price list: $5, arXiv:1203.4567 USD", "1203.4567"),
        # bare
        ("2401.12345v1", "2401.12345v1"),
        ("see 2401.12345, please", "2401.12345"),
        ("(1501.00001)", "1501.00001"),
        ("2611.00001", "2611.00001"),
        ("0704.0001.", "0704.0001"),
        ("2401.12345.pdf", "2401.12345"),
        ("hep\u2011th/9901001", "hep-th/9901001"),
        ("physics.atom-ph/9609001v1", "physics/9609001v1"),
        ("acc-phys/9411001", "acc-phys/9411001"),
        ("math/0703999", "math/0703999"),
        ("q-alg/9107001", "q-alg/9107001"),
    ],
)
def test_finds(text: str, expected: str) -> None:
    assert ids(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "price 1234.5678",  # no month 34
        "$2401.12345",
        "€ 2401.12345",
        "USD 1203.4567",
        "1203.4567 EUR",
        "1203.4567%",
        "2401.1234",  # four digits ended with 2014
        "1412.12345",  # and five began with 2015
        "0703.0001",  # before the new form
        "2612.00001",  # a month that is to come
        "9901.12345",
        "2413.12345",
        "2400.12345",
        "2401.00000",
        "2401.123456",
        "12401.12345",
        "1.2401.12345",
        "2401.12345.6",
        "2401.12345e5",
        "-2401.12345",
        "a/2401.12345",
        "2401.12345-67",
        "2401.12345v0",
        "2401.12345v1234",
        "https://example.com/abs/2401.12345",
        "https://notarxiv.org/abs/2401.12345",
        "https://fake-arxiv.org/abs/2401.12345",
        "https://arxiv.org.example.com/abs/2401.12345",
        "https://arxiv.org/list/hep-th/2401",
        "https://arxiv.org/abs/2401.123456",
        "10.1000/2401.12345",
        "hep-th/0704001",  # after the old form
        "hep-th/9106001",  # and before it
        "hep-th/9913001",
        "hep-th/9901000",
        "hep-xx/9901001",
        "src/math/0309136",
        "math/03091367",
    ],
)
def test_does_not_find(text: str) -> None:
    assert ids(text) == []


def test_says_how_sure_it_is_in_order_of_mention() -> None:
    found = find_identifiers(
        "1203.4567, then math/0309136v2, then arXiv:2401.12345 and https://arxiv.org/abs/2401.00002v1",
        today=TODAY,
    )
    assert [(str(f.id), f.certainty, f.is_url) for f in found] == [
        ("1203.4567", Certainty.BARE, False),
        ("math/0309136v2", Certainty.VERSIONED, False),
        ("2401.12345", Certainty.EXPLICIT, False),
        ("2401.00002v1", Certainty.EXPLICIT, True),
    ]
    assert found[3].mention == "https://arxiv.org/abs/2401.00002v1"


def test_one_paper_is_named_once_and_by_the_version_the_text_gives() -> None:
    text = "2401.12345 (arXiv:2401.12345, https://arxiv.org/pdf/2401.12345v2), 2401.12345v3, math.GT/0309136"
    assert ids(text + " math/0309136") == ["2401.12345v2", "2401.12345v3", "math/0309136"]
    assert find_identifiers(text, today=TODAY)[0].certainty is Certainty.EXPLICIT


def test_no_identifier_is_later_than_its_month() -> None:
    assert [str(f.id) for f in find_identifiers("2401.12345", today=date(2024, 1, 1))] == ["2401.12345"]
    assert find_identifiers("2401.12345", today=date(2023, 12, 31)) == []
    assert find_identifiers("arXiv:9912.12345") == []


def test_a_long_text_takes_no_more_than_a_pass() -> None:
    text = "arxiv arxiv.org/abs/ 10.48550/ hep-th/99 2401.1 a-b.c.d. " * 20_000 + "arXiv:2401.12345"
    assert ids(text) == ["2401.12345"]


@pytest.mark.parametrize(
    "text", ["", "2401", "no paper", "2401.12345 2401.12346", "arXiv:2401.1 x", "../2401.12345"]
)
def test_refuses_what_is_no_single_identifier(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not an arXiv identifier"):
        parse_identifier(text, today=TODAY)


def test_reads_one_identifier() -> None:
    assert parse_identifier(" 2401.12345v2 ", today=TODAY) == ArxivId("2401.12345", 2)
    assert parse_identifier("https://arxiv.org/abs/math.GT/0309136", today=TODAY) == ArxivId("math/0309136")
    assert parse_identifier("math/0309136v2", today=TODAY).file_stem == "math_0309136v2"


BASES = st.one_of(
    st.builds(
        lambda y, m, n: f"{y:02}{m:02}.{n:05}", st.integers(15, 25), st.integers(1, 12), st.integers(1, 99999)
    ),
    st.builds(lambda m, n: f"09{m:02}.{n:04}", st.integers(1, 12), st.integers(1, 9999)),
    st.builds(
        lambda a, m, n: f"{a}/98{m:02}{n:03}",
        st.sampled_from(["hep-th", "math", "math-ph", "cs", "cond-mat"]),
        st.integers(1, 12),
        st.integers(1, 999),
    ),
)
PAPERS = st.builds(ArxivId, BASES, st.none() | st.integers(1, 999))
FORMS = st.sampled_from(
    ["arXiv:{}", "https://arxiv.org/abs/{}", "https://arxiv.org/pdf/{}.pdf", "10.48550/arXiv.{}"]
)
PROSE = st.text(st.characters(codec="utf-8", exclude_characters="0123456789vV./%"), max_size=30)


@given(st.lists(st.tuples(PAPERS, FORMS, PROSE), max_size=8, unique_by=lambda each: each[0].base))
def test_finds_whatever_is_written_into_prose(mentions: list[tuple[ArxivId, str, str]]) -> None:
    text = " ".join(f"{prose} {form.format(paper)} " for paper, form, prose in mentions)
    found = find_identifiers(text, today=TODAY)
    assert [f.id for f in found] == [paper for paper, _, _ in mentions]
    assert {f.certainty for f in found} <= {Certainty.EXPLICIT}


@given(st.text(alphabet="0123456789.v/-arxivhepthmath:$ org", max_size=60))
def test_whatever_it_finds_reads_back_the_same(text: str) -> None:
    for found in find_identifiers(text, today=TODAY):
        assert parse_identifier(str(found.id), today=TODAY) == found.id
        assert found.mention in text
