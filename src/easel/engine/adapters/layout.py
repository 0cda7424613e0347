"""How adapters name their tensors: kohya's scripts, diffusers, PEFT and LyCORIS, as one set of roles.

A tensor's name is the stem, which names the layer that it changes, and an ending, which says what it is there for:

    lora_unet_mid_block_attentions_0_proj_in.lora_down.weight           kohya
    unet.mid_block.attentions.0.proj_in.lora_A.weight                   PEFT, diffusers
    unet.mid_block.attentions.0.proj_in.lora.down.weight                diffusers, before it used PEFT
    mid_block...attn1.processor.to_q_lora.down.weight                   diffusers, its first
    lora_unet_mid_block_attentions_0_proj_in.hada_w1_a                  LyCORIS
"""

import re
from collections.abc import Iterable, Mapping

from easel.domain.errors import InvalidRequest
from easel.engine.adapters.header import Header, Shape

MOST_RANK = 256
"""What is larger than this is no longer small beside the layer: it is merged."""

Roles = Mapping[str, str]
"""From what a tensor is there for to its name."""

ENDINGS = [
    (re.compile(ending + r"$"), role)
    for ending, role in (
        (r"\.lora_down\.weight", "down"),
        (r"\.lora_up\.weight", "up"),
        (r"\.lora_mid\.weight", "mid"),
        (r"\.lora_A(\.\w+)?\.weight", "down"),
        (r"\.lora_B(\.\w+)?\.weight", "up"),
        (r"(\.|_)lora\.down\.weight", "down"),
        (r"(\.|_)lora\.up\.weight", "up"),
        (r"\.lora_linear_layer\.down\.weight", "down"),
        (r"\.lora_linear_layer\.up\.weight", "up"),
        (r"\.alpha", "alpha"),
        (r"\.dora_scale", "magnitude"),
        (r"\.lora_magnitude_vector(\.\w+)?(\.weight)?", "output_magnitude"),
        *((rf"\.(?:hada_{part})(\.\w+)?", part) for part in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")),
        *((rf"\.(?:lokr_{part})(\.\w+)?", f"k{part}") for part in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")),
        (r"\.diff", "difference"),
        (r"\.w_norm", "difference"),
        (r"\.diff_b", "bias"),
        (r"\.b_norm", "bias"),
    )
]
FIRST_OF_DIFFUSERS = ".processor."


def layers_of(name: str, tensors: Iterable[str]) -> Mapping[str, Roles]:
    """The layers of adapter `name` by their stems. Raises InvalidRequest for a tensor of a kind unknown here."""
    layers: dict[str, dict[str, str]] = {}
    for tensor in tensors:
        stem, role = _split(name, tensor)
        layers.setdefault(stem, {})[role] = tensor
    if not any(set(roles) != {"alpha"} for roles in layers.values()):
        raise InvalidRequest("lora_model", f"LoRA {name} holds no weights; choose another file.")
    for stem, roles in layers.items():
        _check_whole(name, stem, roles)
    return layers


def is_text(stem: str) -> bool:
    """Whether the layer is a text encoder's."""
    return stem.removeprefix("base_model.model.").startswith(("lora_te", "lycoris_te", "text_", "encoder."))


def needs_merging(name: str, header: Header) -> bool:
    """Whether anything that the adapter does to the network cannot go beside its weights."""
    layers = layers_of(name, header.shapes)
    return not all(is_text(stem) or is_low_rank(roles, header.shapes) for stem, roles in layers.items())


def is_low_rank(roles: Roles, shapes: Mapping[str, Shape]) -> bool:
    """Whether the layer's change is two thin matrices."""
    if not {"down", "up"} <= set(roles) <= {"down", "up", "alpha"}:
        return set(roles) == {"alpha"}
    down, up = shapes[roles["down"]], shapes[roles["up"]]
    return all(kernel == 1 for kernel in (*down[2:], *up[2:])) and down[0] <= MOST_RANK


def _split(name: str, tensor: str) -> tuple[str, str]:
    for ending, role in ENDINGS:
        if match := ending.search(tensor):
            return _layer(tensor[: match.start()]), role
    raise InvalidRequest(
        "lora_model",
        f"LoRA {name} holds {tensor[:100]}, which is of a kind that cannot be drawn with; known are LoRA, LoCon, DoRA, "
        "LoHa, LoKr and full differences.",
    )


def _layer(stem: str) -> str:
    if FIRST_OF_DIFFUSERS in stem:
        stem = stem.replace(FIRST_OF_DIFFUSERS, ".")
    return f"{stem}.0" if stem.endswith(".to_out") else stem


# Each of these is enough for a change of a layer's weights.
WHOLE = (
    {"down", "up"},
    {"w1_a", "w1_b", "w2_a", "w2_b"},
    {"kw1", "kw2"},
    {"kw1_a", "kw1_b", "kw2"},
    {"kw1", "kw2_a", "kw2_b"},
    {"kw1_a", "kw1_b", "kw2_a", "kw2_b"},
    {"difference"},
    {"bias"},
    {"alpha"},
)


def _check_whole(name: str, stem: str, roles: Roles) -> None:
    if not any(parts <= set(roles) for parts in WHOLE):
        raise InvalidRequest(
            "lora_model",
            f"LoRA {name} is not whole: layer {stem[:100]} has {', '.join(roles)} alone; download it again.",
        )
