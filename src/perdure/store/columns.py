"""Column types shared by all tables: UTC times as integer microseconds, JSON as compact text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import BigInteger, Text
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Return microseconds since 1970 (UTC), exact."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the aware UTC moment."""
    return _EPOCH + timedelta(0, 0, micros)


def dumps(value: Any) -> str:
    """Return compact JSON text, the one form in which JSON is stored."""
    return orjson.dumps(value).decode()


def loads(text: str | bytes) -> Any:
    """Return the value of stored JSON text."""
    return orjson.loads(text)


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC moment, stored as integer microseconds: sortable, exact, the same on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """Store."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """Load."""
        return None if value is None else from_micros(value)


class JsonText(TypeDecorator[Any]):
    """Any JSON value as text; None is SQL NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """Store."""
        return None if value is None else dumps(value)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        """Load."""
        return None if value is None else loads(value)
