"""The shapes of answers as OpenAPI names them: each type is described once, however many routes answer it.

FastAPI would work a type out anew for each status of each route, at every start. Here a route only names it, and the
description is made when somebody asks for the document.
"""

from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import TypeAdapter

JSON: Final = "application/json"

_HERE: Final = "#/components/schemas/"

_named: Final[dict[str, Any]] = {}


def answer(shape: Any, description: str) -> dict[str, Any]:
    """A response object whose body is JSON of `shape`: a model, a TypedDict, a union of them or a list of one."""
    return {"description": description, "content": {JSON: {"schema": _schema(shape)}}}


def describe_all() -> dict[str, Any]:
    """The descriptions of all types that routes have named, by name."""
    found: dict[str, Any] = {}
    for name, shape in _named.items():
        dialect = name.partition(".")[0]
        schema = TypeAdapter(shape).json_schema(ref_template=f"{_HERE}{dialect}.{{model}}")
        found |= {f"{dialect}.{part}": described for part, described in schema.pop("$defs", {}).items()}
        found[name] = schema
    return dict(sorted(found.items()))


def _schema(shape: Any) -> dict[str, Any]:
    if get_origin(shape) in (Union, UnionType):
        return {"anyOf": [_schema(part) for part in get_args(shape)]}
    if get_origin(shape) is list:
        return {"type": "array", "items": _schema(get_args(shape)[0])}
    if get_origin(shape) is dict:
        return {"type": "object"}
    # Dialects use the same words for different things: an error of one is not an error of another.
    name = f"{shape.__module__.split('.')[-2]}.{shape.__name__}"
    _named[name] = shape
    return {"$ref": _HERE + name}
