"""Showing one's pictures to everybody, and taking them down."""

from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from easel.artifacts.thumbnails import store_thumbnail
from easel.catalogue.queries import find_model
from easel.generations.queries import view_by_id
from easel.generations.showcase import publish, publishable, unpublish
from easel.site.addresses import model_address, own_path
from easel.site.site import Site


class Exhibiting:
    """`then` is where the form was; the model's page otherwise."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def publish(
        self,
        request: Request,
        generation_id: int,
        index: int,
        csrf: Annotated[str, Form()] = "",
        then: Annotated[str, Form()] = "",
    ) -> Response:
        services = self._site.services
        with services.database.transaction() as session:
            account = self._site.sender(session, request, csrf).account
            key = publishable(session, account, generation_id, index)
        # Between the two, because it decodes a picture; what was published meanwhile is published.
        stored = store_thumbnail(services.blobs, services.blobs.get(key))
        with services.database.transaction() as session:
            publish(session, services.clock, account, generation_id, index, stored)
        return self._back(generation_id, then)

    def unpublish(
        self,
        request: Request,
        generation_id: int,
        index: int,
        csrf: Annotated[str, Form()] = "",
        then: Annotated[str, Form()] = "",
    ) -> Response:
        services = self._site.services
        with services.database.transaction() as session:
            account = self._site.form_owner(session, request, csrf).account
            left = unpublish(session, account, generation_id, index)
        for key in left:
            services.blobs.delete(key)
        return self._back(generation_id, then)

    def _back(self, generation_id: int, then: str) -> Response:
        with self._site.services.database.transaction() as session:
            view = view_by_id(session, self._site.services.clock, generation_id)
            page = model_address(find_model(session, view.model_id)) + "#showcase"
        return RedirectResponse(own_path(then) or page, 303)
