"""Which autoencoder a picture goes through: its checkpoint's own, or another that it asks for."""

import torch

from easel.engine.families.base import LoadedAutoencoder
from easel.engine.families.vae import Replacement, VaeLoader
from easel.engine.library import Library, Readiness
from easel.engine.request import PictureRequest


class Autoencoders:
    """Belongs to the thread of its runner; others than checkpoints' own are loaded in a thread of their own."""

    def __init__(self, device: torch.device, dtype: torch.dtype, *, bytes: int) -> None:
        self._library: Library[Replacement, LoadedAutoencoder] = Library(VaeLoader(device, dtype), bytes=bytes)
        self._in_use: dict[str, LoadedAutoencoder] = {}
        """By the pictures that hold them: what is evicted under way stays with those."""

    @property
    def is_loading(self) -> bool:
        return self._library.is_loading

    def ask(self, request: PictureRequest) -> Readiness:
        """Whether the picture's autoencoder is there, beside its checkpoint; its load begins otherwise."""
        if request.vae is None:
            return Readiness.READY
        return self._library.ask(Replacement(request.vae, request.checkpoint))

    def wait(self, seconds: float) -> None:
        """Until the load under way is over, if there is one, and at most so long."""
        self._library.wait(seconds)

    def hold(self, request: PictureRequest, own: LoadedAutoencoder) -> LoadedAutoencoder:
        """The picture's, kept until `release`. Raises InvalidRequest, naming `vae`, for one that cannot be used."""
        if request.vae is None:
            return own
        self._in_use[request.id] = self._library.get(Replacement(request.vae, request.checkpoint))
        return self._in_use[request.id]

    def of(self, id: str, own: LoadedAutoencoder) -> LoadedAutoencoder:
        """What `hold` answered."""
        return self._in_use.get(id, own)

    def release(self, id: str) -> None:
        """Forget the picture; no harm if it is not there."""
        self._in_use.pop(id, None)
