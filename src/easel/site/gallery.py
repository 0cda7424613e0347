"""One's own pictures: looked through, shown to others, deleted."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from easel.artifacts.reading import read_picture
from easel.artifacts.thumbnails import THUMBNAIL_SIDE, as_webp, fitted
from easel.catalogue.queries import list_models
from easel.generations.delete import delete_pictures
from easel.generations.gallery import models_drawn_with, own_picture, own_pictures
from easel.site.addresses import model_address, own_path
from easel.site.site import Site
from easel.site.wallet import LINE_NUMBER

HERE: Final = "/account/pictures"
PICTURES: Final = 24
SMALL: Final = {"Cache-Control": "private, max-age=86400, immutable", "Content-Security-Policy": "default-src 'none'"}
"""A picture's bytes never change, and neither does its small copy."""


class Gallery:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(
        self,
        request: Request,
        q: Annotated[str, Query(max_length=200)] = "",
        model: Annotated[str, Query(max_length=200)] = "",
        before: LINE_NUMBER = None,
    ) -> Response:
        with self._site.mine(request) as (session, visitor):
            found = own_pictures(
                session, visitor.account.id, words=q, model_id=model or None, before=before, limit=PICTURES + 1
            )
            drawn_with = models_drawn_with(session, visitor.account.id)
            known = {one.model_id: one for one in list_models(session)}
            start = self._site.start(session)
        pictures, links = found[:PICTURES], self._site.services.links
        asked = {name: value for name, value in (("q", q), ("model", model), ("before", before)) if value}
        return self._site.page(
            request,
            "pictures.html",
            visitor=visitor,
            pictures=pictures,
            names={one.key: known[one.model_id].name if one.model_id in known else one.model_id for one in pictures},
            addresses={one.key: links.path(one.key) for one in pictures},
            again={
                one.key: model_address(known[one.model_id], generation=one.generation_id, seed=one.seed)
                for one in pictures
                if one.model_id in known
            },
            models=[(one, known[one].name if one in known else one) for one in drawn_with],
            q=q,
            model=model,
            back=f"{HERE}?{urlencode(asked)}" if asked else HERE,
            next=urlencode({**asked, "before": pictures[-1].number}) if len(found) > PICTURES else None,
            is_first=before is None,
            start=start,
        )

    def small(self, request: Request, generation_id: int, index: int) -> Response:
        """A small copy, made when it is asked for: nothing is stored that would have to be deleted again."""
        with self._site.mine(request) as (session, visitor):
            key = own_picture(session, visitor.account.id, generation_id, index).key
        picture = read_picture(self._site.services.blobs.get(key), "picture")
        return Response(as_webp(fitted(picture, THUMBNAIL_SIDE), 80), media_type="image/webp", headers=SMALL)

    def delete(
        self,
        request: Request,
        generation_id: int,
        index: int,
        csrf: Annotated[str, Form()] = "",
        then: Annotated[str, Form()] = "",
    ) -> Response:
        services = self._site.services
        with self._site.sent(request, csrf) as (session, visitor):
            account_id = visitor.account.id
            own_picture(session, account_id, generation_id, index)
            delete_pictures(session, services.clock, services.blobs, account_id, generation_id, index)
        return RedirectResponse(own_path(then) or HERE, 303)
