"""Models for operators: whether they are installed, what they cost, whether they are on offer."""

from typing import Annotated, Final

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from easel.accounts.roles import Power
from easel.catalogue.queries import list_models
from easel.domain.errors import DomainError, InvalidRequest
from easel.domain.money import read_dollars
from easel.generations import operators
from easel.site.describe import KINDS
from easel.site.operators import overseeing
from easel.site.refusals import refused
from easel.site.site import Site

HERE: Final = "/operator/models"
DONE: Final = {
    "price": "The price holds from now on; what is already asked for keeps its own.",
    "withdrawn": "The model is off offer.",
    "offered": "The model is on offer again.",
}


class OperatorModels:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request, done: str = "") -> Response:
        return self._page(request, done=DONE.get(done, ""))

    def set_price(
        self,
        request: Request,
        csrf: Annotated[str, Form()] = "",
        model_id: Annotated[str, Form()] = "",
        price: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            with self._site.sent(request, csrf) as (session, visitor):
                amount = read_dollars(price, "price")
                operators.set_price(session, self._site.services.clock, visitor.account, model_id, amount)
        except InvalidRequest as refusal:
            return self._page(request, refusal)
        return RedirectResponse(f"{HERE}?done=price", 303)

    def withdraw(
        self, request: Request, csrf: Annotated[str, Form()] = "", model_id: Annotated[str, Form()] = ""
    ) -> Response:
        with self._site.sent(request, csrf) as (session, visitor):
            operators.withdraw(session, self._site.services.clock, visitor.account, model_id)
        return RedirectResponse(f"{HERE}?done=withdrawn", 303)

    def offer(
        self, request: Request, csrf: Annotated[str, Form()] = "", model_id: Annotated[str, Form()] = ""
    ) -> Response:
        with self._site.sent(request, csrf) as (session, visitor):
            operators.offer(session, self._site.services.clock, visitor.account, model_id)
        return RedirectResponse(f"{HERE}?done=offered", 303)

    def _page(self, request: Request, refusal: DomainError | None = None, *, done: str = "") -> Response:
        with overseeing(self._site, request, Power.MANAGE_MODELS) as (session, visitor):
            models = list_models(session)
        shown = refused(refusal)
        notice = shown.pop("notice") or " ".join(shown.pop("errors").values())
        return self._site.page(
            request,
            "operator_models.html",
            visitor=visitor,
            models=models,
            kinds=KINDS,
            done=done,
            notice=notice,
            **shown,
        )
