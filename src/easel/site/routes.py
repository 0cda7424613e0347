"""Every address of the site."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter

from easel.site.browse import Browse
from easel.site.context import Services
from easel.site.entrance import Entrance
from easel.site.errors import page_route
from easel.site.live import Live
from easel.site.playground import Playground
from easel.site.sessions import SessionSigner
from easel.site.site import Site

STATIC: Final = Path(__file__).parent / "static"
"""Served under /static."""


def site_router(services: Services) -> APIRouter:
    site = Site(services, SessionSigner(services.secret))
    browse, entrance, playground, live = Browse(site), Entrance(site), Playground(site), Live(site)
    router = APIRouter(route_class=page_route(site), include_in_schema=False)

    router.get("/")(browse.home)
    router.get("/models")(browse.models)
    router.get("/models/{provider}/{model_id}")(playground.show)
    router.get("/models/{provider}/{model_id}/generations")(playground.back)
    router.post("/models/{provider}/{model_id}/generations")(playground.generate)

    router.get("/generations/{generation_id}/events")(live.events)
    router.post("/generations/{generation_id}/cancel")(playground.cancel)

    router.get("/sign-in")(entrance.show)
    router.post("/sign-in")(entrance.sign_in)
    router.post("/sign-out")(entrance.sign_out)
    return router
