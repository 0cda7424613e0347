"""Refusals as pages: a heading, the sentence and where to go from here."""

from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from easel.domain.errors import DomainError, InvalidRequest, Kind, NotAuthenticated
from easel.site.site import SignInFirst, Site

STATUS: Final = {
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.PAYMENT_REQUIRED: 402,
    Kind.CONFLICT: 409,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
    Kind.FAILED: 500,
}
TITLES: Final = {
    Kind.NOT_FOUND: "There is nothing at this address",
    Kind.UNAUTHENTICATED: "Please sign in",
    Kind.INVALID: "This cannot be done as asked",
}

UNREADABLE: Final = "The form could not be read. Go back to the page, load it again and send the form once more."
UNREAD: Final = (400, 413)
"""What reading a form ends with when it is no form, or larger than what is taken in."""


class LinkOver(NotAuthenticated):
    """A mailed link is no longer good; the message says how to get another."""

    title = "This link has been used or has run out"


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def page_route(site: Site) -> type[APIRoute]:
    """A route whose refusals are pages for people."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            answer = super().get_route_handler()

            async def answer_with_pages(request: Request) -> Response:
                try:
                    return await answer(request)
                except SignInFirst as stranger:
                    return RedirectResponse(f"/login?{urlencode({'then': stranger.then})}", 303)
                except DomainError as refusal:
                    return await run_in_threadpool(refusal_page, site, request, refusal)
                except HTTPException as problem:
                    if problem.status_code not in UNREAD:
                        raise
                    sentence = problem.detail if problem.status_code == 413 else UNREADABLE
                    unread = InvalidRequest("form", sentence)
                    return await run_in_threadpool(refusal_page, site, request, unread, problem.status_code)
                except RequestValidationError as misfit:
                    if any(error["loc"][0] == "path" for error in misfit.errors()):
                        return await run_in_threadpool(not_found_page, site, request)
                    unreadable = InvalidRequest("form", UNREADABLE)
                    return await run_in_threadpool(refusal_page, site, request, unreadable)

            return answer_with_pages

    return PageRoute


def refusal_page(site: Site, request: Request, refusal: DomainError, status: int | None = None) -> HTMLResponse:
    title = refusal.title if isinstance(refusal, LinkOver) else TITLES.get(refusal.kind, "This did not work")
    return site.page(
        request, "message.html", status=status or STATUS[refusal.kind], title=title, sentences=[refusal.message]
    )


def not_found_page(site: Site, request: Request) -> HTMLResponse:
    sentence = "The address may be mistyped, or what was here has moved. The models are the place to start."
    return site.page(request, "message.html", status=404, title=TITLES[Kind.NOT_FOUND], sentences=[sentence])
