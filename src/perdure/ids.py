"""Typed identifiers: time-ordered UUIDs (version 7), checked once at the edge."""

from __future__ import annotations

import re
import uuid
from typing import NewType

import uuid_utils

from perdure.errors import InvalidInput

SessionId = NewType("SessionId", str)
RunId = NewType("RunId", str)
StepId = NewType("StepId", str)
MessageId = NewType("MessageId", str)
ApprovalId = NewType("ApprovalId", str)
UserId = NewType("UserId", str)
MissionId = NewType("MissionId", str)
HopId = NewType("HopId", str)
AssetId = NewType("AssetId", str)
TaskId = NewType("TaskId", str)

_TASK_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def new_id() -> str:
    """Return a fresh version 7 UUID as canonical text; later ids sort after earlier ones."""
    return str(uuid_utils.uuid7())


def parse_uuid(text: str, noun: str = "id") -> str:
    """Return the canonical form of `text`.

    Raises:
        InvalidInput: when it is not a UUID; the message names the noun.
    """
    try:
        return str(uuid.UUID(text))
    except (ValueError, AttributeError, TypeError):
        raise InvalidInput(f"{text!r} is not a valid {noun}: ids are UUIDs.", field=noun) from None


def parse_task_id(text: str) -> TaskId:
    """Return `text` as a task id.

    Raises:
        InvalidInput: when it is not 1-128 letters, digits, `-`, `_` or `.`.
    """
    if not _TASK_ID.fullmatch(text):
        raise InvalidInput(
            "A task id is 1 to 128 characters of letters, digits, '-', '_' and '.'.", field="task_id"
        )
    return TaskId(text)
