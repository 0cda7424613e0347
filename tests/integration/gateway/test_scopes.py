"""What a key may be used for, asked of every route of the API."""

import pytest
from fastapi.routing import APIRoute
from shop import TEXT2IMG, Shop

from easel.accounts.keys import create_key
from easel.accounts.queries import get_account
from easel.accounts.tables import Role, Scope
from easel.gateway.dialects.modelslab.deeds import OPERATE
from easel.gateway.dialects.modelslab.routes import modelslab_router

OPERATORS = {path for deed in OPERATE for path in deed.paths}


def key(shop: Shop, *scopes: Scope) -> str:
    with shop.services.database.transaction() as session:
        get_account(session, shop.account_id).role = Role.ADMIN
        session.flush()
        return create_key(session, shop.clock, shop.account_id, "narrow", scopes)[1]


def test_no_route_serves_a_key_that_has_neither_of_its_scopes(shop: Shop) -> None:
    secret = key(shop, Scope.ADMIN)
    routes = [
        (method, route.path.replace("{id}", "1"))
        for route in modelslab_router(shop.services).routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    ]
    assert len(routes) > 200
    for method, path in routes:
        if path in OPERATORS:
            continue
        answer = shop.client.request(method, path, params={"key": secret, "prompt": "a star", "request_id": "1"})
        assert answer.status_code == 403, (method, path, answer.text)
        assert "This key may be used for admin, and this needs" in answer.text


def test_what_operators_do_needs_admin(shop: Shop) -> None:
    secret = key(shop, Scope.READ, Scope.GENERATE)
    assert len(OPERATORS) > 30
    for path in sorted(OPERATORS):
        answer = shop.client.post(path, json={"key": secret, "model_id": "easel-starter"})
        assert answer.status_code == 403, (path, answer.text)


@pytest.mark.parametrize(("scope", "orders"), [(Scope.GENERATE, True), (Scope.READ, False)])
def test_ordering_needs_generate(shop: Shop, scope: Scope, orders: bool) -> None:
    fields = {"key": key(shop, scope), "prompt": "a red star", "instant_response": "yes"}
    answer = shop.client.post(TEXT2IMG, json=fields)
    assert answer.status_code == (200 if orders else 403)
    assert (shop.money[1] > 0) == orders


@pytest.mark.parametrize(("scope", "looks"), [(Scope.GENERATE, False), (Scope.READ, True)])
def test_looking_needs_read(shop: Shop, scope: Scope, looks: bool) -> None:
    number = shop.submit().json()["id"]
    asked = {"key": key(shop, scope)}
    for path in (f"/api/v6/images/fetch/{number}", "/api/wallet_balance", "/api/v4/dreambooth/model_list"):
        assert shop.client.post(path, json=asked).status_code == (200 if looks else 403)
