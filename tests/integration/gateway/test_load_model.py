"""load_model on the wire: it begins, repeating it says what it came to, and what is never loaded is refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from shop import Shop
from sqlalchemy import select

from easel.accounts.keys import create_key
from easel.accounts.oversight import list_actions
from easel.accounts.queries import get_account
from easel.accounts.tables import Role, Scope
from easel.catalogue import loads
from easel.catalogue.loads import Wanted
from easel.catalogue.queries import mark_installed
from easel.catalogue.tables import ModelLoad
from easel.db import leased
from easel.db.leased import MOST_ATTEMPTS
from easel.gateway.dialects.modelslab.paths import ENTERPRISE
from easel.generations.loading import finish_load, give_up_lost
from easel.webhooks.tables import WebhookDelivery

PATH = "/api/v3/load_model"
FROM_HUB = {"url": "someone/their-model", "model_id": "theirs", "model_name": "Theirs", "model_category": "lora"}
HOOK = "https://hooks.example/load"


@pytest.fixture
def operator(shop: Shop) -> Shop:
    with shop.services.database.transaction() as session:
        get_account(session, shop.account_id).role = Role.ADMIN
        session.flush()
        return replace(shop, key=create_key(session, shop.clock, shop.account_id, "all", list(Scope))[1])


def ask(shop: Shop, path: str = PATH, **fields: Any) -> tuple[str, str]:
    answer = shop.post(path, **fields)
    assert answer.status_code == 200, answer.text
    assert answer.json()["messege"] == answer.json()["message"]
    return answer.json()["status"], answer.json()["message"]


def claim(shop: Shop) -> tuple[int, int, Wanted]:
    with shop.services.database.transaction() as session:
        load = leased.claim(session, shop.clock, ModelLoad)
        assert load
        return load.id, load.attempts, loads.wanted_of(load)


def finish(shop: Shop, number: int, attempt: int, error: str | None = None) -> None:
    with shop.services.database.transaction() as session:
        finish_load(session, shop.clock, number, attempt, error)


def install(shop: Shop, weights: str | None) -> None:
    with shop.services.database.transaction() as session:
        mark_installed(session, "stable-diffu", weights)


def test_repeating_the_request_says_what_it_came_to(operator: Shop) -> None:
    fields = {"url": "someone/their-model", "model_id": "stable-diffu", "webhook": HOOK}
    assert ask(operator, **fields) == ("success", "model load started")
    assert ask(operator, **fields) == ("processing", "model load is waiting for a worker")
    number, attempt, wanted = claim(operator)
    assert wanted == Wanted(model_id="stable-diffu", kind="checkpoint", source="hf:someone/their-model")
    assert ask(operator, **fields, force_load="yes") == ("processing", "model is loading")
    finish(operator, number, attempt, "the hub is away")
    status, said = ask(operator, **fields)
    assert (status, said) == ("error", "model load failed: the hub is away; send force_load yes to begin again")
    operator.clock.advance(timedelta(minutes=5))
    assert ask(operator, **fields, force_load="yes") == ("success", "model load started")
    finish(operator, *claim(operator)[:2])
    install(operator, "/weights")
    assert ask(operator, **fields) == ("success", "model loaded")
    install(operator, None)
    assert ask(operator, **fields) == ("success", "model load started"), "it was removed since"
    with operator.services.database.transaction() as session:
        told = session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.created_at)).all()
        assert [event.url for event in told] == [HOOK, HOOK]
        assert '"status":"error","message":"model load failed: the hub is away"' in str(told[0].body)
        assert '"status":"success","message":"model loaded"' in str(told[1].body)
        assert "had stable-diffu installed from hf:someone/their-model" in {
            one.sentence for one, _ in list_actions(session)
        }


def test_every_door_says_it_in_its_own_words(operator: Shop, subtests: pytest.Subtests) -> None:
    prefix, file = ENTERPRISE[1], "https://models.example/a.safetensors"
    for path, fields, kind, family in (
        (PATH, {"model_category": "stable_diffusion_xl", "model_format": "safetensors"}, "checkpoint", "sdxl"),
        (PATH, {"model_category": "stable_diffusion_xl", "model_subcategory": "lora"}, "lora", "sdxl"),
        (f"{prefix}/load_model", {"model_type": "controlnet"}, "controlnet", None),
        (f"{prefix}/load_model", {"model_type": "custom_ckpt", "from_safetensors": "yes"}, "checkpoint", None),
        (f"{prefix}/load_model_v2", {"model_category": "lora", "model_format": "diffusers"}, "lora", None),
        (f"{prefix}/load_vae", {"vae_url": file, "vae_type": "safetensors"}, "vae", None),
    ):
        with subtests.test(path, kind=kind, family=family):
            named = (
                {"vae_id": f"a-{kind}-v"} if kind == "vae" else {"model_id": f"a-{kind}-{len(fields)}-{family}".lower()}
            )
            assert ask(operator, path, **{"url": file, **fields, **named})[1] == "model load started"
            wanted = claim(operator)[2]
            assert (wanted.kind, wanted.family, wanted.source) == (kind, family, file)


def test_what_the_catalogue_knows_needs_no_url(operator: Shop) -> None:
    assert ask(operator, model_id="stable-diffu")[0] == "success"
    assert claim(operator)[2] == Wanted(model_id="stable-diffu", kind="checkpoint")
    answer = operator.post(PATH, model_id="stable-diffu", url="someone/else")
    assert (answer.status_code, "is being loaded from elsewhere" in answer.json()["message"]) == (409, True)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model_id": "Not An Id"}, "A model_id is made of lower-case letters"),
    ({"url": None}, "url is required"),
    ({"url": "nonsense"}, "url is neither a repository of Hugging Face, like owner/name, nor the address of a file"),
    ({"url": "https://models.example/old.ckpt"}, "old.ckpt is a pickle, which can run code when it is loaded"),
    ({"url": "https://huggingface.co/a/b/blob/main/old.bin"}, "old.bin is a pickle"),
    ({"model_format": "ckpt"}, "model_format: a ckpt file is a pickle"),
    ({"from_safetensors": "no"}, "from_safetensors: a ckpt file is a pickle"),
    ({"url": "http://127.0.0.1:9/a.safetensors"}, "leads to a private or local address"),
    ({"url": "http://2130706433/a.safetensors"}, "leads to a private or local address"),
    ({"url": "file:///etc/passwd"}, "it must begin with http:// or https://"),
    ({"webhook": "http://127.0.0.1:9/"}, "webhook is no usable address"),
    ({"model_category": "z_image"}, "model_category z_image is not one that is drawn here"),
    ({"model_visibility": "private"}, "every model of this installation is offered to all"),
    ({"model_id": "easel-starter"}, "easel-starter is a checkpoint of the catalogue and no lora"),
]


def test_what_is_never_loaded_is_refused(operator: Shop, subtests: pytest.Subtests) -> None:
    for fields, sentence in WRONG:
        with subtests.test(sentence):
            answer = operator.post(PATH, **{**FROM_HUB, **fields})
            assert (answer.status_code, answer.json()["status"]) == (400, "error")
            assert sentence in answer.json()["message"]
    with operator.services.database.transaction() as session:
        assert leased.claim(session, operator.clock, ModelLoad) is None


def test_only_operators_have_models_installed(shop: Shop, operator: Shop) -> None:
    with operator.services.database.transaction() as session:
        get_account(session, operator.account_id).role = Role.MEMBER
    for asking, sentence in ((shop, "this needs admin"), (operator, "the account of this key is a member")):
        answer = asking.post(PATH, **FROM_HUB)
        assert (answer.status_code, sentence in answer.json()["message"]) == (403, True)


def test_what_was_lost_with_its_worker_is_taken_up_again_and_at_last_given_up(operator: Shop) -> None:
    ask(operator, **FROM_HUB, webhook=HOOK)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        _, claimed, _ = claim(operator)
        assert claimed == attempt
        with operator.services.database.transaction() as session:
            assert give_up_lost(session, operator.clock) == 0
            assert leased.claim(session, operator.clock, ModelLoad) is None, "it is in somebody's hands"
        operator.clock.advance(leased.LEASE * 2)
    with operator.services.database.transaction() as session:
        assert leased.claim(session, operator.clock, ModelLoad) is None
        assert give_up_lost(session, operator.clock) == 1
        assert session.scalars(select(WebhookDelivery)).one().url == HOOK
    assert "It was lost with its worker 3 times" in ask(operator, **FROM_HUB)[1]


def test_who_was_thought_lost_ends_nothing(operator: Shop) -> None:
    ask(operator, **FROM_HUB)
    number, first, _ = claim(operator)
    operator.clock.advance(leased.LEASE * 2)
    second = claim(operator)[1]
    with operator.services.database.transaction() as session:
        assert leased.renew(session, operator.clock, ModelLoad, number, first) is False
        assert leased.renew(session, operator.clock, ModelLoad, number, second) is True
        leased.lay_down(session, ModelLoad, number, first, counts=True)
    assert ask(operator, **FROM_HUB) == ("processing", "model is loading")
