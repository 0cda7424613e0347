"""ControlNets that a draft names, resolved against the catalogue alone."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from easel.catalogue.controls import MOST_CONTROLS, with_controls
from easel.catalogue.limits import resolve
from easel.catalogue.queries import add_model, find_model, mark_installed
from easel.catalogue.seed import seed_catalogue
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest
from easel.domain.request import ControlUse, Extras, GenerationDraft

DRAFT = GenerationDraft(model_id="easel-starter", prompt="a cat")
USE = ControlUse(model_id="edges", kind="canny", image="inputs/a.png")


@pytest.fixture(autouse=True)
def seeded(session: Session) -> None:
    """With ControlNets for the starter's family and for another; not all of them installed, one of no known type."""
    seed_catalogue(session)
    same: dict[str, Any] = {"provider": "me", "summary": "", "description": "", "licence": "", "price": 1}
    for model_id, family, kind, weights in (
        ("edges", "sd2", "canny", "/weights/edges"),
        ("postures", "sd2", "openpose", "/weights/postures"),
        ("holes", "sd2", "inpaint", "/weights/holes"),
        ("xl-edges", "sdxl", "canny", "/weights/xl"),
        ("xl-tile", "sdxl", "tile", "/weights/xl-tile"),
        ("mystery", "sd2", None, "/weights/mystery"),
        ("absent", "sd2", "tile", None),
    ):
        add_model(
            session,
            Model(
                model_id=model_id,
                kind="controlnet",
                family=family,
                name=model_id,
                source=None,
                defaults={},
                limits={},
                facts={"control_type": kind} if kind else {},
                **same,
            ),
        )
        mark_installed(session, model_id, weights)


def complete(session: Session, *uses: ControlUse, **said: Any) -> tuple[ControlUse, ...]:
    draft = replace(DRAFT, extras=Extras(controls=uses, **said))
    return with_controls(session, draft, find_model(session, "easel-starter")).extras.controls


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, ("edges", "canny")),
        ({"model_id": "canny"}, ("edges", "canny")),
        ({"model_id": "Pose", "kind": "none"}, ("postures", "none")),
        ({"kind": "auto"}, ("edges", "canny")),
        ({"kind": "scribble"}, ("edges", "scribble")),
        ({"model_id": "mystery", "kind": "grey"}, ("mystery", "gray")),
    ],
)
def test_it_is_named_by_its_id_or_by_its_type(session: Session, said: dict[str, str], found: tuple[str, str]) -> None:
    [use] = complete(session, replace(USE, **said))
    assert (use.model_id, use.kind) == found


def test_an_inpainting_one_needs_a_mask(session: Session) -> None:
    use = replace(USE, model_id="inpaint", kind="auto")
    [found] = complete(session, use, init_image="inputs/a.png", mask_image="inputs/b.png")
    assert (found.model_id, found.kind) == ("holes", "inpaint")
    with pytest.raises(InvalidRequest) as refusal:
        complete(session, use)
    assert refusal.value.field == "mask_image"


@pytest.mark.parametrize(
    ("uses", "field", "said"),
    [
        ([replace(USE, model_id="nope")], "controlnet_model", "Model not found: nope"),
        ([replace(USE, model_id="easel-starter")], "controlnet_model", "is a checkpoint and not a ControlNet"),
        ([replace(USE, model_id="absent")], "controlnet_model", "not installed"),
        ([replace(USE, model_id="xl-edges")], "controlnet_model", "is for checkpoints of family sdxl"),
        ([replace(USE, model_id="tile")], "controlnet_model", "No ControlNet of type tile is installed"),
        ([USE] * (MOST_CONTROLS + 1), "controlnet_model", "at most"),
        ([replace(USE, model_id="mystery", kind="auto")], "controlnet_type", "send controlnet_type"),
        ([replace(USE, model_id="pose", kind="auto")], "auto_hint", "No hint of type openpose is made of a picture"),
        ([replace(USE, kind="nonsense")], "auto_hint", "No hint of type nonsense"),
        ([replace(USE, scale=5.1)], "controlnet_conditioning_scale", "between 0 and 5"),
        ([replace(USE, scale=float("nan"))], "controlnet_conditioning_scale", "between 0 and 5"),
        ([replace(USE, start=0.5, end=0.4)], "control_guidance_end", "between 0.5 and 1"),
    ],
)
def test_what_cannot_be_drawn_with_is_refused_by_field(
    session: Session, uses: list[ControlUse], field: str, said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said) as refusal:
        complete(session, *uses)
    assert refusal.value.field == field


def test_a_picture_has_the_size_of_what_steers_it_unless_said(session: Session) -> None:
    starter = find_model(session, "easel-starter")
    starter.weights = "package:easel-starter"
    draft = replace(DRAFT, extras=Extras(controls=(USE,)))
    sizes = {USE.image: (270, 200)}
    request = resolve(starter, draft, lambda: 7, sizes)
    assert (request.width, request.height) == (256, 192)
    assert resolve(starter, replace(draft, width=128, height=160), lambda: 7, sizes).width == 128
    with pytest.raises(InvalidRequest, match="control_image is stored no longer"):
        resolve(starter, draft, lambda: 7, {})
    with pytest.raises(InvalidRequest, match="prompt is required"):
        resolve(starter, replace(draft, prompt=""), lambda: 7, sizes)
    guessing = replace(draft, prompt="", extras=Extras(controls=(replace(USE, guess=True),)))
    assert resolve(starter, guessing, lambda: 7, sizes).prompt == ""
