"""What diffusers and transformers call the tensors of an LDM checkpoint; read off the modules of both sides.

A name is rewritten by the first rule that fits its beginning, then by the rules for what the block is made of.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

RESIDUAL: Final = {
    "in_layers.0.": "norm1.",
    "in_layers.2.": "conv1.",
    "out_layers.0.": "norm2.",
    "out_layers.3.": "conv2.",
    "emb_layers.1.": "time_emb_proj.",
    "skip_connection.": "conv_shortcut.",
}
ENDS: Final = {
    "time_embed.0.": "time_embedding.linear_1.",
    "time_embed.2.": "time_embedding.linear_2.",
    "label_emb.0.0.": "add_embedding.linear_1.",
    "label_emb.0.2.": "add_embedding.linear_2.",
    "input_blocks.0.0.": "conv_in.",
    "out.0.": "conv_norm_out.",
    "out.2.": "conv_out.",
    "middle_block.0.": "mid_block.resnets.0.",
    "middle_block.1.": "mid_block.attentions.0.",
    "middle_block.2.": "mid_block.resnets.1.",
}
BLOCK = re.compile(r"(input|output)_blocks\.(\d+)\.(\d)\.(.+)")

AUTOENCODER_ENDS: Final = {
    "norm_out.": "conv_norm_out.",
    "mid.block_1.": "mid_block.resnets.0.",
    "mid.block_2.": "mid_block.resnets.1.",
    "mid.attn_1.norm.": "mid_block.attentions.0.group_norm.",
    "mid.attn_1.q.": "mid_block.attentions.0.to_q.",
    "mid.attn_1.k.": "mid_block.attentions.0.to_k.",
    "mid.attn_1.v.": "mid_block.attentions.0.to_v.",
    "mid.attn_1.proj_out.": "mid_block.attentions.0.to_out.0.",
}
LEVEL = re.compile(r"(down|up)\.(\d+)\.(block\.(\d+)|downsample|upsample)\.(.+)")

OPEN_CLIP: Final = {
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
}
OPEN_CLIP_LAYER: Final = {
    "ln_1.": "layer_norm1.",
    "ln_2.": "layer_norm2.",
    "mlp.c_fc.": "mlp.fc1.",
    "mlp.c_proj.": "mlp.fc2.",
    "attn.out_proj.": "self_attn.out_proj.",
}
RESBLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+)")

Rename = Callable[[str], str | None]
"""None for a tensor that drawing does not need."""


def unet_names(layers: int) -> Rename:
    """For a U-Net of so many residual blocks a level."""

    def rename(name: str) -> str | None:
        if (whole := _beginning(name, ENDS)) is not None:
            return _within(whole, RESIDUAL)
        if not (match := BLOCK.fullmatch(name)):
            return None
        side, number, place, rest = match[1], int(match[2]), match[3], match[4]
        if side == "input":
            level, layer = divmod(number - 1, layers + 1)
            if rest.startswith("op."):
                return f"down_blocks.{level}.downsamplers.0.conv.{rest.removeprefix('op.')}"
        else:
            level, layer = divmod(number, layers + 1)
            if rest.startswith("conv."):
                return f"up_blocks.{level}.upsamplers.0.{rest}"
        kind = "resnets" if place == "0" else "attentions"
        direction = "down" if side == "input" else "up"
        return f"{direction}_blocks.{level}.{kind}.{layer}.{_within(rest, RESIDUAL) if place == '0' else rest}"

    return rename


def autoencoder_names(levels: int) -> Rename:
    """LDM counts the decoder's levels from the finest, diffusers in the order in which they are passed."""

    def rename(name: str) -> str | None:
        if name.startswith(("quant_conv.", "post_quant_conv.")):
            return name
        side, _, rest = name.partition(".")
        if side not in ("encoder", "decoder"):
            return None
        if match := LEVEL.fullmatch(rest):
            level = int(match[2]) if match[1] == "down" else levels - 1 - int(match[2])
            what = f"resnets.{match[4]}" if match[4] else f"{match[3]}rs.0"
            return f"{side}.{match[1]}_blocks.{level}.{what}.{_shortcut(match[5])}"
        whole = _beginning(rest, AUTOENCODER_ENDS)
        return f"{side}.{_shortcut(rest if whole is None else whole)}"

    return rename


def clip_name(name: str) -> str | None:
    """A CLIP text encoder of transformers stands in the file as it is."""
    return None if name.endswith("position_ids") or not name.startswith("text_model.") else name


def open_clip_names(layers: int | None = None) -> Rename:
    """For the first so many layers and no projection of the text as a whole, or for the whole encoder.

    Names with `in_proj_` are three tensors in one; see `split_names`.
    """

    def rename(name: str) -> str | None:
        if name == "text_projection":
            return "text_projection.weight" if layers is None else None
        if name in OPEN_CLIP:
            return f"text_model.{OPEN_CLIP[name]}"
        match = RESBLOCK.fullmatch(name)
        if not match or (layers is not None and int(match[1]) >= layers):
            return None
        return f"text_model.encoder.layers.{match[1]}.{_beginning(match[2], OPEN_CLIP_LAYER) or match[2]}"

    return rename


def split_names(name: str) -> list[str]:
    """The names of what one tensor holds one after the other: the queries', the keys' and the values' projections."""
    layer, joined, kind = name.partition("attn.in_proj_")
    if not joined:
        return [name]
    return [f"{layer}self_attn.{which}_proj.{kind}" for which in "qkv"]


def _beginning(name: str, rules: Mapping[str, str]) -> str | None:
    for old, new in rules.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return None


def _within(name: str, rules: Mapping[str, str]) -> str:
    for old, new in rules.items():
        if old in name:
            return name.replace(old, new)
    return name


def _shortcut(name: str) -> str:
    return name.replace("nin_shortcut.", "conv_shortcut.")
