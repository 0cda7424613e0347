"""A single-file ControlNet made into a folder in diffusers' layout, once. No torch here.

Its first half is that of the network it steers and has the same names; what it has besides is the embedding of its
hint, and a convolution of one pixel behind each block.
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from easel.domain.errors import InvalidRequest
from easel.engine.ldm.copying import Piece, write_pieces
from easel.engine.ldm.layout import EPSILON, Trained
from easel.engine.ldm.names import Rename, unet_names
from easel.engine.ldm.settings import Shapes, unet_depth, unet_settings
from easel.engine.tensorfile import TensorFile
from easel.kit.ids import new_token

PREFIX: Final = "control_model."
"""Before all names in the first files; later ones do without."""

HINT: Final = "input_hint_block."
FIRST_OF_HINT: Final = f"{HINT}0.weight"

FAMILIES: Final[Mapping[int, str]] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""By the width of the text that the network reads."""

POOLED_OF_XL: Final = 1280
"""Numbers that SDXL's second text encoder says of the text as a whole."""

BEHIND = re.compile(r"zero_convs\.(\d+)\.0\.(.+)")
OF_HINT = re.compile(r"input_hint_block\.(\d+)\.(.+)")


def is_single_file(file: TensorFile) -> bool:
    """Whether it is a ControlNet in LDM's layout."""
    return any(name.removeprefix(PREFIX) == FIRST_OF_HINT for name in file.tensors)


def convert_control(file: TensorFile, folder: Path) -> None:
    """Write `folder`, wholly or not at all. Raises InvalidRequest for a file that lacks something."""
    tensors = {name.removeprefix(PREFIX): info for name, info in file.tensors.items()}
    shapes = {name: info.shape for name, info in tensors.items()}
    settings = control_settings(shapes)
    rename = control_names(shapes)
    pieces = [
        Piece(name=renamed, dtype=info.dtype, shape=info.shape, start=info.start, bytes=info.bytes)
        for name, info in tensors.items()
        if (renamed := rename(name))
    ]
    making = folder.with_name(f".{folder.name}.{new_token(32)}")
    try:
        write_pieces(making / "diffusion_pytorch_model.safetensors", file, pieces)
        (making / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        making.rename(folder)
    except OSError as error:
        raise InvalidRequest("folder", f"{folder} cannot be written ({error.strerror or error}).") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)


def control_names(shapes: Shapes) -> Rename:
    """diffusers' names, for names without the prefix."""
    of_unet = unet_names(unet_depth(shapes)[0])
    last = max(_of_hint(shapes))

    def rename(name: str) -> str | None:
        if match := BEHIND.fullmatch(name):
            return f"controlnet_down_blocks.{match[1]}.{match[2]}"
        if name.startswith("middle_block_out.0."):
            return f"controlnet_mid_block.{name.removeprefix('middle_block_out.0.')}"
        if match := OF_HINT.fullmatch(name):
            number = int(match[1])
            # Between two convolutions stands an activation, which has no weights but a number.
            which = "conv_in" if number == 0 else "conv_out" if number == last else f"blocks.{number // 2 - 1}"
            return f"controlnet_cond_embedding.{which}.{match[2]}"
        return of_unet(name)

    return rename


def control_settings(shapes: Shapes) -> dict[str, Any]:
    """config.json. Raises InvalidRequest where the shapes do not tell."""
    wide = next((shape for name, shape in shapes.items() if name.endswith("attn2.to_k.weight")), (0, 0))
    family = FAMILIES.get(wide[1], "sd1")
    told = shapes.get("label_emb.0.0.weight")
    trained = Trained(family="sdxl" if told else family, objective=EPSILON, resolution=512)
    channels = shapes.get("input_blocks.0.0.weight", (0, 0))[1]
    whole = unet_settings(
        {**shapes, "out.2.weight": (channels,)}, trained, pooled=POOLED_OF_XL if trained.family == "sdxl" else None
    )
    of_network = {name: value for name, value in whole.items() if name not in OF_WHOLE_NETWORKS}
    return {
        **of_network,
        "_class_name": "ControlNetModel",
        "conditioning_channels": shapes[FIRST_OF_HINT][1],
        # One for each size: the convolutions that halve it stand between those that do not.
        "conditioning_embedding_out_channels": [
            shapes[f"{HINT}{number}.weight"][0] for number in _of_hint(shapes)[:-1:2]
        ],
    }


OF_WHOLE_NETWORKS: Final = ("sample_size", "out_channels", "up_block_types")


def _of_hint(shapes: Shapes) -> list[int]:
    return sorted({int(match[1]) for name in shapes if (match := OF_HINT.fullmatch(name))})
