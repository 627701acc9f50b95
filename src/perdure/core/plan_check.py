"""What a plan must hold to be carried out: the one check of steps, whoever wrote them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from perdure.errors import InvalidInput

MAX_NAME = 200
MAX_TEXT = 20_000
MAX_POINTS = 50
_NAME_OF_GOAL = 80


@dataclass(frozen=True, slots=True)
class Flow:
    """What a step takes and makes, by the names of assets."""

    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()


@dataclass(slots=True)
class _Notes:
    """The faults found so far; all are told at once."""

    field: str
    errors: list[dict[str, str]]

    def add(self, where: str, message: str) -> None:
        field = f"{self.field}.{where}" if where else self.field
        self.errors.append({"field": field, "message": message, "type": "plan"})


def check_steps(
    steps: Any,
    *,
    agents: Collection[str] | None,
    most: int,
    given: Collection[str] = (),
    field: str = "steps",
) -> list[dict[str, Any]]:
    """Return the steps as `{name, goal, agent, bullet_points, inputs?, outputs?}`, checked and trimmed.

    A step is an object or a text, its goal; of name and goal one may be left out, not empty. Unknown fields
    and blank entries of lists are dropped. `agents` are the roles there are (None: any), `given` the assets
    that are there from the start, `field` what the caller names the list. The agent stays None where a step
    names none.

    Raises:
        InvalidInput: with `errors`, each fault of every step as `{field, message, type}`; fields count from 0.
    """
    if not isinstance(steps, list | tuple):
        raise _refused([{"field": field, "message": "A plan is a list of steps.", "type": "plan"}])
    asked = cast("Sequence[Any]", steps)
    notes = _Notes(field, [])
    if not asked:
        notes.add("", "A plan has at least one step.")
    if len(asked) > most:
        notes.add("", f"The plan has {len(asked)} steps; at most {most} are allowed.")
        raise _refused(notes.errors)
    cleaned = [_step(step, number, agents, notes) for number, step in enumerate(asked)]
    _check_names([step["name"] for step in cleaned], notes)
    flows = [Flow(step.get("inputs", ()), step.get("outputs", ())) for step in cleaned]
    notes.errors += find_flow_faults(flows, given=given, field=field)
    if notes.errors:
        raise _refused(notes.errors)
    return cleaned


def check_flow(flows: Sequence[Flow], *, given: Collection[str], field: str = "steps") -> None:
    """Refuse an order of steps in which one uses what nothing before it gives.

    Raises:
        InvalidInput: with `errors`, each fault as `{field, message, type}`.
    """
    faults = find_flow_faults(flows, given=given, field=field)
    if faults:
        raise _refused(faults)


def find_flow_faults(
    flows: Sequence[Flow], *, given: Collection[str], field: str = "steps"
) -> list[dict[str, str]]:
    """Return what is wrong with the steps' inputs and outputs in this order; nothing when all fits.

    An asset has one step that makes it; a later one that also takes it as an input changes it.
    """
    notes = _Notes(field, [])
    makers: dict[str, list[int]] = {}
    for number, flow in enumerate(flows):
        for name in flow.outputs:
            makers.setdefault(name, []).append(number)
    for number, flow in enumerate(flows):
        for name in flow.inputs:
            if name in given or any(m < number for m in makers.get(name, ())):
                continue
            notes.add(f"{number}.inputs", _missing(name, number, makers.get(name, []), flows))
        for name in flow.outputs:
            first = makers[name][0]
            if first != number and name not in flow.inputs:
                notes.add(
                    f"{number}.outputs",
                    f"{name!r} is made by step {first + 1} already; "
                    "take it as an input to change it, or choose another name.",
                )
    return notes.errors


def is_text(text: str) -> bool:
    """Whether every character can be stored: no NUL, no half of a pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _missing(name: str, number: int, makers: list[int], flows: Sequence[Flow]) -> str:
    later = [m for m in makers if m > number]
    if not later:
        if number in makers:
            return f"{name!r} is an input of the step that makes it."
        return f"{name!r} is neither given nor made by an earlier step."
    around = next((m for m in later if number in _needs(m, flows)), None)
    if around is not None:
        return f"Steps {number + 1} and {around + 1} wait for each other through {name!r}."
    return f"{name!r} is made by step {later[0] + 1}, which comes later; move that step up."


