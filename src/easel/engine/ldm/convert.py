"""A single-file checkpoint made into a folder in diffusers' layout, once, so that the engine knows one layout only.

Bytes are copied under other names: the numbers and their type stay what they are. No torch here.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from easel.domain.errors import InvalidRequest
from easel.engine.ldm import layout, names, settings
from easel.engine.ldm.copying import Piece, write_pieces
from easel.engine.ldm.layout import Trained
from easel.engine.ldm.names import Rename
from easel.engine.ldm.vocabulary import END, find_vocabulary
from easel.engine.tensorfile import TensorFile
from easel.kit.ids import new_token

FIRST_WORD = "!"


@dataclass(frozen=True, slots=True)
class Part:
    """A network of the checkpoint: the pieces of its file, and its settings."""

    pieces: list[Piece]
    settings: dict[str, Any]


def convert(
    file: TensorFile,
    folder: Path,
    trained: Trained,
    *,
    vocabularies: Iterable[Path] = (),
    tokenizer: Path | None = None,
) -> None:
    """Write `folder`, wholly or not at all. `vocabularies` are folders that may hold CLIP's; `tokenizer` must.

    Raises InvalidRequest, with a sentence, for a file that lacks something, or a vocabulary that is nowhere.
    """
    parts = parts_of(file, trained)
    words = {name: part.settings["vocab_size"] for name, part in parts.items() if name.startswith("text_encoder")}
    vocabulary = find_vocabulary(words["text_encoder"], vocabularies, given=tokenizer)
    making = folder.with_name(f".{folder.name}.{new_token(32)}")
    try:
        for name, part in parts.items():
            is_text = name.startswith("text_encoder")
            write_pieces(
                making / name / ("model.safetensors" if is_text else "diffusion_pytorch_model.safetensors"),
                file,
                part.pieces,
            )
            _write(making / name / "config.json", part.settings)
        for name in words:
            pads_with_first = trained.family == "sd2" or name == "text_encoder_2"
            vocabulary.write(
                making / name.replace("text_encoder", "tokenizer"),
                length=parts[name].settings["max_position_embeddings"],
                pad=FIRST_WORD if pads_with_first and FIRST_WORD in vocabulary.words else END,
            )
        (making / "scheduler").mkdir()
        _write(making / "scheduler" / "scheduler_config.json", settings.scheduler_settings(trained))
        _write(making / "model_index.json", settings.index_settings(trained))
        making.rename(folder)
    except OSError as error:
        raise InvalidRequest("folder", f"{folder} cannot be written ({error.strerror or error}).") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)


def parts_of(file: TensorFile, trained: Trained) -> dict[str, Part]:
    """The networks by the folders that they go to. Raises InvalidRequest where a tensor is missing."""
    encoders = _encoders(file, trained)
    projection = [piece for piece in encoders[-1].pieces if piece.name == "text_projection.weight"]
    pooled = projection[0].shape[0] if projection and trained.family == "sdxl" else None
    shapes = _shapes(file, layout.UNET)
    layers, _ = settings.unet_depth(shapes)
    of_unet = settings.unet_settings(shapes, trained, pooled=pooled)
    coded = _shapes(file, layout.AUTOENCODER)
    of_autoencoder = settings.autoencoder_settings(coded, trained)
    levels = settings.autoencoder_levels(coded)
    return {
        "unet": Part(_pieces(file, layout.UNET, names.unet_names(layers)), of_unet),
        "vae": Part(
            [_linear(piece) for piece in _pieces(file, layout.AUTOENCODER, names.autoencoder_names(levels))],
            of_autoencoder,
        ),
        **{f"text_encoder{number}": encoder for number, encoder in zip(("", "_2"), encoders, strict=False)},
    }


def _encoders(file: TensorFile, trained: Trained) -> list[Part]:
    match trained.family:
        case "sd1":
            return [_encoder(file, layout.CLIP, names.clip_name)]
        case "sd2":
            rename = names.open_clip_names(settings.LAYERS_OF_SD2)
            return [_encoder(file, layout.OPEN_CLIP, rename, is_open_clip=True)]
        case _:
            first = _encoder(file, layout.CLIP_OF_XL, names.clip_name)
            second = _encoder(file, layout.OPEN_CLIP_OF_XL, names.open_clip_names(), is_open_clip=True)
            return [first, second]


def _encoder(file: TensorFile, prefix: str, rename: Rename, *, is_open_clip: bool = False) -> Part:
    pieces = _pieces(file, prefix, rename)
    return Part(pieces, settings.text_settings(_by_name(pieces), is_open_clip=is_open_clip))


def _pieces(file: TensorFile, prefix: str, rename: Rename) -> list[Piece]:
    """The part's tensors under their new names."""
    pieces: list[Piece] = []
    for name, info in file.tensors.items():
        renamed = rename(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if renamed is None:
            continue
        parted = names.split_names(renamed)
        if info.shape and info.shape[0] % len(parted):
            raise InvalidRequest("model_id", f"{file.path} has a tensor {name} that cannot be parted in {len(parted)}.")
        share = info.bytes // len(parted)
        turned = renamed == "text_projection.weight"
        shape = info.shape[::-1] if turned else (info.shape[0] // len(parted), *info.shape[1:]) if info.shape else ()
        pieces += [
            Piece(
                name=one,
                dtype=info.dtype,
                shape=shape,
                start=info.start + at * share,
                bytes=share,
                is_transposed=turned,
            )
            for at, one in enumerate(parted)
        ]
    return pieces


def _linear(piece: Piece) -> Piece:
    """An autoencoder's attention is made of convolutions of one pixel in LDM, and of matrices in diffusers."""
    if ".attentions." not in piece.name or piece.shape[2:] != (1, 1):
        return piece
    return Piece(name=piece.name, dtype=piece.dtype, shape=piece.shape[:2], start=piece.start, bytes=piece.bytes)


def _shapes(file: TensorFile, prefix: str) -> Mapping[str, tuple[int, ...]]:
    return {name.removeprefix(prefix): info.shape for name, info in file.tensors.items() if name.startswith(prefix)}


def _by_name(pieces: Iterable[Piece]) -> dict[str, tuple[int, ...]]:
    return {piece.name: piece.shape for piece in pieces}


def _write(path: Path, settings: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
