"""For programs that read: llms.txt, all pages in one file, the sitemap and robots.txt."""

from typing import Final

from fastapi import Request, Response

from easel.catalogue.queries import list_models
from easel.site.cards import cards_of
from easel.site.docs import articles
from easel.site.models import model_page, view_of
from easel.site.site import Site
from easel.site.twins import front_matter, plain

MOST_MODELS: Final = 500
"""In one file; the catalogue's pages have them all."""
FULL: Final = 50
"""Models whose whole page is in llms-full.txt."""
PRIVATE: Final = (
    "/account",
    "/operator",
    "/login",
    "/signup",
    "/sign-in",
    "/forgot",
    "/reset",
    "/generations/",
    "/files/",
    "/api/",
    "/v1/",
)


class Agents:
    def __init__(self, site: Site) -> None:
        self._site = site

    def index(self, request: Request) -> Response:
        """https://llmstxt.org"""
        return plain(self._index(request))

    def full(self, request: Request) -> Response:
        """The index, every page of the docs and the models' pages, one after the other."""
        base_url, renderer = self._site.base_url(request), self._site.renderer
        texts = [self._index(request)]
        texts += [article.text for article in articles().values()]
        with self._site.services.database.transaction() as session:
            for model in list_models(session)[:FULL]:
                page = model_page(view_of(self._site, session, base_url, model))
                head = front_matter(self._site, request, page)
                texts.append(renderer.text("model.md", page=page, head=head, base_url=base_url, **page.view))
        return plain("\n\n".join(text.strip() for text in texts) + "\n")

    def robots(self, request: Request) -> Response:
        closed = "".join(f"Disallow: {path}\n" for path in PRIVATE)
        return plain(f"User-agent: *\n{closed}\nSitemap: {self._site.base_url(request)}/sitemap.xml\n")

    def sitemap(self, request: Request) -> Response:
        with self._site.services.database.transaction() as session:
            models = list_models(session)
        providers = sorted({model.provider for model in models})
        places = ["/", "/models", "/pricing", "/docs", *(article.path for article in articles().values())]
        places += [f"/models/{provider}" for provider in providers]
        for model in models:
            places += [f"/models/{model.provider}/{model.model_id}", f"/models/{model.provider}/{model.model_id}/api"]
        xml = self._site.renderer.fragment("sitemap.xml", base_url=self._site.base_url(request), places=places)
        return Response(xml, media_type="application/xml")

    def _index(self, request: Request) -> str:
        with self._site.services.database.transaction() as session:
            cards = cards_of(session, self._site.services.links, list_models(session)[:MOST_MODELS])
        has_mcp = any(getattr(route, "path", "").startswith("/mcp") for route in request.app.routes)
        return self._site.renderer.text(
            "llms.txt",
            base_url=self._site.base_url(request),
            cards=cards,
            docs=list(articles().values()),
            has_mcp=has_mcp,
        )
