"""One's own pictures: looked through, shown to everybody and taken down again, deleted."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from easel.artifacts.thumbnails import THUMBNAIL_SIDE, store_thumbnail
from easel.catalogue.queries import find_model, list_models
from easel.generations.delete import delete_pictures
from easel.generations.gallery import models_drawn_with, own_picture, own_pictures
from easel.generations.queries import view_by_id
from easel.generations.showcase import publish, publishable, unpublish
from easel.site.addresses import model_address, own_path
from easel.site.site import Site
from easel.site.small import small_copy
from easel.site.wallet import LINE_NUMBER

CSRF = Annotated[str, Form()]
THEN = Annotated[str, Form()]
"""Where the form was."""
HERE: Final = "/account/pictures"
PICTURES: Final = 24


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
        with self._site.mine(request) as (session, visitor):
            key = own_picture(session, visitor.account.id, generation_id, index).key
        return small_copy(self._site.services.blobs, key, THUMBNAIL_SIDE)

    def publish(self, request: Request, generation_id: int, index: int, csrf: CSRF = "", then: THEN = "") -> Response:
        services = self._site.services
        with self._site.sent(request, csrf) as (session, visitor):
            account = visitor.account
            key = publishable(session, account, generation_id, index)
        # Between the two, because it decodes a picture; what was published meanwhile is published.
        stored = store_thumbnail(services.blobs, services.blobs.get(key))
        with services.database.transaction() as session:
            publish(session, services.clock, account, generation_id, index, stored)
        return self._back(generation_id, then)

    def unpublish(self, request: Request, generation_id: int, index: int, csrf: CSRF = "", then: THEN = "") -> Response:
        """A suspended account may: what it takes down, it shows to nobody."""
        services = self._site.services
        with services.database.transaction() as session:
            account = self._site.form_owner(session, request, csrf).account
            left = unpublish(session, account, generation_id, index)
        for key in left:
            services.blobs.delete(key)
        return self._back(generation_id, then)

    def delete(self, request: Request, generation_id: int, index: int, csrf: CSRF = "", then: THEN = "") -> Response:
        services = self._site.services
        with self._site.sent(request, csrf) as (session, visitor):
            account_id = visitor.account.id
            own_picture(session, account_id, generation_id, index)
            delete_pictures(session, services.clock, services.blobs, account_id, generation_id, index)
        return RedirectResponse(own_path(then) or HERE, 303)

    def _back(self, generation_id: int, then: str) -> Response:
        """To where the form was, or to where the picture is shown."""
        with self._site.services.database.transaction() as session:
            view = view_by_id(session, self._site.services.clock, generation_id)
            page = model_address(find_model(session, view.model_id)) + "#showcase"
        return RedirectResponse(own_path(then) or page, 303)
