"""Between rows and the values of `core`: the few shapes all nouns share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel
from sqlalchemy import Row, Select, Table, bindparam, func, insert, select, update

from perdure.errors import NotFound
from perdure.store.transaction import Tx

M = TypeVar("M", bound=BaseModel)


def to_model(model: type[M], row: Row[Any]) -> M:
    """Return the value a row stands for; columns the value does not have are left out."""
    fields = model.model_fields
    return model.model_validate({k: v for k, v in row_mapping(row).items() if k in fields})


def row_mapping(row: Row[Any]) -> Mapping[str, Any]:
    """Return a row by column name; the underscore is SQLAlchemy's, against clashes with column names."""
    return cast("Mapping[str, Any]", row._mapping)  # pyright: ignore[reportPrivateUsage]


def fetch_one(tx: Tx, model: type[M], query: Select[Any], noun: str) -> M:
    """Return the one value.

    Raises:
        NotFound: when there is none.
    """
    found = find_one(tx, model, query)
    if found is None:
        raise NotFound(f"There is no such {noun}.")
    return found


def find_one(tx: Tx, model: type[M], query: Select[Any]) -> M | None:
    """Return the one value or None."""
    row = tx.db.execute(query).first()
    return None if row is None else to_model(model, row)


def fetch_all(tx: Tx, model: type[M], query: Select[Any]) -> list[M]:
    """Return all values in the query's order."""
    return [to_model(model, row) for row in tx.db.execute(query)]


def locked(tx: Tx, query: Select[Any]) -> Select[Any]:
    """Lock the rows until commit where several writers exist; SQLite has one."""
    return query.with_for_update(key_share=True) if tx.postgres else query


def insert_row(tx: Tx, table: Table, values: Mapping[str, Any]) -> None:
    """Insert one row; values the table has no column for are left out."""
    tx.db.execute(insert(table), {k: v for k, v in values.items() if k in table.c})


def update_row(tx: Tx, table: Table, row_id: str, **values: Any) -> None:
    """Change columns of one row by its id."""
    if values:
        tx.db.execute(update(table).where(table.c.id == bindparam("the_row")), {"the_row": row_id, **values})


def count(tx: Tx, query: Select[Any]) -> int:
    """Return how many rows a query has."""
    return int(tx.db.execute(select(func.count()).select_from(query.subquery())).scalar_one())
