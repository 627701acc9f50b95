"""The hot way between rows and values: the driver's tuples, column by column, without SQLAlchemy's work for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel
from sqlalchemy import Column, ColumnElement, Text, type_coerce

from perdure.store.columns import JsonText, UtcTime, dumps, from_micros, loads, to_micros

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
        self._writers = [(name, _writer_of(column)) for name, column in zip(self.names, columns, strict=True)]
        self.sql = ", ".join(f"{column.table.name}.{column.name}" for column in columns)
        """The columns as a SELECT names them."""

    def insertion(self, postgres: bool) -> str:
        """Return the statement that stores a `row` of one table."""
        names = ", ".join(column.name for column in self._columns)
        marks = ", ".join(["%s" if postgres else "?"] * len(self._columns))
        return f"INSERT INTO {self._columns[0].table.name} ({names}) VALUES ({marks})"

    def row(self, fields: Mapping[str, Any]) -> list[Any]:
        """Return the values of the columns as the driver takes them."""
        return [
            held if held is None or writer is None else writer(held)
            for name, writer in self._writers
            for held in (fields[name],)
        ]

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


def _writer_of(column: Column[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, UtcTime):
        return to_micros
    if isinstance(column.type, JsonText):
        return dumps
    return str if isinstance(column.type, Text) else None  # a StrEnum is stored as its text
