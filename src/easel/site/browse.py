"""Home and the list of models."""

from fastapi import Request, Response

from easel.catalogue.adapters import drawn_on
from easel.catalogue.queries import find_model, list_models
from easel.site.addresses import model_address
from easel.site.describe import card_of
from easel.site.site import Site


class Browse:
    def __init__(self, site: Site) -> None:
        self._site = site

    def home(self, request: Request) -> Response:
        return self._listing(request, "home.html")

    def models(self, request: Request) -> Response:
        return self._listing(request, "models.html")

    def _listing(self, request: Request, template: str) -> Response:
        with self._site.services.database.transaction() as session:
            visitor = self._site.visitor(session, request)
            cards = [card_of(model, drawn_on(session, model)) for model in list_models(session)]
            start = model_address(find_model(session, self._site.services.default_model))
        # What can be tried at once comes first.
        cards.sort(key=lambda card: not card.can_draw)
        return self._site.page(request, template, visitor=visitor, cards=cards, start=start)
