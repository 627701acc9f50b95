"""What people write into missions, checked: words, hops, and the assets a mission declares."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

from perdure.core.assets import Asset, AssetRole, AssetStatus
from perdure.core.hops import Hop
from perdure.core.missions import Mission
from perdure.core.plan_check import (
    MAX_NAME,
    MAX_POINTS,
    MAX_TEXT,
    Flow,
    check_steps,
    find_flow_faults,
    is_text,
)
from perdure.errors import InvalidInput
from perdure.ids import new_id
from perdure.store import assets
from perdure.store.transaction import Tx

MAX_HOPS = 50
MAX_ASSETS = 200
_LONGEST = {"name": MAX_NAME, "kind": 60}
_REQUIRED = frozenset({"name", "goal", "feedback", "reason", "tool"})
_WORDS = frozenset(
    {"name", "goal", "scope", "feedback", "reason", "tool", "kind", "description", "rationale"}
)


def check_word(field: str, value: Any) -> Any:
    """Return one field of a mission, hop or asset, checked and trimmed.

    Raises:
        InvalidInput: naming the field.
    """
    if field == "success_criteria":
        if not isinstance(value, list | tuple):
            raise bad_word(field, "This is a list of texts.")
        items = cast("Sequence[Any]", value)
        if len(items) > MAX_POINTS:
            raise bad_word(field, f"At most {MAX_POINTS} are allowed.")
        return [_text(f"{field}.{at}", item, MAX_TEXT) for at, item in enumerate(items)]
    if field not in _WORDS:
        raise bad_word(field, "This cannot be changed.")
    if value is None and field not in _REQUIRED:
        return ""
    return _text(field, value, _LONGEST.get(field, MAX_TEXT), empty=field not in _REQUIRED)


def check_words(*, goal: Any, name: Any, success_criteria: Any, scope: Any) -> dict[str, Any]:
    """Return the words of a new mission; a missing name is made from the goal.

    Raises:
        InvalidInput: naming the field.
    """
    told = check_word("goal", goal)
    return {
        "goal": told,
        "name": check_word("name", name) if name is not None else _name_of(told),
        "success_criteria": check_word("success_criteria", success_criteria),
        "scope": check_word("scope", scope),
    }


def check_hops(
    hops: Sequence[dict[str, Any]], agents: Collection[str] | None, given: Collection[str]
) -> list[dict[str, Any]]:
    """Return hops that are checked as steps of a plan, with their description and rationale.

    Raises:
        InvalidInput: naming each field (`hops.2.inputs`).
    """
    cleaned = check_steps(list(hops), agents=agents, most=MAX_HOPS, given=given, field="hops")
    for number, (hop, step) in enumerate(zip(hops, cleaned, strict=True)):
        for field in ("description", "rationale"):
            asked = hop.get(field)
            if asked:
                step[field] = _text(f"hops.{number}.{field}", asked, MAX_TEXT, empty=True)
    return cleaned


def check_hop_among(
    others: Sequence[Hop],
    at: int,
    hop: dict[str, Any],
    agents: Collection[str] | None,
    given: Collection[str],
) -> dict[str, Any]:
    """Return one hop checked as if it stood at position `at` (from 0) among the others.

    Raises:
        InvalidInput: naming its fields (`inputs`), or those of a later hop that this one leaves without input.
    """
    try:
        (step,) = check_hops([hop], agents, _names_in(hop.get("inputs")))
    except InvalidInput as error:
        errors = [{**e, "field": e["field"].removeprefix("hops.0.")} for e in error.fields["errors"]]
        raise refusal(errors) from None
    if any(other.name.casefold() == step["name"].casefold() for other in others):
        raise bad_word("name", f"Another hop is named {step['name']!r} already.")
    flows = [Flow(other.inputs, other.outputs) for other in others]
    flows.insert(at, Flow(step.get("inputs", ()), step.get("outputs", ())))
    faults = find_flow_faults(flows, given=given, field="hops")
    if faults:
        raise refusal([{**e, "field": e["field"].removeprefix(f"hops.{at}.")} for e in faults])
    return step


def given_names(tx: Tx, mission: Mission) -> set[str]:
    """Return the names of what is there from the start: the mission's inputs, and what is ready already."""
    known = assets.list_of_mission(tx, mission.id)
    return {a.name for a in known if a.role is AssetRole.INPUT or (a.hop_id is None and a.is_there)}


