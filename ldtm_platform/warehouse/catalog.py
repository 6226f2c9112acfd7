"""What a schema of a database holds, as comparable text: the ground for telling code and database apart."""

import sqlalchemy as sa

import ldtm_platform.warehouse.score_tables  # noqa: F401 # enters its tables in the metadata
from ldtm_platform.warehouse.tables import metadata
from ldtm_platform.warehouse.views import DEFINITIONS

_COLUMNS = """
SELECT 'column ' || c.relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
           || CASE WHEN a.attidentity <> '' THEN ' identity' ELSE '' END
           || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = to_regnamespace(:schema)"""

_CONSTRAINTS = """
SELECT 'constraint ' || c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype <> 'n' AND k.connamespace = to_regnamespace(:schema)"""

_INDEXES = """
SELECT 'index ' || tablename || '.' || indexname, replace(indexdef, schemaname || '.', '')
FROM pg_indexes WHERE schemaname = :schema"""

_VIEWS = """
SELECT 'view ' || relname, pg_get_viewdef(oid)
FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = to_regnamespace(:schema)"""

_FUNCTIONS = """
SELECT 'function ' || p.oid::regprocedure,
       concat_ws(' ', prokind, provolatile, pg_get_function_result(p.oid), l.lanname, prosrc,
                 g.aggtransfn, g.aggtranstype::regtype, g.agginitval)
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang LEFT JOIN pg_aggregate g ON g.aggfnoid = p.oid
WHERE p.pronamespace = to_regnamespace(:schema)"""

_TRIGGERS = """
SELECT 'trigger ' || c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid, true) || ' enabled ' || t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = to_regnamespace(:schema)"""

_SCRATCH = "ldtm_schema_of_the_code"


def described(connection: sa.Connection, schema: str) -> dict[str, str]:
    """Each column, constraint, index, view, function and trigger of a schema on the search path, name to definition."""
    queries = (_COLUMNS, _CONSTRAINTS, _INDEXES, _VIEWS, _FUNCTIONS, _TRIGGERS)
    rows = (row for query in queries for row in connection.execute(sa.text(query), {"schema": schema}))
    return {str(name): " ".join(str(definition).split()) for name, definition in rows}


def described_code(connection: sa.Connection) -> dict[str, str]:
    """The same for the schema that this code would make; made in a scratch schema, of which nothing is left."""
    attempt = connection.begin_nested()
    connection.execute(sa.text(f"CREATE SCHEMA {_SCRATCH}"))
    connection.execute(sa.text(f"SET LOCAL search_path TO {_SCRATCH}"))
    metadata.create_all(connection, checkfirst=False)
    for definition in DEFINITIONS:
        connection.execute(sa.text(definition.create))
    found = described(connection, _SCRATCH)
    attempt.rollback()
    return found
