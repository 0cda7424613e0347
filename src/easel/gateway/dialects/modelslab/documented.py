"""What OpenAPI says about each route.

Bodies are read by hand, for they come in many forms, so their schemas are given here.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from easel.gateway import components
from easel.gateway.dialects.modelslab.checking import Checked
from easel.gateway.dialects.modelslab.deeds import Deed, Keep
from easel.gateway.dialects.modelslab.listing import Search
from easel.gateway.dialects.modelslab.paths import SCHEMAS, Operation
from easel.gateway.dialects.modelslab.schemas import Fetch
from easel.gateway.dialects.modelslab.shapes import (
    Envelope,
    Error,
    Failed,
    Fetched,
    PictureChecked,
    Processing,
    RealtimeProcessing,
    StillProcessing,
    Success,
    WalletBalance,
)

About: TypeAlias = Mapping[str, Any]

KEY: Final = {
    "type": "string",
    "description": "Your API key; also taken from the query, the header key or X-API-Key, or as a Bearer token.",
}
ID: Final = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
KEY_IN_QUERY: Final = {"name": "key", "in": "query", "required": False, "schema": KEY}

REFUSED: Final[Mapping[int, str]] = {
    401: "No API key, or one that nobody has",
    402: "The wallet cannot cover the request",
    403: "Not open to this account",
    413: "The body is too large",
    429: "The queue of the account's plan is full; retry_after says when to try again",
    500: "Our fault; try again",
    503: "A part of the installation is down",
}

ERRORS: Final[Mapping[int, Mapping[str, Any]]] = {
    400: components.answer(Error, "A field is missing, malformed or out of range; message says which and how"),
    # openapi.py gives the others the same shape.
    **{status: {"description": said} for status, said in REFUSED.items()},
}


def about(
    summary: str,
    answer: Any,
    description: str,
    body: type[BaseModel] | None = None,
    *parameters: Mapping[str, Any],
    has_body: bool = True,
) -> About:
    extra: dict[str, Any] = {"requestBody": {"content": _content(_schema(body))}} if has_body else {}
    return {
        "summary": summary,
        "responses": {200: components.answer(answer, description), **ERRORS},
        "openapi_extra": {"parameters": list(parameters), **extra},
    }


@cache
def _schema(body: type[BaseModel] | None) -> dict[str, Any]:
    schema: dict[str, Any] = body.model_json_schema() if body else {"type": "object", "properties": {}}
    properties: dict[str, Any] = {"key": KEY, **schema["properties"]}
    return {**schema, "properties": properties}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
    return {kind: {"schema": schema} for kind in kinds}


_FETCHED: Final = Fetched | StillProcessing | Failed
_WHEN: Final = "Done, still being drawn, or failed; status says which. An unknown id is a failed one."

_DRAWN: Final = "The pictures, or where to fetch them when drawing takes longer than a request should wait."

DRAW: Final[Mapping[Operation, About]] = {
    operation: about(title, Success | Processing | RealtimeProcessing | Failed, _DRAWN, SCHEMAS[operation])
    for operation, title in (
        (Operation.TEXT2IMG, "Text to image"),
        (Operation.IMG2IMG, "Image to image"),
        (Operation.INPAINT, "Inpainting"),
        (Operation.CONTROLNET, "Steered by ControlNets"),
    )
}
FETCH: Final = about("Fetch a request by request_id", _FETCHED, _WHEN, Fetch)
FETCH_ID: Final = about("Fetch a request by its id", _FETCHED, _WHEN, None, ID)
FETCH_ID_WITHOUT_BODY: Final = about(
    "Fetch a request by its id", _FETCHED, _WHEN, None, ID, KEY_IN_QUERY, has_body=False
)
CHECK: Final = about("Check a picture", PictureChecked, "Whether it is flagged.", Checked)
WALLET_BALANCE: Final = about("Money left", WalletBalance, "In US dollars.")


def of(deed: Deed, path: str, method: str) -> About:
    """A deed by POST with a body, or by GET with everything in the query."""
    named = [ID] if "{id}" in path else []
    if method == "POST":
        return about(deed.title, deed.shape, deed.title, deed.asks, *named)
    return about(deed.title, deed.shape, deed.title, None, *named, KEY_IN_QUERY, *_query(deed.asks), has_body=False)


def of_kept(keep: Keep) -> About:
    return about(keep.title, keep.shape, "Where it is, for a day.", keep.asks)


def _query(schema: type[BaseModel] | None) -> list[dict[str, Any]]:
    described = schema.model_json_schema() if schema else {}
    properties: dict[str, Any] = described.get("properties", {})
    return [
        {"name": name, "in": "query", "required": name in described.get("required", ()), "schema": value}
        for name, value in properties.items()
    ]


AGENTS: Final = about(
    "Search models",
    Envelope,
    "In the envelope of the agents' API.",
    None,
    KEY_IN_QUERY,
    *_query(Search),
    has_body=False,
)
AGENTS_MODEL: Final = about(
    "One model, and what may be sent with it", Envelope, "With JSON schemas.", None, ID, KEY_IN_QUERY, has_body=False
)
