"""Pictures of the showcase as pages show them: those that people published, and those that come with Easel."""

import base64
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from sqlalchemy.orm import Session

from easel.artifacts.links import LinkSigner
from easel.artifacts.thumbnails import picture_of
from easel.generations.showcase import Shown, newest_of_each, showcase_of
from easel.site.form import PlaygroundForm

SHIPPED: Final = "/static/showcase"
PRIVATE: Final = ("samples", "picture", "mask")
"""What a published picture's form keeps to itself."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    address: str
    thumbnail: str
    thumbhash: str
    width: int
    height: int
    prompt: str
    seed: int
    again: str
    """The query that fills the playground's form with what it was drawn from."""
    generation_id: int | None = None
    """Of a published one; None for one that comes with Easel."""
    index: int = 0


def pictures_of(session: Session, links: LinkSigner, model_id: str) -> list[Picture]:
    """What a model's page shows: newly published pictures first, then its own."""
    return [*(_published(shown, links) for shown in showcase_of(session, model_id)), *shipped().get(model_id, ())]


def cover_of_each(session: Session, links: LinkSigner, model_ids: Sequence[str]) -> dict[str, Picture]:
    """One picture a model, where it has any; chosen ones that come with Easel before what was published last."""
    newest = newest_of_each(session, model_ids)
    covers = {model_id: _published(shown, links) for model_id, shown in newest.items()}
    return covers | {model_id: pictures[0] for model_id, pictures in shipped().items() if model_id in set(model_ids)}


@cache
def shipped() -> dict[str, tuple[Picture, ...]]:
    """The pictures of showcase.toml, by model."""
    text = (resources.files("easel.site") / "showcase.toml").read_text("utf-8")
    return {
        model_id: tuple(_shipped(**picture) for picture in pictures)
        for model_id, pictures in tomllib.loads(text).items()
    }


@lru_cache(maxsize=4096)
def blur(thumbhash: str) -> str:
    """A `data:` address of what stands in a picture's place while it loads."""
    return "data:image/webp;base64," + base64.b64encode(picture_of(thumbhash)).decode()


def _shipped(*, file: str, prompt: str, seed: int, thumbhash: str, width: int, height: int) -> Picture:
    address = f"{SHIPPED}/{file}"
    form = PlaygroundForm(prompt=prompt, seed=str(seed), size=f"{width}x{height}")
    return Picture(
        address=address,
        thumbnail=address,
        thumbhash=thumbhash,
        width=width,
        height=height,
        prompt=prompt,
        seed=seed,
        again=form.query("samples"),
    )


def _published(shown: Shown, links: LinkSigner) -> Picture:
    return Picture(
        address=links.path(shown.key),
        thumbnail=links.path(shown.thumbnail_key),
        thumbhash=shown.thumbhash,
        width=shown.width,
        height=shown.height,
        prompt=shown.request.prompt,
        seed=shown.seed,
        again=PlaygroundForm.again(shown.model_id, shown.request, str(shown.seed)).query(*PRIVATE),
        generation_id=shown.generation_id,
        index=shown.index,
    )
