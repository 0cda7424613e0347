"""Which ControlNets steer a picture: loading them, their hints, and what they add to each row of a call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch

from easel.domain.errors import DomainError, InvalidRequest
from easel.engine.backends.opening import Opener
from easel.engine.control.file import check_fits, unusable
from easel.engine.control.network import ControlLoader, ControlNetwork
from easel.engine.families.base import Conditioning, LoadedFamily, Steerable
from easel.engine.library import Library, Readiness
from easel.engine.request import Control, PictureRequest, WeightsFile
from easel.engine.trajectory import Trajectory


@dataclass(frozen=True, slots=True, eq=False)
class Steering:
    """What one ControlNet has to say in one picture."""

    network: ControlNetwork
    hint: torch.Tensor
    """Embedded: channels x h x w."""
    scales: torch.Tensor
    """Of each residual."""
    control: Control

    def is_said(self, call: int, calls: int, *, to_negative: bool) -> bool:
        """At call number `call` of the picture's `calls`, to the negative prompt's row or to another."""
        control = self.control
        is_in_window = not (call / calls < control.start or (call + 1) / calls > control.end)
        return is_in_window and not (to_negative and (control.guess or self.network.pools))


Steerings = tuple[Steering, ...]


class ControlShelf:
    """Belongs to the thread of its runner; networks are loaded in a thread of their own.

    A picture is admitted with all its networks or waits for those that were admitted before it, so that no two pictures
    wait for each other's; and while one waits, none that came later is admitted, so that it does not wait for ever.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype, opener: Opener, *, bytes: int) -> None:
        self._loader = ControlLoader(device, dtype, opener)
        self._library: Library[WeightsFile, ControlNetwork] = Library(self._loader, bytes=bytes)
        self._budget = bytes
        self._admitted: dict[str, dict[WeightsFile, int]] = {}
        """Bytes of each network that a picture needs, by picture."""
        self._next: str | None = None
        self._held: dict[str, dict[WeightsFile, ControlNetwork]] = {}
        self._steerings: dict[str, Steerings] = {}

    @property
    def is_loading(self) -> bool:
        return self._library.is_loading

    def resident(self) -> list[str]:
        """Names of the networks in memory, the one used last first."""
        return [network.name for network in self._library.keys]

    def ask(self, request: PictureRequest) -> Readiness:
        """Whether the picture's networks are there; their load begins otherwise."""
        if not request.controls:
            return Readiness.READY
        try:
            if not self._admit(request):
                return Readiness.NO_ROOM
            return self._load(request.id)
        except DomainError:
            return Readiness.READY  # and `hold` says what is wrong

    def wait(self, seconds: float) -> None:
        """Until the load under way is over, if there is one, and at most so long."""
        self._library.wait(seconds)

    def hold(self, request: PictureRequest, family: LoadedFamily, shape: torch.Size) -> None:
        """Make the picture's networks and hints ready, until `release`. `shape` is that of its latents.

        Raises InvalidRequest, naming `controlnet_model`, for a network that cannot be used.
        """
        if not request.controls:
            return
        if not isinstance(family, Steerable):
            raise InvalidRequest(
                "controlnet_model", f"Models of family {request.checkpoint.family} cannot be steered by ControlNets."
            )
        held = self._held.setdefault(request.id, {})
        for network in self._networks(request):
            if network not in held:
                held[network] = self._library.get(network)
            check_fits(network, held[network].settings, family.unet.config, request.checkpoint.name, shape[0])
        self._steerings[request.id] = tuple(_steering(held[one.network], one, shape) for one in request.controls)

    def release(self, id: str) -> None:
        """Forget the picture; no harm if it is not there."""
        for kept in (self._admitted, self._held, self._steerings):
            kept.pop(id, None)
        if self._next == id:
            self._next = None

    def of(self, picture: Trajectory, *, is_negative: bool) -> Steerings:
        """Those that have a say in a row of the picture's next call."""
        return tuple(
            one
            for one in self._steerings.get(picture.id, ())
            if one.is_said(picture.done, len(picture.plan.steps), to_negative=is_negative)
        )

    def predict(
        self,
        family: LoadedFamily,
        rows: Sequence[Steerings],
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        texts: Sequence[Conditioning],
        factors: torch.Tensor,
        *,
        size: Callable[[int], int],
    ) -> torch.Tensor:
        """`family.predict`, with what the ControlNets of each row add to it.

        `size` is how many rows a call has that is made for so many.
        """
        if not any(rows):
            return family.predict(latents, timesteps, texts, factors)
        steered = cast(Steerable, family)  # as `hold` has seen

        def say(network: ControlNetwork, at: Sequence[int], said: Sequence[Steering]) -> torch.Tensor:
            return network.call(
                torch.stack([one.hint for one in said]),
                torch.stack([one.scales for one in said]),
                *steered.inputs(latents[at, : network.channels], timesteps[at], [texts[row] for row in at]),
            )

        return steered.predict(latents, timesteps, texts, factors, _residuals(rows, say, size))

    def _admit(self, request: PictureRequest) -> bool:
        if request.id in self._admitted:
            return True
        if self._next not in (None, request.id):
            return False
        needed = {network: self._loader.size(network) for network in self._networks(request)}
        taken = {network: bytes for others in self._admitted.values() for network, bytes in others.items()}
        if taken and sum({**taken, **needed}.values()) > self._budget:
            self._next = request.id
            return False
        self._next = None
        self._admitted[request.id] = needed
        return True

    def _load(self, id: str) -> Readiness:
        """Networks are held as they come: those of one picture may be more than there is room for."""
        held = self._held.setdefault(id, {})
        in_use = {network for others in self._held.values() for network in others}
        for network in self._admitted[id]:
            if network in held:
                continue
            readiness = self._library.ask(network, in_use)
            if readiness is Readiness.NO_ROOM:
                readiness = self._library.ask(network)
            if readiness is not Readiness.READY:
                return Readiness.LOADING
            held[network] = self._library.get(network)
        return Readiness.READY

    @staticmethod
    def _networks(request: PictureRequest) -> list[WeightsFile]:
        return list(dict.fromkeys(control.network for control in request.controls))


def _residuals(
    rows: Sequence[Steerings],
    say: Callable[[ControlNetwork, Sequence[int], Sequence[Steering]], torch.Tensor],
    size: Callable[[int], int],
) -> torch.Tensor:
    """What is added to each row. Each network is called once, for the rows that it steers."""
    entries: dict[ControlNetwork, list[tuple[int, Steering]]] = {}
    for row, steerings in enumerate(rows):
        for one in steerings:
            entries.setdefault(one.network, []).append((row, one))
    total: torch.Tensor | None = None
    for network, steered in entries.items():
        filled = [*steered, *steered[-1:] * (size(len(steered)) - len(steered))]
        found = say(network, [row for row, _ in filled], [one for _, one in filled])[: len(steered)]
        total = found.new_zeros((len(rows), found.shape[1])) if total is None else total
        total.index_add_(0, torch.tensor([row for row, _ in steered], device=found.device), found)
    assert total is not None
    return total


def _steering(network: ControlNetwork, control: Control, shape: torch.Size) -> Steering:
    hint = network.embed(control.hint)
    if hint.shape[-2:] != shape[-2:]:
        raise unusable(
            control.network,
            f"it makes {hint.shape[-1]}x{hint.shape[-2]} of a hint, where the picture has {shape[-1]}x{shape[-2]} "
            "latents: it was made for another autoencoder",
        )
    return Steering(network, hint, network.scales(control.scale, guess=control.guess or network.pools), control)
