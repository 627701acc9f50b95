"""Effects of a run's tools: what was begun and never heard of again is unknown, and is said to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from perdure.core.runs import Run
from perdure.store import effects
from perdure.store.transaction import Tx


class EffectStatus(StrEnum):
    """Where an effect is in its life."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Effect:
    """What is known of an effect that is about to be carried out."""

    status: EffectStatus
    outcome: Any = None


def begin_in(tx: Tx, run: Run, key: str, tool: str, call_hash: str) -> Effect:
    """Note the effect and return `started`; begun before, return what is known of it.

    An effect that was begun and has no outcome was cut off: it is `unknown` from then on. So is one of the
    same call that an earlier attempt left behind. `key` begins with the attempt and a colon.
    """
    run_id = run.id
    known = effects.find_effect(tx, run_id, key)
    if known is None:
        left = effects.find_cut_off(tx, run_id, call_hash, run.attempt)
        if left is not None:
            effects.settle_effect(tx, run_id, left, EffectStatus.UNKNOWN, None)
            return Effect(EffectStatus.UNKNOWN)
        effects.insert_effect(tx, run_id, key, tool, call_hash)
        return Effect(EffectStatus.STARTED)
    status = EffectStatus(known[0])
    if status is EffectStatus.STARTED:
        effects.settle_effect(tx, run_id, key, EffectStatus.UNKNOWN, None)
        return Effect(EffectStatus.UNKNOWN)
    return Effect(status, known[1])


def end_in(tx: Tx, run_id: str, key: str, status: EffectStatus, outcome: Any) -> None:
    """Note how an effect ended; its outcome is JSON and comes back when the effect is met again."""
    effects.settle_effect(tx, run_id, key, status, outcome)
