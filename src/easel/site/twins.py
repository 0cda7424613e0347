"""Public pages, each in two forms of one view: HTML for people, Markdown for programs that read.

A page's Markdown is at its address with `.md`, and at the address itself for whoever asks for `text/markdown`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse

from easel.site.addresses import twin_of
from easel.site.site import Site

MARKDOWN: Final = "text/markdown"
VARY: Final = "Accept, Cookie"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A public page before it has a form."""

    name: str
    """Of its templates, NAME.html and NAME.md."""
    title: str
    description: str
    path: str
    type: str = "website"
    component: str = "Index"
    view: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def twin(self) -> str:
        return twin_of(self.path)


def wants_markdown(request: Request) -> bool:
    """Whether the address ends in `.md`, or the client would rather have Markdown than HTML."""
    if request.url.path.endswith(".md"):
        return True
    weights = _weights(request.headers.get("accept", ""))
    return weights.get(MARKDOWN, 0.0) > 0 and weights[MARKDOWN] >= weights.get("text/html", 0.0)


def answer(site: Site, request: Request, page: Page) -> Response:
    """The page in the form that was asked for."""
    if wants_markdown(request):
        return markdown(site, request, page)
    return html(site, request, page)


def html(site: Site, request: Request, page: Page, *, status: int = 200, **more: Any) -> Response:
    response = site.page(request, f"{page.name}.html", status=status, page=page, **page.view, **more)
    response.headers["Link"] = f'<{page.twin}>; rel="alternate"; type="{MARKDOWN}"'
    response.headers["Vary"] = VARY
    return response


def markdown(site: Site, request: Request, page: Page) -> Response:
    """The same for everybody: nothing in it depends on who asks."""
    head, base_url = front_matter(site, request, page), site.base_url(request)
    response = plain(site.renderer.text(f"{page.name}.md", page=page, head=head, base_url=base_url, **page.view))
    response.headers["Content-Type"] = f"{MARKDOWN}; charset=utf-8"
    response.headers["Link"] = f'<{page.path}>; rel="canonical"; type="text/html"'
    response.headers["Vary"] = VARY
    return response


def plain(text: str) -> Response:
    """Text that nobody takes for a page, the same for everybody."""
    return PlainTextResponse(text, headers={"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})


def front_matter(site: Site, request: Request, page: Page) -> dict[str, str]:
    base = site.base_url(request)
    return {
        "title": page.title,
        "description": page.description,
        "url": base + page.twin,
        "canonical": base + page.path,
        "type": page.type,
        "component": page.component,
        "generated_at": f"{site.services.clock.now():%Y-%m-%dT%H:%M:%S.%f}Z",
    }


def _weights(accept: str) -> dict[str, float]:
    """Media types and how much they are wanted, from 0 to 1 (RFC 9110, section 12.5.1)."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        said = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            weights[kind] = float(said)
        except ValueError:
            weights[kind] = 0.0
    return weights
