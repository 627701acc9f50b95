"""Reading many rows fast: the values of `core` straight from the driver's tuples, column by column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel
from sqlalchemy import Column, ColumnElement, type_coerce

from perdure.store.columns import JsonText, UtcTime, from_micros, loads

M = TypeVar("M", bound=BaseModel)


class Shape(Generic[M]):
    """The columns that a value is made of, and how each is read. `names` are the fields they become."""

    def __init__(self, model: type[M], columns: Sequence[Column[Any]], names: Sequence[str] = ()) -> None:
        self._model = model
        self._columns = columns
        self.names = tuple(names) or tuple(column.name for column in columns)
        self._readers = [
            (position, reader)
            for position, column in enumerate(columns)
            if (reader := _reader_of(column)) is not None
        ]
        self.sql = ", ".join(f"{column.table.name}.{column.name}" for column in columns)
        """The columns as a SELECT names them."""

    def columns(self) -> list[ColumnElement[Any]]:
        """The columns for SQLAlchemy, unread: `value` reads them."""
        return [
            column
            if _reader_of(column) is None
            else type_coerce(column, cast("Any", column.type).impl).label(column.name)
            for column in self._columns
        ]

    def fields(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return what a row's columns hold, by field."""
        values = list(row)
        for position, reader in self._readers:
            held = values[position]
            if held is not None:
                values[position] = reader(held)
        return dict(zip(self.names, values, strict=True))

    def value(self, row: Sequence[Any]) -> M:
        """Return the value a row stands for."""
        return self._model.model_validate(self.fields(row))


def _reader_of(column: Column[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, UtcTime):
        return from_micros
    return loads if isinstance(column.type, JsonText) else None
