"""What adapters call the layers of a network.

kohya's scripts write a layer's name with underscores, which cannot be read backwards; so all names that a layer may go
by are made from the network, and looked up.
"""

from collections.abc import Iterable, Iterator, Mapping

import torch

UNET, TEXT, SECOND_TEXT = "unet", "text_encoder", "text_encoder_2"

DOTTED = {
    UNET: ("", "unet.", "base_model.model.", "base_model.model.unet.", "diffusion_model.", "model.diffusion_model."),
    TEXT: ("", "text_encoder.", "base_model.model.", "base_model.model.text_encoder."),
    SECOND_TEXT: ("text_encoder_2.", "base_model.model.text_encoder_2."),
}
UNDERSCORED = {
    UNET: ("lora_unet_", "lycoris_unet_"),
    TEXT: ("lora_te_", "lora_te1_", "lycoris_te_", "lycoris_te1_"),
    SECOND_TEXT: ("lora_te2_", "lycoris_te2_"),
}
FIRST_OF_DIFFUSERS = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out.0"}
"""How its first LoRAs named a text encoder's attention."""

Layer = tuple[str, str]
"""The network and the layer's name in it."""


def stems(networks: Mapping[str, torch.nn.Module]) -> dict[str, Layer]:
    """The layers of a family's networks, by every stem that they go by."""
    known: dict[str, Layer] = {}
    for part, network in networks.items():
        for layer, module in network.named_modules():
            if isinstance(getattr(module, "weight", None), torch.Tensor):
                for stem in _stems(part, layer, network):
                    known.setdefault(stem, (part, layer))
    return known


def _stems(part: str, layer: str, network: torch.nn.Module) -> Iterator[str]:
    names = [layer, *_ldm_names(layer, network)] if part == UNET else list(_text_names(layer))
    for name in names:
        yield from (prefix + name for prefix in DOTTED[part])
        yield from (prefix + name.replace(".", "_") for prefix in UNDERSCORED[part])


def _text_names(layer: str) -> Iterable[str]:
    """With and without the shell that releases of transformers put around the encoder, or do not."""
    bare = layer.removeprefix("text_model.")
    for name in (bare, f"text_model.{bare}"):
        yield name
        head, _, last = name.rpartition(".")
        if last in FIRST_OF_DIFFUSERS:
            yield f"{head}.{FIRST_OF_DIFFUSERS[last]}"


# -- Names of CompVis' latent diffusion, which number the blocks through ----------------------------------------------

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
SINGLE = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}


def _ldm_names(layer: str, unet: torch.nn.Module) -> Iterator[str]:
    if layer in SINGLE:
        yield SINGLE[layer]
        return
    blocks, _, rest = layer.partition(".")
    if blocks == "mid_block":
        kind, number, inner = _cut(rest)
        yield f"middle_block.{1 if kind == 'attentions' else 2 * int(number)}.{_inner(kind, inner)}"
    elif blocks in ("down_blocks", "up_blocks"):
        block, _, rest = rest.partition(".")
        kind, number, inner = _cut(rest)
        yield _numbered(unet, blocks, int(block), kind, int(number), _inner(kind, inner))


def _cut(rest: str) -> tuple[str, str, str]:
    """`resnets.1.conv1` -> resnets, 1, conv1."""
    kind, number, inner = rest.split(".", 2)
    return kind, number, inner


def _inner(kind: str, inner: str) -> str:
    if kind == "resnets":
        return RESNET.get(inner, inner)
    return "op" if kind == "downsamplers" else inner


def _numbered(unet: torch.nn.Module, blocks: str, block: int, kind: str, number: int, inner: str) -> str:
    """Every resnet begins an LDM block; its attention and what changes the size stand in the same one, or after it."""
    counts = [len(list(one.get_submodule("resnets").children())) for one in unet.get_submodule(blocks).children()]
    if blocks == "down_blocks":
        first = 1 + sum(count + 1 for count in counts[:block])
        at, within = (first + counts[block], 0) if kind == "downsamplers" else (first + number, kind == "attentions")
        return f"input_blocks.{at}.{int(within)}.{inner}"
    own = unet.get_submodule(f"{blocks}.{block}")
    has_attention = "attentions" in dict(own.named_children())
    first = sum(counts[:block])
    if kind == "upsamplers":
        return f"output_blocks.{first + counts[block] - 1}.{2 if has_attention else 1}.{inner}"
    return f"output_blocks.{first + number}.{int(kind == 'attentions')}.{inner}"
