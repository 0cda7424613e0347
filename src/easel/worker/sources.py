"""The stored inputs of a request, as the engine's pixels."""

from dataclasses import dataclass

import numpy as np

from easel.artifacts.blobs import BlobStore
from easel.artifacts.fitting import fit, fit_mask, is_cut, load_input
from easel.domain.request import GenerationRequest
from easel.engine.control.hints import hint_of
from easel.engine.request import Hint, Pixels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sources:
    """Made to the picture's measure. `notes` say what was done to them that was not asked."""

    init: Pixels | None = None
    mask: Pixels | None = None
    hints: tuple[Hint, ...] = ()
    """Of the request's ControlNets, in their order."""
    notes: tuple[str, ...] = ()


def needs_sources(request: GenerationRequest) -> bool:
    return bool(request.extras.inputs)


def load_sources(blobs: BlobStore, request: GenerationRequest) -> Sources:
    """Raises GenerationFailed for an input that is stored no longer, and what a store that is away raises."""
    extras, size = request.extras, (request.width, request.height)
    notes: list[str] = []

    def load(name: str, key: str) -> Pixels:
        picture = load_input(blobs, key)
        if is_cut(picture.size, size):
            notes.append(
                f"The {name} is {picture.width}x{picture.height}; it was scaled and its edges were cut off to make it "
                f"{request.width}x{request.height}."
            )
        return np.asarray(fit(picture, *size))

    init = load("input", extras.init_image) if extras.init_image else None
    mask = (
        np.asarray(fit_mask(load_input(blobs, extras.mask_image), *size, extras.mask_blur))
        if extras.mask_image
        else None
    )
    hints = tuple(hint_of(one.kind, load("control image", one.image), mask) for one in extras.controls)
    return Sources(init=init, mask=mask, hints=hints, notes=tuple(dict.fromkeys(notes)))
