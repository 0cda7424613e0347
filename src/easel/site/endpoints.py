"""What the API takes and answers, read from the OpenAPI document that the same process serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

METHODS: Final = ("get", "post", "delete", "put", "patch")


@dataclass(frozen=True)
class Field:
    name: str
    default: str
    """As text, empty where there is none; `required` where it must be said."""
    description: str


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    summary: str
    group: str
    fields: tuple[Field, ...]


def endpoints(openapi: Mapping[str, Any]) -> list[Endpoint]:
    """Every route of the document, in its order."""
    return [
        _endpoint(path, method, operation)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    ]


def endpoint_at(openapi: Mapping[str, Any], path: str) -> Endpoint | None:
    """The route that takes a POST at `path`; None where there is none."""
    operation = openapi["paths"].get(path, {}).get("post")
    return _endpoint(path, "post", operation) if operation else None


def _endpoint(path: str, method: str, operation: Mapping[str, Any]) -> Endpoint:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    required = set(schema.get("required", ()))
    return Endpoint(
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        group=next(iter(operation.get("tags", ())), ""),
        fields=tuple(
            Field(name, _default(field, name in required), field.get("description", ""))
            for name, field in schema.get("properties", {}).items()
        ),
    )


def _default(field: Mapping[str, Any], is_required: bool) -> str:
    if is_required:
        return "required"
    default = field.get("default")
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "" if default in (None, "", []) else str(default)
