"""Files of textual inversions, looked at before anything is read of them. No torch here.

Safetensors alone: `emb_params` of AUTOMATIC1111's trainer, `clip_l` and `clip_g` for SDXL's two text encoders, or one
tensor under the name of its token, as diffusers saves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from easel.domain.errors import InvalidRequest
from easel.engine.request import WeightsFile
from easel.engine.tensorfile import TensorFile, read_header

OF_TWO_ENCODERS: Final = ("clip_l", "clip_g")
OF_ONE_ENCODER: Final = ("emb_params", "clip_l")
FAMILIES: Final[Mapping[tuple[int, ...], str]] = {(768,): "sd1", (1024,): "sd2", (768, 1280): "sdxl"}
"""By the widths of their text encoders."""


@dataclass(frozen=True, slots=True)
class EmbeddingFile:
    header: TensorFile
    names: tuple[str, ...]
    """Of its tensor for each text encoder."""
    widths: tuple[int, ...]
    """Numbers in a vector, for each text encoder."""
    count: int
    """Vectors."""

    @property
    def family(self) -> str | None:
        """Whose text encoders read such vectors, where the widths say so."""
        return FAMILIES.get(self.widths)


def open_embedding(file: WeightsFile) -> EmbeddingFile:
    """Raises InvalidRequest, naming `embeddings_model`, for a file that is not there or no textual inversion."""
    if file.file.suffix != ".safetensors":
        raise unusable(
            file,
            f"is {file.file.name}, no .safetensors file; other formats can run code when they are read and are never "
            "loaded. If you trust it, convert it: safetensors.torch.save_file({'emb_params': VECTORS}, FILE)",
        )
    try:
        header = read_header(file.file)
    except InvalidRequest as error:
        raise unusable(file, f"cannot be read: {error.message}") from None
    names = _names(file, header)
    shapes = [header.tensors[name].shape for name in names]
    if not all(len(shape) in (1, 2) for shape in shapes):
        raise unusable(file, "holds no list of vectors")
    counts = {shape[0] if len(shape) == 2 else 1 for shape in shapes}
    if len(counts) > 1 or 0 in counts:
        raise unusable(file, f"holds {' and '.join(map(str, sorted(counts)))} vectors; each text encoder needs as many")
    return EmbeddingFile(header, names, tuple(shape[-1] for shape in shapes), counts.pop())


def unusable(file: WeightsFile, why: str) -> InvalidRequest:
    return InvalidRequest("embeddings_model", f"Embedding {file.name} {why.removesuffix('.')}.")


def _names(file: WeightsFile, header: TensorFile) -> tuple[str, ...]:
    floats = [name for name, info in header.tensors.items() if info.is_float]
    if all(name in floats for name in OF_TWO_ENCODERS):
        return OF_TWO_ENCODERS
    for name in (*OF_ONE_ENCODER, *floats):
        if name in floats and (name in OF_ONE_ENCODER or len(floats) == 1):
            return (name,)
    raise unusable(file, f"holds no tensor named {OF_ONE_ENCODER[0]}, nor {' and '.join(OF_TWO_ENCODERS)}")
