"""The stored inputs of a request, as the engine's pixels."""

from dataclasses import dataclass

import numpy as np

from easel.artifacts.blobs import BlobStore
from easel.artifacts.fitting import fit, fit_mask, is_cut, load_input
from easel.domain.request import GenerationRequest
from easel.engine.request import Pixels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sources:
    """Made to the picture's measure. `notes` say what was done to them that was not asked."""

    init: Pixels | None = None
    mask: Pixels | None = None
    notes: tuple[str, ...] = ()


def needs_sources(request: GenerationRequest) -> bool:
    return request.extras.init_image is not None


def load_sources(blobs: BlobStore, request: GenerationRequest) -> Sources:
    """Raises GenerationFailed for an input that is stored no longer, and what a store that is away raises."""
    extras, width, height = request.extras, request.width, request.height
    if extras.init_image is None:
        return Sources()
    picture = load_input(blobs, extras.init_image)
    notes = ()
    if is_cut(picture.size, (width, height)):
        was = f"{picture.width}x{picture.height}"
        notes = (f"The input is {was}; it was scaled and its edges were cut off to make it {width}x{height}.",)
    mask = None
    if extras.mask_image is not None:
        mask = np.asarray(fit_mask(load_input(blobs, extras.mask_image), width, height, extras.mask_blur))
    return Sources(init=np.asarray(fit(picture, width, height)), mask=mask, notes=notes)
