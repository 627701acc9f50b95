"""The section that a text gets: the text first and unchanged, then what its papers say and what is missing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from perdure.modes.paper_context import HEADING, enhanced
from perdure.modes.paper_summaries import known_fields

PAPER: dict[str, Any] = {
    "id": "2401.12345v1",
    "file": "docs/2401.12345v1.pdf",
    "arxiv": True,
    "title": "On\n walls",
    "authors": ["A", "B", "C", "D", "E", "F"],
    "date": "2024-01-23",
    "abstract": "We look.\n\n## Not a heading",
    "key_findings": ["Walls stand.", " "],
    "software": ["WallSim", "numpy"],
    "data_sets": [],
    "chars_read": 5000,
    "whole_text": False,
}


def test_a_paper_in_full() -> None:
    assert enhanced("My idea.", [PAPER], ["2401.2v1 was not fetched: gone"], "") == (
        "My idea.\n\n## Context and references\n\n"
        "### [1] On walls\n\nA, B, C, D, E et al. · 2024-01-23\n\nWe look. ## Not a heading\n\n"
        "**Key findings**\n\n- Walls stand.\n\n**Software:** WallSim, numpy\n\n"
        "*Summarised from the first 5,000 characters.*\n\n"
        "### References\n\n1. A, B, C, D, E et al. On walls. 2024. https://arxiv.org/abs/2401.12345v1\n\n"
        "### Missing\n\n- 2401.2v1 was not fetched: gone\n"
    )


def test_a_paper_of_which_nothing_is_known() -> None:
    paper = {
        "id": "x",
        "file": "docs/x.pdf",
        "arxiv": False,
        "title": "x",
        "authors": [],
        "date": "",
        "abstract": "",
    }
    assert enhanced("T", [paper], [], "").endswith("### [1] x\n\n### References\n\n1. x. docs/x.pdf\n")


def test_no_paper() -> None:
    assert enhanced("T", [], [], "There was none.") == "T\n\n## Context and references\n\nThere was none.\n"


@given(st.text(), st.lists(st.text(), max_size=3))
def test_the_text_comes_first_and_unchanged(text: str, missing: list[str]) -> None:
    assert enhanced(text, [PAPER], missing, "").startswith(text + "\n\n" + HEADING)


def test_the_head_of_a_text_tells_title_and_abstract() -> None:
    paper = {"stem": "x", "metadata": None}
    text = "\n# **On walls**\n\nA. Wall\n\n**Abstract** — We look\nat walls.\n\n# 1 Introduction\nNo."
    assert known_fields(paper, text) == {"title": "On walls", "abstract": "We look at walls."}
    assert known_fields(paper, " \n") == {"title": "x", "abstract": ""}
    assert known_fields(paper) == {}
