"""The gates that the code has: read from its source and its descriptions, so that a new one is missed."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

import perdure
from perdure.modes.contract import Mode
from perdure.modes.execution import StepRules, step_rules
from perdure.modes.hitl_interactive import HitlConfig, rules_around_steps
from perdure.modes.registry import ModeRegistry

_SOURCE = Path(perdure.__file__).parent
_FLAGS = {"before": "before", "after": "after", "turn": "between", "failure": "on_error"}
"""The questions around steps, and what of the rules says whether they are asked."""


def askers() -> dict[str, str]:
    """Return the type of each question there is, by the function that asks it, as `module.name`."""
    found: dict[str, str] = {}
    for folder in ("modes", "engine"):
        for path in sorted((_SOURCE / folder).glob("*.py")):
            for function in ast.walk(ast.parse(path.read_text())):
                if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    for type_ in _asked_in(function):
                        found[f"{path.stem}.{function.name}"] = type_
    return found


def gates() -> set[tuple[str, str]]:
    """Return `(mode, asker)` of each question that a built-in mode may ask; the engine's, once per kind of mode.

    Where a step is asked about, a mode's description decides: a question that none of its approval modes asks for
    is none of its gates.
    """
    registry = ModeRegistry()
    types = askers()
    own = {name.removeprefix("gates.") for name in types if name.startswith("gates.")}
    engines = {name for name in types if not name.startswith("gates.")}
    found: set[tuple[str, str]] = set()
    kinds: dict[tuple[bool, bool], str] = {}
    for spec in registry.list():
        mode = type(registry.make(spec.id))
        calls = _calls(mode)
        flags = _flags(mode)
        asked = {name for name in own & calls if name not in _FLAGS or _FLAGS[name] in flags}
        found |= {(spec.id, f"gates.{name}") for name in asked}
        if _has_tools(mode):
            kinds.setdefault((spec.stays_active, "propose_plan" in calls), spec.id)
    return found | {(kind_of(mode), asker) for mode in kinds.values() for asker in engines}


def kind_of(mode: str) -> str:
    """Name the kind of a mode as the engine's questions see it: whether it talks on, and whether it plans."""
    registry = ModeRegistry()
    plans = "propose_plan" in _calls(type(registry.make(mode)))
    return (
        f"{'talks' if registry.get(mode).stays_active else 'ends'}, {'plans' if plans else 'plans nothing'}"
    )


def _asked_in(function: ast.AST) -> Iterator[str]:
    for call in ast.walk(function):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name not in ("Question", "_ask"):
            continue
        for value in (*call.args, *(keyword.value for keyword in call.keywords)):
            if (
                isinstance(value, ast.Attribute)
                and isinstance(value.value, ast.Name)
                and value.value.id == "ApprovalType"
            ):
                yield value.attr.lower()


def _modules(mode: type[Mode]) -> list[ModuleType]:
    """Return the mode's module, and those of modes that it is made of."""
    found, waiting = dict[str, ModuleType](), [sys.modules[mode.__module__]]
    while waiting:
        module = waiting.pop()
        found[module.__name__] = module
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            name = node.module if isinstance(node, ast.ImportFrom) else None
            if name and name.startswith("perdure.modes.") and name not in found and _is_work(name):
                waiting.append(sys.modules[name])
    return list(found.values())


def _is_work(module: str) -> bool:
    return module not in ("perdure.modes.contract", "perdure.modes.gates")


def _calls(mode: type[Mode]) -> set[str]:
    """Return the names of all methods that the mode's source calls."""
    return {
        node.func.attr
        for module in _modules(mode)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }


def _has_tools(mode: type[Mode]) -> bool:
    """Whether an agent of the mode may have tools."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "agent"
        and any(keyword.arg == "tools" for keyword in node.keywords)
        for module in _modules(mode)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
    )


def _flags(mode: type[Mode]) -> set[str]:
    """Return what the mode's approval modes may ask for around steps."""
    config = mode.spec.config_model
    if config is HitlConfig:
        choices = product(*(_choices(config, name) for name in ("variant", "approval_mode")))
        rules = [
            rules_around_steps(HitlConfig.model_validate({"variant": variant, "approval_mode": value}))
            for variant, value in choices
        ]
    else:
        rules = [step_rules(value) for value in _choices(config, "approval_mode")]
    return {flag for each in rules for flag, is_set in asdict(each).items() if is_set and flag in _names()}


def _names() -> set[str]:
    assert set(_FLAGS.values()) <= set(StepRules.__dataclass_fields__)
    return set(_FLAGS.values())


def _choices(config: type[Any], field: str) -> list[str]:
    if field not in config.model_fields:
        return []
    return list(_literals(config.model_fields[field].annotation))


def _literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from _literals(part)
