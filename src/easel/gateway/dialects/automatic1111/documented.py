"""What OpenAPI says about each route. Bodies are read by hand, so their schemas are given here."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from easel.gateway import components
from easel.gateway.dialects.automatic1111.options import Options
from easel.gateway.dialects.automatic1111.schemas import ExtraBatch, ExtraSingle, Img2Img, PngInfo, Task, Txt2Img

About: TypeAlias = Mapping[str, Any]


class Error(BaseModel):
    error: str
    detail: str | list[dict[str, Any]]
    body: str
    errors: str


class Drawn(BaseModel):
    images: list[str]
    parameters: dict[str, Any]
    info: str


class Progress(BaseModel):
    progress: float
    eta_relative: float
    state: dict[str, Any]
    current_image: str | None
    textinfo: str | None


class OneImage(BaseModel):
    html_info: str
    image: str | None


class ManyImages(BaseModel):
    html_info: str
    images: list[str]


class Info(BaseModel):
    info: str
    items: dict[str, str]
    parameters: dict[str, str]


class TaskProgress(BaseModel):
    active: bool
    queued: bool
    completed: bool
    progress: float | None
    eta: float | None
    live_preview: str | None
    id_live_preview: int | None
    textinfo: str | None


SAID: Final = {
    401: "No API key, or one that nobody has",
    402: "The wallet cannot cover the request",
    403: "Not open to this key or account",
    404: "No such model, sampler or scheduler",
    409: "The Idempotency-Key was sent with another request",
    413: "The body is too large",
    422: "A field is missing, malformed or out of range; detail names it",
    429: "The queue of the account's plan is full",
    500: "The picture could not be drawn",
    503: "A part of the installation is down",
    504: "The picture is not done yet; it goes on",
}
ERRORS: Final = {status: components.answer(Error, text) for status, text in SAID.items()}


def about(summary: str, answer: Any = None, body: type[BaseModel] | None = None) -> About:
    openapi: dict[str, Any] = {}
    if body:
        content = {"application/json": {"schema": body.model_json_schema()}}
        openapi = {"requestBody": {"required": True, "content": content}}
    said = components.answer(answer, summary) if answer else {"description": summary}
    return {"summary": summary, "responses": {200: said, **ERRORS}, "openapi_extra": openapi}


TXT2IMG: Final = about("Draw pictures from a prompt", Drawn, Txt2Img)
IMG2IMG: Final = about("Draw pictures from a picture, or a part of it anew", Drawn, Img2Img)
PROGRESS: Final = about("What is being drawn for this key", Progress)
TASK: Final = about("A request by its force_task_id", TaskProgress, Task)
INTERRUPT: Final = about("End the request in hand")
SKIP: Final = about("End the order in hand, and go on with the next")
OPTIONS: Final = about("The options of this key", dict[str, Any])
SET_OPTIONS: Final = about("Set options of this key", body=Options)
PNG_INFO: Final = about("What a picture's file says", Info, PngInfo)
EXTRA_SINGLE: Final = about("Make a picture larger", OneImage, ExtraSingle)
EXTRA_BATCH: Final = about("Make pictures larger", ManyImages, ExtraBatch)
INTERROGATE: Final = about("Not installed")
NOTHING: Final = about("Nothing to do: workers look after this themselves")
PING: Final = about("The server is there")
