"""What whoever carries out a hop is told beside it."""

from __future__ import annotations

from typing import Any

from perdure.core.assets import Asset, AssetRole
from perdure.core.briefs import HopInput, brief_of
from perdure.core.missions import Hop, Mission, MissionOrigin
from tests.factories import START


def _asset(name: str, **values: Any) -> Asset:
    given = {"id": name, "mission_id": "m", "name": name, "role": AssetRole.INPUT}
    return Asset(**{**given, **values}, created_at=START, updated_at=START)


def _mission(hop: Hop, origin: MissionOrigin = MissionOrigin.PERSON) -> Mission:
    words: dict[str, Any] = {"goal": "Compare", "scope": "north", "success_criteria": ["one table"]}
    return Mission(
        id="m", owner_id="o", name="n", origin=origin, hops=[hop], created_at=START, updated_at=START, **words
    )


def _hop(**values: Any) -> Hop:
    return Hop(id="h", mission_id="m", position=1, name="read", **values)


def test_a_hop_is_given_what_it_names_and_what_is_its_own() -> None:
    hop = _hop(inputs=["prices", "later"], outputs=["table"], description="Read both.")
    assets = [
        _asset("prices", value=[1, 2], description="of May"),
        _asset("unnamed", value=3),
        _asset("notes", hop_id="h", path="notes.md"),
        _asset("table", role=AssetRole.OUTPUT),
    ]
    brief = brief_of(_mission(hop), hop, assets)
    assert brief.inputs == [
        HopInput(name="prices", value=[1, 2], description="of May"),
        HopInput(name="later"),
        HopInput(name="notes", path="notes.md"),
    ]
    assert (brief.outputs, brief.description) == (["table"], "Read both.")


def test_a_hop_that_names_no_inputs_is_given_all_of_the_mission() -> None:
    hop = _hop()
    assets = [_asset("b", value=2), _asset("a", value=1), _asset("other", hop_id="another")]
    assert [given.name for given in brief_of(_mission(hop), hop, assets).inputs] == ["a", "b"]


def test_only_the_words_of_people_are_told() -> None:
    hop = _hop()
    told = brief_of(_mission(hop), hop, [])
    assert (told.goal, told.scope, told.success_criteria) == ("Compare", "north", ["one table"])
    own = brief_of(_mission(hop, MissionOrigin.RUN), hop, [])
    assert (own.goal, own.scope, own.success_criteria) == ("", "", [])
