"""How a view, function or trigger is made and dropped."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """One view, function, aggregate or trigger: how it is made and how it is dropped."""

    create: str
    drop: str


def view(name: str, query: str) -> Definition:
    """A view of that name."""
    return Definition(f"CREATE VIEW {name} AS{query}", f"DROP VIEW {name}")


def only_added(table: str) -> Definition:
    """A trigger that refuses to change or delete rows of a table."""
    return Definition(
        f"CREATE TRIGGER {table}_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ldtm_refuse_change()",
        f"DROP TRIGGER {table}_only_added ON {table}",
    )