def new_assets(
    mission: Mission, inputs: Sequence[dict[str, Any]], outputs: Sequence[dict[str, Any]]
) -> list[Asset]:
    """Return the assets that a new mission declares.

    Raises:
        InvalidInput: naming the field, when a name is missing or stands there twice.
    """
    if len(inputs) + len(outputs) > MAX_ASSETS:
        raise bad_word("inputs", f"A mission declares at most {MAX_ASSETS} inputs and outputs.")
    made: list[Asset] = []
    for field, role, declared in (
        ("inputs", AssetRole.INPUT, inputs),
        ("outputs", AssetRole.OUTPUT, outputs),
    ):
        for number, words in enumerate(declared):
            where = f"{field}.{number}"
            name = _text(f"{where}.name", words.get("name"), MAX_NAME)
            if any(asset.name == name for asset in made):
                raise bad_word(f"{where}.name", f"There is an asset {name!r} already.")
            made.append(_asset(mission, role, name, words, where))
    return made


def check_asset_words(**words: Any) -> dict[str, Any]:
    """Return name, role, description and kind of an asset, checked; what is None is left out.

    Raises:
        InvalidInput: naming the field.
    """
    checked: dict[str, Any] = {}
    for field, word in words.items():
        if word is None:
            continue
        if field != "role":
            checked[field] = check_word(field, word)
        elif word in set(AssetRole):
            checked[field] = AssetRole(word)
        else:
            raise bad_word(field, f"{word!r} is not a role; use {', '.join(AssetRole)}.")
    return checked


def _asset(mission: Mission, role: AssetRole, name: str, words: dict[str, Any], where: str) -> Asset:
    value = words.get("value")
    return Asset(
        id=new_id(),
        session_id=mission.session_id,
        mission_id=mission.id,
        name=name,
        description=_text(f"{where}.description", words.get("description") or "", MAX_TEXT, empty=True),
        kind=_text(f"{where}.kind", words.get("kind") or "value", _LONGEST["kind"]),
        role=role,
        status=AssetStatus.PROPOSED if value is None else AssetStatus.READY,
        value=value,
        created_at=mission.created_at,
        updated_at=mission.created_at,
    )


def _name_of(goal: str) -> str:
    words = " ".join(goal.split())
    return words if len(words) <= 60 else words[:57].rsplit(" ", 1)[0] + "…"


def _text(field: str, value: Any, most: int, *, empty: bool = False) -> str:
    if not isinstance(value, str):
        raise bad_word(field, "This is a text.")
    text = value.strip()
    if not text and not empty:
        raise bad_word(field, "This may not be empty.")
    if not is_text(text):
        raise bad_word(field, "This holds characters that are not text.")
    if len(text) > most:
        raise bad_word(field, f"This has {len(text)} characters; at most {most} are allowed.")
    return text


def _names_in(names: Any) -> list[str]:
    items = cast("list[Any]", names) if isinstance(names, list | tuple) else []
    return [name.strip() for name in items if isinstance(name, str)]


def bad_word(field: str, message: str) -> InvalidInput:
    """Return the refusal of one field."""
    return refusal([{"field": field, "message": message, "type": "mission"}])


def refusal(errors: list[dict[str, str]]) -> InvalidInput:
    """Return the refusal of several fields, each as `{field, message, type}`."""
    sentence = "; ".join(f"{e['field']}: {e['message']}" for e in errors[:5])
    return InvalidInput(f"The request cannot be accepted: {sentence}", errors=errors)
