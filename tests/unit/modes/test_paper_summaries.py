"""What a small model says it copied is looked up in the text."""

from __future__ import annotations

import pytest

from perdure.modes.paper_summaries import as_written

TEXT = """Costs are dominated by drilling. Pumps and heat exchangers were bought; pumps ran dry.
Spectra were reduced with the package astropy and fitted with WallSim 2. We use the Brick
Survey and SDSS DR17; bricks were measured at three sites."""


@pytest.mark.parametrize(
    ("item", "written"),
    [
        ("brick survey", "Brick Survey"),
        ("SDSS DR17", "SDSS DR17"),
        ("wallsim 2", "WallSim 2"),
        ("astropy", "astropy"),
        ("Drilling", None),
        ("Heat exchangers", None),
        ("Pumps", None),
        ("three sites", None),
        ("InventedTool", None),
        ("Survey of Bricks", None),
        ("rick Surve", None),
    ],
)
def test_names_are_those_of_the_text(item: str, written: str | None) -> None:
    assert as_written(item, TEXT, is_name=True) == written


@pytest.mark.parametrize(("item", "written"), [("Three sites", "three sites"), ("four sites", None)])
def test_other_words_need_only_be_there(item: str, written: str | None) -> None:
    assert as_written(item, TEXT, is_name=False) == written
