"""Every refusal Easel knows, as a tree.

    DomainError
    ├── InvalidRequest          a field is missing or out of range
    │   └── ModelNotInstalled   the model is known, its weights are not here
    ├── NotAuthenticated        no key, or a key nobody has
    ├── NotAllowed              the key is good, the act is not open to it
    ├── NotFound                no such thing for this account
    ├── NotEnoughCredit         the wallet cannot cover the request
    ├── QuotaUsedUp             the plan's pictures of the day are drawn
    ├── SpendingCapReached      the key has spent what it may
    ├── Conflict                the thing has moved on
    ├── TooManyQueued           the plan's queue is full
    ├── TooManyAttempts         tried too often; later again
    ├── Unavailable             a part of the installation is down
    └── GenerationFailed        a picture could not be drawn

A message is a sentence that says what to change. The HTTP number of a kind stands in gateway/errors.py.
"""

from enum import StrEnum
from math import ceil
from typing import ClassVar


class Kind(StrEnum):
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    PAYMENT_REQUIRED = "payment_required"
    CONFLICT = "conflict"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"


class DomainError(Exception):
    """An expected refusal; never counts as a crash."""

    kind: ClassVar[Kind]

    @property
    def message(self) -> str:
        return str(self)


class InvalidRequest(DomainError):
    """A field of a request is missing, malformed or out of range."""

    kind = Kind.INVALID

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class ModelNotInstalled(InvalidRequest):
    """The catalogue knows the model, but its weights are not on this installation."""

    def __init__(self, model_id: str, field: str = "model_id") -> None:
        super().__init__(
            field,
            f"Model {model_id} is in the catalogue, but its weights are not installed; "
            f"an operator installs them with: easel models install {model_id}",
        )


class NotAuthenticated(DomainError):
    kind = Kind.UNAUTHENTICATED


class NotAllowed(DomainError):
    kind = Kind.FORBIDDEN


class NotFound(DomainError):
    kind = Kind.NOT_FOUND


class NotEnoughCredit(DomainError):
    """The wallet cannot cover this request."""

    kind = Kind.PAYMENT_REQUIRED


class QuotaUsedUp(DomainError):
    """The plan's number of pictures for the day is used up."""

    kind = Kind.PAYMENT_REQUIRED


class SpendingCapReached(DomainError):
    """The key that asked may not spend so much more, whatever its account has."""

    kind = Kind.PAYMENT_REQUIRED


class Conflict(DomainError):
    """The thing acted upon has moved on meanwhile."""

    kind = Kind.CONFLICT


class TooManyQueued(DomainError):
    """The account has as many requests in the queue as its plan allows."""

    kind = Kind.TOO_MANY

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__(f"Rate limit exceeded. Maximum {limit} queued requests allowed.")
        self.retry_after = retry_after


class TooManyAttempts(DomainError):
    """Somebody has tried something so often that it must wait."""

    kind = Kind.TOO_MANY

    def __init__(self, retry_after: int) -> None:
        wait = f"{retry_after} seconds" if retry_after < 120 else f"{ceil(retry_after / 60)} minutes"
        super().__init__(f"That was tried too often; try again in {wait}.")
        self.retry_after = retry_after


class Unavailable(DomainError):
    kind = Kind.UNAVAILABLE


class GenerationFailed(DomainError):
    """A picture could not be drawn; the message is fit for the customer."""

    kind = Kind.FAILED
