"""Put a picture away and write down that it is there."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.artifacts.tables import Artifact

SUFFIXES: Final[Mapping[str, str]] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
MEDIA_TYPES: Final[Mapping[str, str]] = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}

PREVIEWS: Final = "previews"
"""The folder of pictures on their way, where nothing is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPicture:
    """A picture whose bytes are already in the blob store."""

    index: int
    key: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    seed: int
    thumbhash: str | None = None


def describe_picture(
    data: bytes, *, index: int, key: str, width: int, height: int, seed: int, thumbhash: str | None = None
) -> StoredPicture:
    return StoredPicture(
        index=index,
        key=key,
        media_type=MEDIA_TYPES[PurePosixPath(key).suffix],
        width=width,
        height=height,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        seed=seed,
        thumbhash=thumbhash,
    )


def picture_key(
    generation_uuid: str, index: int, *, temporary: bool = False, format: Literal["png", "jpeg", "webp"] = "png"
) -> str:
    """Known before the picture is drawn, so that a client may be told where it will be."""
    folder = "temp" if temporary else "generations"
    return f"{folder}/{index}-{generation_uuid}{SUFFIXES[format]}"


def preview_key(generation_uuid: str, attempt: int, number: int) -> str:
    return f"{PREVIEWS}/{attempt}-{number}-{generation_uuid}.webp"


def record(session: Session, generation_id: int, pictures: Iterable[StoredPicture], now: datetime) -> None:
    session.add_all(
        Artifact(
            generation_id=generation_id,
            index=picture.index,
            key=picture.key,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            size_bytes=picture.size_bytes,
            sha256=picture.sha256,
            seed=picture.seed,
            thumbhash=picture.thumbhash,
            created_at=now,
        )
        for picture in pictures
    )


def artifacts_of(session: Session, generation_id: int) -> list[Artifact]:
    return list(session.scalars(select(Artifact).filter_by(generation_id=generation_id).order_by(Artifact.index)))
