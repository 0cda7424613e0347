"""The OpenAPI document, completed: keys, examples, and each dialect's own shape of errors on each of its routes.

It walks whatever routes there are. An example of an error is what the dialect's own function answers, so it cannot say
anything else than the server does.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from starlette.requests import Request

from easel.gateway.components import JSON, describe_all
from easel.gateway.errors import DOWN, UNEXPECTED, Refusal, Shape

Document: TypeAlias = dict[str, Any]

ABOUT: Final = (
    "Self-hosted image generation. Several APIs of the field lead to the same pictures, keys and money; agents find "
    "the Model Context Protocol at /mcp. GET /openapi.json is this document, and /docs/api a page to try it on."
)

KEYS: Final[Document] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer and your API key."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "Your API key."},
}

REFUSALS: Final[Mapping[int, tuple[str, Refusal]]] = {
    400: ("A field is missing, malformed or out of range", Refusal(400, "width must be divisible by 8", field="width")),
    401: ("No API key, or one that nobody has", Refusal(401, "Invalid API key")),
    402: (
        "The wallet, the plan or the key's cap does not cover it",
        Refusal(402, "Insufficient credits. Please add more credits to continue."),
    ),
    403: (
        "Not open to this key or account",
        Refusal(403, "This account is suspended; ask the operator of this installation to reopen it"),
    ),
    404: ("There is no such thing for this account", Refusal(404, "Request not found")),
    409: (
        "The Idempotency-Key was sent with another request",
        Refusal(409, "This key was used for another request; use another key"),
    ),
    413: ("The body is too large", Refusal(413, "The body is larger than 16 MiB.")),
    429: (
        "The queue of the account's plan is full",
        Refusal(429, "Rate limit exceeded. Maximum 5 queued requests allowed.", retry_after=30),
    ),
    500: ("Our fault; try again", Refusal(500, UNEXPECTED)),
    503: ("A part of the installation is down", Refusal(503, DOWN, retry_after=5)),
}

ALWAYS: Final = (400, 401, 403, 500, 503)
"""What any route that asks for a key may answer."""

UNREADABLE: Final = (REFUSALS[400][0], Refusal(400, "The body is no valid JSON.", unreadable=True))

WITH_A_BODY: Final = (404, 409, 413)

KEYLESS: Final = ("/files/", "/api/payments/")
"""Routes of a dialect's shape that know a caller otherwise."""


def complete(document: Document, shape_of: Callable[[str], Shape | None], app: object) -> Document:
    """`shape_of` is how errors below a path's first part are written; None where they are plain text."""
    document["info"]["description"] = ABOUT
    parts: Document = document.setdefault("components", {})
    parts["securitySchemes"] = KEYS
    parts["schemas"] = parts.get("schemas", {}) | describe_all()
    schemas = _error_schemas(document)
    for path, method, operation in _operations(document):
        responses: Document = operation["responses"]
        _say_400_for_422(responses)
        shape = shape_of(_first(path))
        if shape is None:
            continue
        told = [REFUSALS[int(status)] for status in responses if status.isdigit() and int(status) in REFUSALS]
        if not path.startswith(KEYLESS):
            operation["security"] = [{name: []} for name in KEYS]
            told += [REFUSALS[status] for status in ALWAYS]
        if "requestBody" in operation:
            told += [UNREADABLE, *(REFUSALS[status] for status in WITH_A_BODY)]
        elif "{" in path:
            told.append(REFUSALS[404])
        request = Request(
            {"type": "http", "method": method.upper(), "path": path, "headers": [], "query_string": b"", "app": app}
        )
        schema = _error_schema(operation) or schemas.get(_first(path))
        for description, refusal in told:
            answer = shape(request, refusal)
            if answer.status_code >= 400:  # old paths may be told to answer 200, as their clients expect
                response = responses.setdefault(str(answer.status_code), {"description": description})
                _complete_error(response, answer.body, schema, document)
        operation["responses"] = dict(sorted(responses.items()))
        _give_example(operation)
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    return document


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _first(path: str) -> str:
    return path.split("/", 2)[1]


def _error_schemas(document: Document) -> dict[str, Document]:
    """By a path's first part: the schema that its routes give for a refusal."""
    found: dict[str, Document] = {}
    for path, _, operation in _operations(document):
        if schema := _error_schema(operation):
            found.setdefault(_first(path), schema)
    return found


def _error_schema(operation: Document) -> Document | None:
    for status, response in operation["responses"].items():
        schema = response.get("content", {}).get(JSON, {}).get("schema")
        if status >= "400" and schema and not _is_fastapis(response):
            return schema
    return None


def _say_400_for_422(responses: Document) -> None:
    """FastAPI writes down a status of its own, and we answer another."""
    if _is_fastapis(responses.get("422", {})):
        del responses["422"]
        responses.setdefault("400", {"description": REFUSALS[400][0]})


def _is_fastapis(response: Document) -> bool:
    return "HTTPValidationError" in json.dumps(response.get("content", {}))


def _complete_error(response: Document, body: bytes | memoryview, schema: Document | None, document: Document) -> None:
    """The example, and a schema that it fits: a few paths of a dialect have a shape of their own."""
    content: Document = response.setdefault("content", {}).setdefault(JSON, {})
    example: Document = content.setdefault("example", json.loads(bytes(body)))
    said: Document | None = content.get("schema") or schema
    fits = said is not None and set(_resolved(said, document).get("required", ())) <= example.keys()
    content["schema"] = said if fits else {"type": "object", "required": list(example)}


def _resolved(schema: Document, document: Document) -> Document:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def _give_example(operation: Document) -> None:
    """An example of the body, of what its fields have for examples, where nobody wrote a better one."""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind == "multipart/form-data":  # a file is not written down
            continue
        fields: Document = content.get("schema", {}).get("properties", {})
        example = {name: field["examples"][0] for name, field in fields.items() if field.get("examples")}
        if example and "example" not in content:
            content["example"] = example
