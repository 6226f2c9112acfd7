"""The API's documentation as one page of plain HTML: no script, nothing from elsewhere."""

from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 0.9em ui-monospace, monospace; }
section { border-top: 1px solid #8886; margin-top: 2rem; }
td, th { text-align: left; vertical-align: top; padding: 0.15rem 1rem 0.15rem 0; }
div { overflow-x: auto; }
"""


def page(schema: Mapping[str, Any]) -> str:
    """The page that an OpenAPI schema makes."""
    info = schema["info"]
    sections = "".join(_section(path, methods["get"], schema) for path, methods in schema["paths"].items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1><p>{escape(info['description'])}</p>"
        f'<p>For programs: <a href="/api/v1/openapi.json">openapi.json</a>.</p>{sections}</body></html>'
    )


def _section(path: str, operation: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    address = f"/api/v1{path}"
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
    return (
        f'<section><h2><a href="{escape(address)}"><code>GET {escape(address)}</code></a></h2>'
        f"<p>{escape(operation.get('description', ''))}</p>{_parameters(operation)}"
        f"<h3>Answer</h3>{_fields(answer, schema)}</section>"
    )


def _parameters(operation: Mapping[str, Any]) -> str:
    rows = [
        (parameter["name"], _type(parameter["schema"]), parameter.get("description", ""))
        for parameter in operation.get("parameters", ())
    ]
    return f"<h3>Parameters</h3>{_table(rows)}" if rows else ""


def _fields(name: str, schema: Mapping[str, Any]) -> str:
    """The fields of an answer, and below them those of its rows."""
    model = schema["components"]["schemas"][name]
    fields = model.get("properties", {})
    own = _table([(field, _type(kind), kind.get("description", "")) for field, kind in fields.items()])
    inner = [_reference(kind) for kind in fields.values()]
    below = "".join(f"<h4>{escape(each)}</h4>{_fields(each, schema)}" for each in dict.fromkeys(inner) if each)
    return f"<p>{escape(model.get('description', ''))}</p>{own}{below}"


def _reference(kind: Mapping[str, Any]) -> str:
    reference = kind.get("items", {}).get("$ref", "")
    return str(reference).rsplit("/", 1)[-1]


def _type(kind: Mapping[str, Any]) -> str:
    if "anyOf" in kind:
        return " or ".join(_type(each) for each in kind["anyOf"])
    if "enum" in kind:
        return ", ".join(map(str, kind["enum"]))
    if kind.get("type") == "array":
        return f"list of {_type(kind.get('items', {})) or _reference(kind)}"
    return str(kind.get("format") or kind.get("type") or str(kind.get("$ref", "")).rsplit("/", 1)[-1])


def _table(rows: list[tuple[str, str, str]]) -> str:
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(what)}</td></tr>"
        for name, kind, what in rows
    )
    return f"<div><table>{cells}</table></div>"
