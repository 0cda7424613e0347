"""From an error to what is answered: the kinds and their HTTP numbers in one table, the shape left to the dialect.

DomainError           its sentence, with the number of its kind
HTTPException         no such path, wrong method, body too large
database is down      503
anything else         500, logged with an id and without its text, which may quote a prompt
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from easel.db.session import DATABASE_IS_DOWN
from easel.domain.errors import DomainError, InvalidRequest, Kind, TooManyAttempts, TooManyQueued

STATUS: Final[Mapping[Kind, int]] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.PAYMENT_REQUIRED: 402,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.TOO_MANY: 429,
    Kind.FAILED: 500,
    Kind.UNAVAILABLE: 503,
}

SENTENCES: Final[Mapping[int, str]] = {
    404: "There is nothing at this address. Check the path; /openapi.json lists what is here.",
    405: "This address is there, but not for this method. Most of the API wants POST.",
}

UNEXPECTED: Final = "Internal server error. Please try again."
DOWN: Final = "Service temporarily unavailable. Please try again later."


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as every dialect can say it."""

    status: int
    message: str
    retry_after: int | None = None
    allow: str | None = None
    field: str | None = None
    """Which field is wrong, by our name for it."""
    unreadable: bool = False
    """The body could not be read at all; some dialects have words of their own for that."""

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Cache-Control": "no-store"}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.allow:
            headers["Allow"] = self.allow
        return headers


Shape: TypeAlias = Callable[[Request, Refusal], Response]
"""How a dialect writes a refusal."""


class UnreadableBody(InvalidRequest):
    """The body is no JSON object and no form."""

    def __init__(self, sentence: str) -> None:
        super().__init__("body", sentence)


def refusal_of(error: Exception) -> Refusal:
    match error:
        case UnreadableBody():
            return Refusal(STATUS[error.kind], error.message, unreadable=True)
        case TooManyQueued() | TooManyAttempts():
            return Refusal(STATUS[error.kind], error.message, retry_after=error.retry_after)
        case InvalidRequest():
            return Refusal(STATUS[error.kind], error.message, field=getattr(error, "field", None))
        case DomainError():
            return Refusal(STATUS[error.kind], error.message)
        case HTTPException():
            allow = (error.headers or {}).get("Allow")
            return Refusal(error.status_code, SENTENCES.get(error.status_code, error.detail), allow=allow)
        case RequestValidationError():
            problem = error.errors()[0]
            return Refusal(400, f"{problem['loc'][-1]}: {problem['msg']}")
        case _ if isinstance(error, DATABASE_IS_DOWN):
            return Refusal(503, DOWN, retry_after=5)
        case _:
            return Refusal(500, UNEXPECTED)


def plain(request: Request, refusal: Refusal) -> Response:
    """The shape of paths that belong to no dialect."""
    title = HTTPStatus(refusal.status).phrase
    return PlainTextResponse(f"{title}. {refusal.message}\n", refusal.status, refusal.headers)
