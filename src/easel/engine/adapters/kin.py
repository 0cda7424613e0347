"""Which family of checkpoints an adapter was made for, as far as its file says."""

from collections.abc import Mapping
from dataclasses import dataclass

from easel.engine.adapters.delta import inputs_of
from easel.engine.adapters.header import Header, Shape
from easel.engine.adapters.layout import Roles, layers_of

FAMILY_OF_TEXT_WIDTH = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""How many numbers a token the network reads, which its cross-attention takes as inputs."""

OTHERS = {
    "flux": ("double_blocks", "single_blocks", "single_transformer_blocks"),
    "sd3": ("joint_blocks",),
}
SAID_BY_KOHYA = {"sd_v1": "sd1", "sd_v2": "sd2", "sdxl": "sdxl"}
SAID_BY_MODELSPEC = {"stable-diffusion-v1": "sd1", "stable-diffusion-v2": "sd2", "stable-diffusion-xl": "sdxl"}


@dataclass(frozen=True, slots=True)
class Kin:
    family: str | None
    """None where the file does not say; it may also be one that cannot be drawn with here."""
    text_width: int | None


def kin_of(name: str, header: Header) -> Kin:
    """By the shapes, then by the names of the layers, then by what trainers write down."""
    layers = layers_of(name, header.shapes)
    width = text_width(layers, header.shapes)
    return Kin(FAMILY_OF_TEXT_WIDTH.get(width or 0) or _by_names(layers) or _by_metadata(header.metadata), width)


def text_width(layers: Mapping[str, Roles], shapes: Mapping[str, Shape]) -> int | None:
    for stem, roles in layers.items():
        if stem.endswith(("attn2_to_k", "attn2.to_k", "attn2_to_v", "attn2.to_v")):
            return inputs_of({role: shapes[tensor] for role, tensor in roles.items()})
    return None


def _by_names(layers: Mapping[str, Roles]) -> str | None:
    for family, marks in OTHERS.items():
        if any(stem.removeprefix("lora_").startswith(mark) or f"_{mark}" in stem for stem in layers for mark in marks):
            return family
    return None


def _by_metadata(metadata: Mapping[str, str]) -> str | None:
    for key, families in (("ss_base_model_version", SAID_BY_KOHYA), ("modelspec.architecture", SAID_BY_MODELSPEC)):
        for begins, family in families.items():
            if metadata.get(key, "").startswith(begins):
                return family
    return None
