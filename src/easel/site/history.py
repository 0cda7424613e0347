"""The strip of what a visitor drew lately, and the small pictures in it."""

from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response
from sqlalchemy.orm import Session

from easel.domain.errors import NotAuthenticated, NotFound
from easel.generations.history import key_of_first, latest_pictures
from easel.site.addresses import model_address
from easel.site.site import ENDED, Site
from easel.site.small import GONE, small_copy

SIDE: Final = 160
"""Twice as many pixels as it is shown with, for fine screens."""


@dataclass(frozen=True)
class PastPicture:
    address: str
    thumbnail: str
    prompt: str
    width: int
    height: int


def past_pictures(session: Session, account_id: int) -> list[PastPicture]:
    return [
        PastPicture(
            model_address(past.model, generation=past.generation_id),
            f"/generations/{past.generation_id}/thumbnail",
            past.prompt,
            past.width,
            past.height,
        )
        for past in latest_pictures(session, account_id)
    ]


class History:
    def __init__(self, site: Site) -> None:
        self._site = site

    def thumbnail(self, request: Request, generation_id: int) -> Response:
        """A generation's first picture, small. Made anew each time: a browser asks once."""
        with self._site.services.database.transaction() as session:
            visitor = self._site.visitor(session, request)
            if visitor is None:
                raise NotAuthenticated(ENDED)
            key = key_of_first(session, visitor.account.id, generation_id)
        if key is None:
            raise NotFound(GONE)
        return small_copy(self._site.services.blobs, key, SIDE)
