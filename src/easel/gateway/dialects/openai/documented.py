"""What OpenAPI says about each route. Bodies are read by hand, so their schemas are given here."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from easel.gateway import components
from easel.gateway.dialects.openai.schemas import Edit, Generate, Images, Variation

About: TypeAlias = Mapping[str, Any]


class ErrorDetails(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class Error(BaseModel):
    error: ErrorDetails


class Picture(BaseModel):
    b64_json: str | None = None
    url: str | None = None


class Pictures(BaseModel):
    created: int
    background: str
    output_format: str
    quality: str
    size: str
    data: list[Picture]
    usage: dict[str, Any]
    easel: dict[str, Any]


class ListedModel(BaseModel):
    id: str
    object: str
    created: int
    owned_by: str


class ModelList(BaseModel):
    object: str
    data: list[ListedModel]


SAID: Final = {
    400: "A field is missing, malformed or out of range; param names it",
    401: "No API key, or one that nobody has",
    402: "The wallet cannot cover the request",
    403: "Not open to this key or account",
    404: "No such model",
    409: "The Idempotency-Key was sent with another request",
    413: "The body is too large",
    429: "The queue of the account's plan is full",
    500: "The picture could not be drawn",
    503: "A part of the installation is down",
    504: "The picture is not done yet; it goes on",
}
ERRORS: Final = {status: components.answer(Error, text) for status, text in SAID.items()}
MODEL_ID: Final = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}


def _body(schema: type[Images], media_type: str) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema.model_json_schema()}
    if media_type == "application/json":
        content["example"] = {"prompt": "three red stars on a blue background", "n": 1, "size": "256x256"}
    return {"requestBody": {"required": True, "content": {media_type: content}}}


def _about(summary: str, answer: type[BaseModel], **openapi: Any) -> About:
    return {
        "summary": summary,
        "responses": {200: components.answer(answer, summary), **ERRORS},
        "openapi_extra": openapi,
    }


GENERATE: Final = _about("Draw pictures from a prompt", Pictures, **_body(Generate, "application/json"))
EDIT: Final = _about("Draw a part of a picture anew, or all of it", Pictures, **_body(Edit, "multipart/form-data"))
VARIATION: Final = _about("Vary a picture", Pictures, **_body(Variation, "multipart/form-data"))
MODELS: Final = _about("The catalogue", ModelList)
MODEL: Final = _about("One model", ListedModel, parameters=[MODEL_ID])