def _needs(number: int, flows: Sequence[Flow]) -> set[int]:
    """Return the steps that must be done before `number`, directly or through others."""
    found: set[int] = set()
    waiting = [number]
    while waiting:
        wanted = set(flows[waiting.pop()].inputs)
        for other, flow in enumerate(flows):
            if other not in found and wanted & set(flow.outputs):
                found.add(other)
                waiting.append(other)
    return found


def _step(asked: Any, number: int, agents: Collection[str] | None, notes: _Notes) -> dict[str, Any]:
    if isinstance(asked, str):
        asked = {"goal": asked}
    if not isinstance(asked, Mapping):
        notes.add(str(number), "A step is an object with a name and a goal.")
        return {"name": "", "goal": "", "agent": None, "bullet_points": []}
    step = cast("Mapping[str, Any]", asked)
    name, goal = step.get("name"), step.get("goal")
    if name is None and goal is None:
        notes.add(f"{number}.goal", "Say what the step is to reach.")
    goal_text = _text(goal if goal is not None else name, f"{number}.goal", MAX_TEXT, notes)
    name_text = _shortened(goal_text) if name is None else _text(name, f"{number}.name", MAX_NAME, notes)
    points = step.get("bullet_points", step.get("success_criteria"))
    cleaned: dict[str, Any] = {
        "name": name_text,
        "goal": goal_text,
        "agent": _agent(step.get("agent"), number, agents, notes),
        "bullet_points": _texts(points, f"{number}.bullet_points", MAX_TEXT, notes),
    }
    for key in ("inputs", "outputs"):
        names = _texts(step.get(key), f"{number}.{key}", MAX_NAME, notes)
        for twice in sorted({n for n in names if names.count(n) > 1}):
            notes.add(f"{number}.{key}", f"{twice!r} stands there twice.")
        if names:
            cleaned[key] = names
    return cleaned


def _check_names(names: list[str], notes: _Notes) -> None:
    seen: dict[str, int] = {}
    for number, name in enumerate(names):
        if name and seen.setdefault(name.casefold(), number) != number:
            notes.add(f"{number}.name", f"Step {seen[name.casefold()] + 1} is named {name!r} already.")


def _agent(asked: Any, number: int, agents: Collection[str] | None, notes: _Notes) -> str | None:
    if asked is None or (isinstance(asked, str) and not asked.strip()):
        return None
    agent = _text(asked, f"{number}.agent", MAX_NAME, notes)
    if not agent or agents is None or agent in agents:
        return agent or None
    near = next(iter(difflib.get_close_matches(agent, sorted(agents), 1, 0.5)), None)
    hint = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(agents))}."
    notes.add(f"{number}.agent", f"There is no agent {agent!r}; {hint}")
    return None


def _text(asked: Any, where: str, most: int, notes: _Notes) -> str:
    if asked is None:
        return ""
    if not isinstance(asked, str):
        notes.add(where, "This is a text.")
        return ""
    text = asked.strip()
    if not text:
        notes.add(where, "This may not be empty.")
    elif len(text) > most:
        notes.add(where, f"This has {len(text)} characters; at most {most} are allowed.")
    elif not is_text(text):
        notes.add(where, "This holds characters that are not text.")
    else:
        return text
    return ""


def _texts(asked: Any, where: str, most: int, notes: _Notes) -> list[str]:
    if asked is None:
        return []
    if not isinstance(asked, list | tuple):
        notes.add(where, "This is a list of texts.")
        return []
    items = cast("Sequence[Any]", asked)
    if len(items) > MAX_POINTS:
        notes.add(where, f"This has {len(items)} entries; at most {MAX_POINTS} are allowed.")
        return []
    written = ((at, item) for at, item in enumerate(items) if not isinstance(item, str) or item.strip())
    texts = [_text(item, f"{where}.{at}", most, notes) for at, item in written]
    return [text for text in texts if text]


def _shortened(goal: str) -> str:
    if len(goal) <= _NAME_OF_GOAL:
        return goal
    return goal[: _NAME_OF_GOAL - 3].rsplit(" ", 1)[0] + "…"


def _refused(errors: list[dict[str, str]]) -> InvalidInput:
    sentence = "; ".join(f"{e['field']}: {e['message']}" for e in errors[:5])
    return InvalidInput(f"The plan cannot be accepted: {sentence}", errors=errors)
