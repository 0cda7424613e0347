"""What a ControlNet reads (arXiv:2302.05543): the types of hints, and which of them are made of a picture here."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

READY: Final = "none"
"""The image is the hint already."""

OWN: Final = "auto"
"""Whatever the ControlNet was trained with."""

OWN_OR_READY: Final = "auto or none"
"""Whatever it was trained with where that is made here; otherwise the image is the hint."""

MADE: Final = ("canny", "scribble", "tile", "blur", "gray", "low_quality", "inpaint", "qrcode")
"""Types whose hint is made of an ordinary picture, without another network."""

TYPES: Final = (
    *MADE,
    *("depth", "openpose", "normal", "segmentation", "softedge", "hed", "lineart", "mlsd", "shuffle", "face_detector"),
    "ip2p",
)
"""Hints of the others come ready-made."""

SPELLINGS: Final[Mapping[str, str]] = {
    "pose": "openpose",
    "normalbae": "normal",
    "normal_map": "normal",
    "seg": "segmentation",
    "low-quality": "low_quality",
    "lq": "low_quality",
    "face-detector": "face_detector",
    "tile_resample": "tile",
    "blur_gaussian": "blur",
    "grayscale": "gray",
    "grey": "gray",
    "inpaint_only": "inpaint",
}

LARGEST_SCALE: Final = 5.0


def type_named(name: str) -> str:
    """The type as it is called here, whichever of its usual spellings it comes in."""
    plain = name.strip().lower()
    return SPELLINGS.get(plain, plain)


def type_in(name: str) -> str | None:
    """The type that the name of a model or of a file speaks of: canny in `control_v11p_sd15_canny`."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    pairs = (f"{one}_{other}" for one, other in pairwise(words))
    for word in (*pairs, *words):
        if type_named(word) in TYPES:
            return type_named(word)
    return None
