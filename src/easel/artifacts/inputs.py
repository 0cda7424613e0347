"""Pictures that customers send: stored once, whoever sends them how often, and forgotten when nobody has used them.

A key is the hash of the plain picture, so the same picture is the same blob, and its row says when it was last used.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from PIL import Image
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.artifacts.blobs import BlobStore
from easel.artifacts.reading import as_png, read_mask, read_picture
from easel.artifacts.tables import Input

KEPT: Final = timedelta(days=30)
"""After its last use: long enough to draw the same again, and far longer than any request waits."""

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInput:
    """An input whose bytes are in the blob store. It counts once `record_inputs` has written it down."""

    key: str
    width: int
    height: int
    size_bytes: int


def store_input(blobs: BlobStore, data: bytes, *, field: str = "init_image") -> StoredInput:
    """Take a picture in. Raises InvalidRequest naming `field`, with a sentence, for what is no plain picture.

    Decoding takes a moment and may wait for the store: call it outside of any transaction.
    """
    return store_picture(blobs, read_picture(data, field))


def store_mask(
    blobs: BlobStore, data: bytes, *, field: str = "mask_image", transparent_is_drawn: bool = False
) -> StoredInput:
    """Take a mask in: white is drawn anew. `transparent_is_drawn` is for OpenAI's clients, who erase what should be."""
    return store_picture(blobs, read_mask(data, field, transparent_is_drawn=transparent_is_drawn))


def store_picture(blobs: BlobStore, picture: Image.Image) -> StoredInput:
    """Take in a picture that was read, and perhaps worked on, already."""
    data = as_png(picture)
    key = f"inputs/{hashlib.sha256(data).hexdigest()}.png"
    blobs.put(key, data)
    return StoredInput(key=key, width=picture.width, height=picture.height, size_bytes=len(data))


def record_inputs(session: Session, inputs: Iterable[StoredInput], now: datetime) -> None:
    """Write down that they are there and in use."""
    for stored in inputs:
        values = {
            "key": stored.key,
            "width": stored.width,
            "height": stored.height,
            "size_bytes": stored.size_bytes,
            "created_at": now,
            "used_at": now,
        }
        session.execute(
            insert(Input).values(values).on_conflict_do_update(index_elements=["key"], set_={"used_at": now})
        )


def use_inputs(session: Session, keys: Collection[str], now: datetime) -> Mapping[str, Size]:
    """The sizes of those that are there, which are kept for a while from `now` on."""
    if not keys:
        return {}
    rows = session.scalars(select(Input).where(Input.key.in_(keys)).order_by(Input.key).with_for_update())
    sizes: dict[str, Size] = {}
    for row in rows:
        row.used_at = now
        sizes[row.key] = (row.width, row.height)
    return sizes


def forget_unused(session: Session, blobs: BlobStore, now: datetime, limit: int = 100) -> int:
    """Delete inputs that nobody has used for KEPT; answers how many. Any process may call this at any time."""
    unused = select(Input).where(Input.used_at < now - KEPT).order_by(Input.used_at).limit(limit)
    rows = list(session.scalars(unused.with_for_update(skip_locked=True)))
    for row in rows:
        blobs.delete(row.key)
        session.delete(row)
    return len(rows)
