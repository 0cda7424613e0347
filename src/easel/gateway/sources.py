"""Pictures that come with a request: fetched or decoded, and stored for the worker to begin from.

A picture is an address, base64 text (bare, or as a data URI) or an uploaded file. A link of this installation is read
from its own store: it need not find its way back to itself over the network, and may be on a private address.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from easel.artifacts.inputs import StoredInput, store_input, store_mask
from easel.domain.errors import InvalidRequest, NotFound
from easel.gateway.files import AS_TEXT
from easel.gateway.services import Services
from easel.kit.fetch import FetchError

AT_ONCE: Final = 8
"""Fetches of a gateway. Slow addresses hold these threads, never those that answer everybody else."""

MASKS: Final = frozenset({"mask_image"})
"""Fields that hold masks."""

Result = TypeVar("Result")

_LINK: Final = re.compile(r"/files/(?P<signature>[^/]+)/(?P<key>.+)")
_DATA: Final = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)
_PADDING: Final = str.maketrans({"-": "+", "_": "/", "=": "", "\n": "", "\r": "", " ": ""})


class Sources:
    """Takes in what requests bring along."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._places = CapacityLimiter(AT_ONCE)

    async def run(self, act: Callable[[], Result]) -> Result:
        """What takes a moment, or waits for somebody else, on one of the threads that are there for it."""
        return await run_sync(act, limiter=self._places)

    async def take_in(self, pictures: Mapping[str, Sequence[str | bytes]]) -> dict[str, StoredInput]:
        """Each by its field, further ones of a field by `nth`.

        Raises InvalidRequest naming the field of the first picture that cannot be had or read.
        """
        return {
            nth(field, at): await self.run(partial(self.store, field, picture))
            for field, of_field in pictures.items()
            for at, picture in enumerate(of_field)
        }

    def store(self, field: str, picture: str | bytes) -> StoredInput:
        data = self.read(field, picture)
        put = store_mask if field in MASKS else store_input
        return put(self._services.blobs, data, field=field)

    def read(self, field: str, picture: str | bytes) -> bytes:
        """The bytes of what was sent. Raises InvalidRequest naming `field`."""
        if isinstance(picture, bytes):
            return picture
        if not is_address(picture):
            return decode(field, picture)
        own = self._own(picture)
        return self._fetch(field, picture) if own is None else own

    def _own(self, address: str) -> bytes | None:
        """What one of our own links leads to; None for any other address."""
        try:
            link = _LINK.fullmatch(unquote(urlsplit(address).path))
        except ValueError:
            return None
        key = link["key"].removesuffix(AS_TEXT) if link else ""
        if not link or not self._services.links.verify(link["signature"], key, self._services.clock.now()):
            return None
        try:
            return self._services.blobs.get(key)
        except NotFound:
            return None

    def _fetch(self, field: str, address: str) -> bytes:
        try:
            answer = self._services.fetcher.get(address)
        except FetchError as error:
            raise _not_fetched(field, str(error)) from None
        if answer.status != 200:
            raise _not_fetched(field, f"the address answered with HTTP status {answer.status}")
        return answer.body


def nth(field: str, at: int) -> str:
    """Under which name picture number `at` of a field is kept; the first has the field's own."""
    return f"{field}[{at}]" if at else field


def is_address(picture: str) -> bool:
    return picture[:8].casefold().startswith(("http://", "https://"))


def decode(field: str, text: str) -> bytes:
    """Base64, in either alphabet, padded or not, in lines or not, bare or in a data URI."""
    bare = text[found.end() :] if (found := _DATA.match(text)) else text
    digits = bare.translate(_PADDING)
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            field, f"{field} is neither an address that begins with https:// or http:// nor a picture as base64 text"
        ) from None


def _not_fetched(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest(field, f"Unable to fetch image from provided URL ({field}): {reason}")
