"""Routes that take a picture and keep it: uploads, crops, enlargements."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from PIL import Image
from pydantic import AliasChoices, Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from easel.accounts.tables import Account, Scope
from easel.artifacts.fitting import fit
from easel.artifacts.inputs import StoredInput, record_inputs, store_picture
from easel.artifacts.reading import MOST_PIXELS, read_picture
from easel.domain.errors import InvalidRequest
from easel.gateway.auth import as_account, key_of
from easel.gateway.dialects.modelslab.calls import Handler
from easel.gateway.dialects.modelslab.schemas import Asked, Images, Name, Switch, Text, Whole
from easel.gateway.incoming import Fields, read_incoming
from easel.gateway.services import Services, base_url_of
from easel.gateway.sources import Sources
from easel.generations.expire import TEMPORARY

LARGEST_UPLOAD: Final = 5 * 10**6
"""Bytes of a picture that is sent as text to be kept."""

CROP: Final = 512
MOST_SCALE: Final = 4


class Cropped(Asked):
    image: Images = Field(description="A picture as base64 text or a data URI; an address is taken as well.")
    crop: Switch = Field(default=True, description=f"Whether it is cut to {CROP} by {CROP} pixels.")


class Uploaded(Asked):
    base64_string: Images = Field(
        validation_alias=AliasChoices("base64_string", "base64_image", "image"),
        description="A picture as base64 text or a data URI. Aliases: base64_image, image.",
    )
    image_type: Name = Field(default="png", description="png, jpeg or jpg: what it is said to be. It is kept as PNG.")


class Enlarged(Asked):
    url: Images = Field(
        validation_alias=AliasChoices("url", "init_image", "image"),
        description="The picture: an address, base64 text or a data URI. Aliases: init_image, image.",
    )
    scale: Whole = Field(default=3, description=f"How many times as wide and as high, 1 to {MOST_SCALE}.")
    model_id: Text | None = Field(default=None, description="Taken and not used: pictures are resampled.")
    face_enhance: Switch = Field(default=False, description="Taken and not used; the answer says so.")


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture that was taken in, and where it can be read."""

    stored: StoredInput
    link: str
    seconds: float
    warnings: list[str]

    @property
    def number(self) -> int:
        """A number for it: the same picture has the same one."""
        return int(self.stored.key.removeprefix("inputs/")[:8], 16)


Make: TypeAlias = Callable[[Sources, Fields], tuple[Image.Image, list[str]]]
"""From the fields to the picture that is kept, and what is to be said about it."""


def keeping(services: Services, sources: Sources, make: Make, say: Callable[[Kept], Any]) -> Handler:
    """Links are good for a day; the picture itself is kept for as long as requests use it."""

    async def handle(request: Request) -> Response:
        incoming = await read_incoming(request)
        key, base_url = key_of(request, incoming), base_url_of(services, request)
        await as_account(services, key, Scope.GENERATE, _nothing)
        started = time.perf_counter()

        def keep() -> tuple[StoredInput, list[str]]:
            picture, warnings = make(sources, incoming.fields)
            return store_picture(services.blobs, picture), warnings

        stored, warnings = await sources.run(keep)

        def record(session: Session, _: Account) -> None:
            record_inputs(session, [stored], services.clock.now())

        await as_account(services, key, Scope.GENERATE, record)
        link = base_url + services.links.path(stored.key, services.clock.now() + TEMPORARY)
        return JSONResponse(say(Kept(stored, link, round(time.perf_counter() - started, 2), warnings)))

    return handle


def crop(sources: Sources, fields: Fields) -> tuple[Image.Image, list[str]]:
    asked = Cropped.read(fields)
    picture = _read(sources, "image", asked.image, LARGEST_UPLOAD)
    return fit(picture, CROP, CROP) if asked.crop else picture, []


def upload(sources: Sources, fields: Fields) -> tuple[Image.Image, list[str]]:
    asked = Uploaded.read(fields)
    return _read(sources, "base64_string", asked.base64_string, LARGEST_UPLOAD), []


def enlarge(sources: Sources, fields: Fields) -> tuple[Image.Image, list[str]]:
    asked = Enlarged.read(fields)
    if not 1 <= asked.scale <= MOST_SCALE:
        raise InvalidRequest("scale", f"scale must be between 1 and {MOST_SCALE}")
    picture = _read(sources, "url", asked.url)
    width, height = picture.width * asked.scale, picture.height * asked.scale
    if width * height > MOST_PIXELS:
        raise InvalidRequest(
            "scale", f"The picture would be {width}x{height}, which is too large; choose a smaller scale"
        )
    warnings = [f"The picture was resampled; {asked.model_id} was not used."] if asked.model_id else []
    if asked.face_enhance:
        warnings.append("face_enhance is not available here.")
    return picture.resize((width, height), Image.Resampling.LANCZOS), warnings


def _read(sources: Sources, field: str, pictures: list[str | bytes], most: int | None = None) -> Image.Image:
    data = sources.read(field, pictures[0])
    if most and len(data) > most:
        raise InvalidRequest(field, f"{field} is larger than {most // 10**6} MB; send a smaller picture")
    return read_picture(data, field)


def _nothing(session: Session, account: Account) -> None:
    """To be let in is enough."""
