"""Puts an alteration into a U-Net for the time of a call."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeVar

import torch

from easel.engine.control.residuals import residual_shapes
from easel.engine.families.base import LoadedFamily, Steerable
from easel.engine.inside.merging import ENOUGH, Grid, MergingAttention
from easel.engine.inside.self_attention import WatchedAttention
from easel.engine.request import Alteration, PictureRequest

Processor = TypeVar("Processor")

FREE_U: Final[Mapping[str, Mapping[str, float]]] = {
    "sd1": {"b1": 1.5, "b2": 1.6, "s1": 0.9, "s2": 0.2},
    "sd2": {"b1": 1.4, "b2": 1.6, "s1": 0.9, "s2": 0.2},
    "sdxl": {"b1": 1.3, "b2": 1.4, "s1": 0.9, "s2": 0.2},
}
"""By which factors the backbone's features (b) grow and the skip connections' low frequencies (s) shrink in the first
two stages of the second half: those that FreeU's authors (arXiv:2309.11497) recommend."""


@contextmanager
def altered(
    family: LoadedFamily, name: str, alteration: Alteration, latents: torch.Size
) -> Generator[WatchedAttention | None]:
    """While the context lasts, `family`'s network is called with `alteration`, as far as it takes it, and by no
    recording or compiler. `name` is the family's; `latents` is the shape of the call's.

    Gives what watches the attention where that is asked for.
    """
    if not alteration.is_any or not isinstance(family, Steerable):
        yield None
        return
    unet = family.unet
    with ExitStack() as undo:
        family.network.is_altered = True
        undo.callback(setattr, family.network, "is_altered", False)
        if alteration.free_u and name in FREE_U:
            unet.enable_freeu(**FREE_U[name])
            undo.callback(unet.disable_freeu)
        if alteration.token_merging:
            for attention, grid in _of_many_tokens(unet, latents):
                undo.enter_context(_processed(attention, MergingAttention, alteration.token_merging, grid))
        middle = _middle(unet) if alteration.self_attention else None
        if middle is None:
            yield None
        else:
            # Around the others: it watches all tokens.
            _, *grid = residual_shapes(unet.config, *latents[-2:])[-1]
            yield undo.enter_context(_processed(middle, WatchedAttention, tuple(grid)))


def notes(family: LoadedFamily, request: PictureRequest, latents: torch.Size) -> tuple[str, ...]:
    """Sentences about what of the request's alteration is not done in a call for `latents` of this shape."""
    asked, name = request.alteration, request.checkpoint.family
    said: list[str] = []
    merges = isinstance(family, Steerable) and any(_of_many_tokens(family.unet, latents))
    if asked.token_merging and request.again is None and not merges:
        said.append("Token merging was not used: the picture is too small to gain by it.")
    if asked.free_u and not (isinstance(family, Steerable) and name in FREE_U):
        said.append(f"FreeU is not available for models of family {name}: the picture was drawn without it.")
    if asked.self_attention and not (isinstance(family, Steerable) and _middle(family.unet)):
        said.append(f"Self-attention guidance is not available for model {request.checkpoint.name}: it was not used.")
    return tuple(said)


@contextmanager
def _processed(attention: Any, processor: Callable[..., Processor], *settings: Any) -> Generator[Processor]:
    """`attention` with a processor around its own."""
    own = attention.processor
    attention.processor = processor(own, *settings)
    try:
        yield attention.processor
    finally:
        attention.processor = own


def _of_many_tokens(unet: Any, latents: torch.Size) -> Iterator[tuple[Any, Grid]]:
    """The self-attentions that read the most tokens, where these are enough to be merged."""
    downward = list(unet.down_blocks)
    level = next((at for at, block in enumerate(downward) if _attentions(block)), None)
    if level is None:
        return
    rows, columns = latents[-2:]
    for _ in range(level):
        rows, columns = -(-rows // 2), -(-columns // 2)
    if rows * columns <= ENOUGH:
        return
    for block in (downward[level], unet.up_blocks[len(downward) - 1 - level]):
        for transformer in _attentions(block):
            for layer in transformer.transformer_blocks:
                yield layer.attn1, (rows, columns)


def _middle(unet: Any) -> Any | None:
    """The self-attention in the network's middle, where one token stands for most of the picture; None without."""
    transformers = _attentions(unet.mid_block)
    return transformers[0].transformer_blocks[0].attn1 if transformers else None


def _attentions(block: Any) -> list[Any]:
    """Its transformers."""
    return [one for one in getattr(block, "attentions", None) or [] if hasattr(one, "transformer_blocks")]
