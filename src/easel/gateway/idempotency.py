"""The terms of an order that stand in headers, the same for every dialect.

    Idempotency-Key   the same key with the same request orders once, for a day; with another request it is a conflict
    Easel-Max-Wait    seconds that the request may wait in the queue before it fails unpaid

A dialect's submit route takes `terms_of(...)` before it opens a transaction, and hands both to `submit`.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from starlette.requests import Request

from easel.domain.errors import InvalidRequest
from easel.gateway.incoming import Incoming
from easel.gateway.services import Services
from easel.generations.idempotency import Idempotency

LONGEST_MAX_WAIT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Terms:
    idempotency: Idempotency | None
    max_wait: timedelta


def terms_of(services: Services, request: Request, incoming: Incoming) -> Terms:
    """Raises InvalidRequest for a header that cannot be read."""
    key = request.headers.get("idempotency-key")
    return Terms(
        None if key is None else Idempotency(key.strip(), fingerprint(request, incoming)),
        _max_wait(request.headers.get("easel-max-wait"), services.max_wait),
    )


def fingerprint(request: Request, incoming: Incoming) -> str:
    """What was asked, however and in whichever order the fields were sent; not who asked, for that is the account."""
    fields = {name: value for name, value in incoming.fields.items() if name != "key"}
    asked = json.dumps([request.scope["path"], fields], sort_keys=True, default=_described)
    return hashlib.sha256(asked.encode()).hexdigest()


def _described(value: object) -> str:
    """What JSON has no word for, such as the bytes of an upload."""
    data = value if isinstance(value, bytes) else repr(value).encode()
    return hashlib.sha256(data).hexdigest()


def _max_wait(said: str | None, usual: timedelta) -> timedelta:
    if said is None:
        return usual
    digits = said.strip()
    seconds = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else 0
    if not 0 < seconds <= LONGEST_MAX_WAIT.total_seconds():
        raise InvalidRequest(
            "Easel-Max-Wait",
            f"Easel-Max-Wait must be a whole number of seconds from 1 to {LONGEST_MAX_WAIT.total_seconds():.0f}",
        )
    return timedelta(seconds=seconds)
