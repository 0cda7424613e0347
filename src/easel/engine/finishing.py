"""From the last latents to a picture: decode, look whether they are numbers, put back what is kept."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from easel.domain.errors import GenerationFailed
from easel.engine import tiles
from easel.engine.decoding import Decode, Decoded
from easel.engine.failures import OutOfMemory, too_large
from easel.engine.families.base import LoadedAutoencoder
from easel.engine.faults import faults_named
from easel.engine.paste import paste
from easel.engine.request import PictureRequest

IN_TILES = "Memory was short, so the picture was decoded in tiles; its finest texture may differ at their seams."


def decode_of(
    autoencoder: LoadedAutoencoder, latents: torch.Tensor, request: PictureRequest, stream: "Stream | None"
) -> Decode:
    """The decode of one picture. It holds the autoencoder and the latents, whatever leaves memory meanwhile."""
    ready = stream.mark() if stream else None

    @torch.inference_mode()
    def decode() -> Decoded:
        if stream is None:
            return _decode(autoencoder, latents, request)
        with stream.after(ready):
            return _decode(autoencoder, latents, request)

    return decode


def _decode(autoencoder: LoadedAutoencoder, latents: torch.Tensor, request: PictureRequest) -> Decoded:
    pixels, notes = _pixels(autoencoder, latents)
    # Not looked at before the end: on a GPU each look would stop the queue, and no row reaches another's numbers.
    if not bool(torch.isfinite(pixels).all()):
        raise GenerationFailed(
            "The picture came out as not-a-number: try a lower guidance or another sampler; "
            "if every picture does, the model's weights are damaged."
        )
    image = (pixels * 255).round().to(torch.uint8).numpy()
    if request.init is not None and request.mask is not None:
        image = paste(image, request.init, request.mask)
    return Decoded(image, notes)


def _pixels(autoencoder: LoadedAutoencoder, latents: torch.Tensor) -> tuple[torch.Tensor, tuple[str, ...]]:
    """On the CPU. Memory that does not suffice for the whole may suffice for tiles."""
    try:
        with faults_named():
            return tiles.decode(autoencoder, latents), ()
    except OutOfMemory:
        pass
    try:
        with faults_named():
            return tiles.decode(autoencoder, latents, tiles.ALWAYS), (IN_TILES,)
    except OutOfMemory as error:
        raise GenerationFailed(too_large(error)) from error


class Stream:
    """A CUDA stream beside the engine's own, on which kernels of decodes run between those of network calls."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)

    def mark(self) -> torch.cuda.Event:
        """A point in the caller's queue of kernels."""
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self._device))
        return event

    @contextmanager
    def after(self, mark: "torch.cuda.Event | None") -> Generator[None]:
        """What is queued inside runs beside the engine's kernels, but after those before `mark`."""
        with torch.cuda.stream(self._stream):
            if mark is not None:
                self._stream.wait_event(mark)
            yield
