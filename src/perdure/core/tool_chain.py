"""The chain of tool steps in a hop: each may only use what is there when its turn comes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from perdure.core.hops import ToolStep


def asset_names(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the assets that parameters take their values from, by parameter."""
    found: dict[str, str] = {}
    for parameter, value in parameters.items():
        if isinstance(value, Mapping) and isinstance(cast("Mapping[str, Any]", value).get("asset"), str):
            found[parameter] = value["asset"]
    return found


def result_names(result_mapping: Mapping[str, Any]) -> list[str]:
    """Return the assets that results go to; None discards a result."""
    return [name for name in result_mapping.values() if isinstance(name, str)]


def find_chain_faults(steps: Sequence[ToolStep], *, given: Collection[str]) -> list[dict[str, str]]:
    """Return what is wrong with the steps in this order, each as `{field, message, type}`; nothing when all fits."""
    have = set(given)
    faults: list[dict[str, str]] = []
    for number, step in enumerate(steps):
        for parameter, name in asset_names(step.parameters).items():
            if name not in have:
                faults.append(
                    {
                        "field": f"tool_steps.{number}.parameters.{parameter}",
                        "message": f"{name!r} is not there yet when {step.tool} is called.",
                        "type": "plan",
                    }
                )
        have.update(result_names(step.result_mapping))
    return faults
