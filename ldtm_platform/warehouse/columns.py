"""Short words for the columns and constraints of which tables.py is made."""

from typing import Any

import sqlalchemy as sa

_Type = type[sa.types.TypeEngine[Any]] | sa.types.TypeEngine[Any]


def key(name: str, type_: _Type) -> sa.Column[Any]:
    """A column of the primary key."""
    return sa.Column(name, type_, primary_key=True)


def facts(type_: _Type, *names: str) -> list[sa.Column[Any]]:
    """Columns of one type that every row has."""
    return [sa.Column(name, type_, nullable=False) for name in names]


def maybe(type_: _Type, *names: str) -> list[sa.Column[Any]]:
    """Columns of one type that may be null."""
    return [sa.Column(name, type_) for name in names]


def surrogate_key() -> sa.Column[int]:
    """A numbered primary key that the database gives out."""
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def instant(name: str) -> sa.Column[Any]:
    """A moment that defaults to the transaction's start."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def flag(name: str) -> sa.Column[Any]:
    """A yes or no that defaults to no."""
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text("false"))


def one_of(column: str, *values: str) -> sa.CheckConstraint:
    """A text column holds one of these words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def positive(*columns: str) -> sa.CheckConstraint:
    """Greater than zero and finite: PostgreSQL sorts NaN above infinity, so both bounds are needed."""
    bounds = " AND ".join(f"{column} > 0 AND {column} < 'infinity'" for column in columns)
    return sa.CheckConstraint(bounds, name="positive")
