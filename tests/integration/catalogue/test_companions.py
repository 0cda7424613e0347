"""Textual inversions and autoencoders that a draft names, resolved against the catalogue alone."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from easel.catalogue.companions import MOST_EMBEDDINGS, with_companions
from easel.catalogue.queries import add_model, find_model, mark_installed
from easel.catalogue.seed import seed_catalogue
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest
from easel.domain.request import Extras, GenerationDraft

DRAFT = GenerationDraft(model_id="easel-starter", prompt="a cat")


@pytest.fixture(autouse=True)
def seeded(session: Session) -> None:
    """With embeddings and VAEs for the starter's family and for others; not all of them installed."""
    seed_catalogue(session)
    for model_id, kind, family, weights in (
        ("bad-hands", "embedding", "sd2", "/weights/bad.safetensors"),
        ("my-style", "embedding", "sd2", "/weights/style.safetensors"),
        ("xl-style", "embedding", "sdxl", "/weights/xl.safetensors"),
        ("absent", "embedding", "sd2", None),
        ("sharp", "vae", "sd1", "/weights/sharp"),
        ("xl-vae", "vae", "sdxl", "/weights/xl"),
    ):
        add(session, model_id, kind, family, weights)


def add(session: Session, model_id: str, kind: str, family: str, weights: str | None) -> None:
    same: dict[str, Any] = {
        "provider": "me",
        "summary": "",
        "description": "",
        "licence": "",
        "defaults": {},
        "limits": {},
    }
    add_model(session, Model(model_id=model_id, kind=kind, family=family, name=model_id, price=1, source=None, **same))
    mark_installed(session, model_id, weights)


def complete(session: Session, **said: Any) -> Extras:
    return with_companions(session, replace(DRAFT, **said), find_model(session, "easel-starter")).extras


@pytest.mark.parametrize(
    ("said", "embeddings"),
    [
        ({}, ()),
        ({"prompt": "a cat, My-Style"}, ("my-style",)),
        ({"prompt": "(my-style:1.2) <my-style>", "negative_prompt": "bad-hands"}, ("my-style", "bad-hands")),
        ({"extras": Extras(embeddings=("bad-hands",)), "prompt": "my-style"}, ("bad-hands", "my-style")),
        ({"extras": Extras(embeddings=("my-style", "my-style")), "prompt": "my-style"}, ("my-style",)),
        ({"prompt": "my-styles and absent and xl-style are words"}, ()),
    ],
)
def test_a_prompt_names_the_embeddings_that_are_there_for_its_model(
    session: Session, said: dict[str, Any], embeddings: tuple[str, ...]
) -> None:
    assert complete(session, **said).embeddings == embeddings


def test_an_autoencoder_goes_with_families_of_its_latents(session: Session) -> None:
    assert complete(session, extras=Extras(vae="sharp")).vae == "sharp"


@pytest.mark.parametrize(
    ("extras", "field", "said"),
    [
        (Extras(embeddings=("nobody",)), "embeddings_model", "Model not found: nobody"),
        (Extras(embeddings=("sharp",)), "embeddings_model", "names sharp, which is a VAE and not an embedding"),
        (Extras(embeddings=("absent",)), "embeddings_model", "easel models install absent"),
        (Extras(embeddings=("xl-style",)), "embeddings_model", "family sdxl, and easel-starter is of family sd2"),
        (Extras(vae="nobody"), "vae", "Model not found: nobody"),
        (Extras(vae="easel-starter"), "vae", "names easel-starter, which is a checkpoint and not a VAE"),
        (Extras(vae="xl-vae"), "vae", "xl-vae is for checkpoints of family sdxl"),
    ],
)
def test_what_cannot_be_drawn_with_is_refused_by_field(session: Session, extras: Extras, field: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as refusal:
        complete(session, extras=extras)
    assert refusal.value.field == field


def test_more_embeddings_than_are_possible_are_refused(session: Session) -> None:
    names = [f"e{number}" for number in range(MOST_EMBEDDINGS + 1)]
    for name in names:
        add(session, name, "embedding", "sd2", "/weights/e.safetensors")
    assert len(complete(session, prompt=" ".join(names[1:])).embeddings) == MOST_EMBEDDINGS
    with pytest.raises(InvalidRequest, match="17 embeddings are asked for"):
        complete(session, prompt=" ".join(names))
