"""Time as a value: services get a clock, rules get the moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current moment, aware and in UTC."""
    return datetime.now(UTC)


def wire_time(moment: datetime) -> str:
    """Return ISO 8601 with microseconds and `Z`, the only form in which times leave the process."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
