"""The metadata all tables share, and the short forms in which they are written."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKey, MetaData, Text

from perdure.store.columns import UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def identity() -> Column[Any]:
    """The id every entity has: a version 7 UUID as text."""
    return Column("id", Text, primary_key=True)


def reference(name: str, table: str, *, nullable: bool = False, cascade: bool = True) -> Column[Any]:
    """A foreign key to `table`.id; rows go with what they belong to."""
    return Column(
        name,
        Text,
        ForeignKey(f"{table}.id", ondelete="CASCADE" if cascade else "SET NULL"),
        nullable=nullable,
    )


def text(name: str, *, nullable: bool = True) -> Column[Any]:
    """A text column."""
    return Column(name, Text, nullable=nullable)


def moment(name: str, *, nullable: bool = True) -> Column[Any]:
    """A UTC time column."""
    return Column(name, UtcTime, nullable=nullable)
