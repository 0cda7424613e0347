"""Which way a network is run."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from easel.engine.backends.base import Backend, Network, Opened, Tensors, architecture
from easel.engine.backends.graphs import GraphCapture
from easel.engine.backends.memory import Memory, processor
from easel.engine.backends.recorded import AFTER_CALLS, Recorded
from easel.engine.backends.traced import trace

AFTER_CALLS_ON_GPU = 3
"""A capture costs two calls, and launches are what a GPU waits for from the first picture on."""

Samples = Callable[[], Sequence[Tensors]]


class Opener:
    """Opens networks for one device, all by one backend."""

    def __init__(self, backend: Backend | str, device: torch.device, cache: Path | None = None) -> None:
        """`cache` is a folder for what was measured, converted and calibrated; without one, all is made again.

        Raises ValueError for a backend that is unknown or not for this device, and ImportError for one that is not
        installed.
        """
        self.backend = Backend(backend)
        self._device = device
        self._cache = cache
        self._memory = Memory(cache / "backends.json" if cache else None)
        if self._is_openvino:
            if device.type != "cpu":
                raise ValueError(f"the backend {self.backend} runs on a CPU only; choose another with EASEL_BACKEND")
            from easel.engine.backends.openvino import library

            library()

    @property
    def has_fixed_rows(self) -> bool:
        """Whether calls had better come in few sizes: each of them is recorded or compiled anew."""
        return self._device.type == "cuda" and self.backend is not Backend.EAGER

    @property
    def _is_openvino(self) -> bool:
        return self.backend in (Backend.OPENVINO, Backend.OPENVINO_INT8)

    def open(self, network: torch.nn.Module, samples: Samples, *, takes_residuals: bool = False) -> Opened:
        """`network` by the backend; its first input is adapters' factors, empty without any. With `takes_residuals` its
        last is what ControlNets add, empty likewise.

        `samples` answers inputs that it is really given; only eight bits ask for them.
        """
        living = self._living(network)
        match self.backend:
            case Backend.COMPILED:
                from easel.engine.backends.compiled import compiled

                return Opened(network, compiled(network, self._device), living)
            case Backend.OPENVINO:
                converted = self._openvino(network, living, takes_factors=True, takes_residuals=takes_residuals)
                return Opened(network, converted, living)
            case Backend.OPENVINO_INT8:
                converted = self._openvino(
                    network, living, samples, takes_factors=True, takes_residuals=takes_residuals
                )
                return Opened(network, converted, living)
            case _:
                return Opened(network, living, living)

    def open_beside(self, network: torch.nn.Module) -> Network:
        """What steers a network and is called as often, with weights that never change."""
        living = self._living(network)
        if self.backend is Backend.COMPILED:
            from easel.engine.backends.compiled import compiled

            return compiled(network, self._device)
        return self._openvino(network, living) if self._is_openvino else living

    def open_decoder(self, network: torch.nn.Module) -> Network:
        """What is called once a picture: worth converting, but not recording; in float32, which its pixels need."""
        return self._openvino(network, network) if self._is_openvino else network

    def _living(self, network: torch.nn.Module) -> Network:
        """A way to run `network` with the weights that it has at each call."""
        if self.backend is Backend.EAGER:
            return network
        on_gpu = self._device.type == "cuda"
        return Recorded(
            network,
            GraphCapture(self._device) if on_gpu else trace,
            memory=self._memory,
            name=f"{architecture(network)} on {self._device_name()}, torch {torch.__version__}",
            after_calls=AFTER_CALLS_ON_GPU if on_gpu else AFTER_CALLS,
            always=self.backend is Backend.RECORDED,
            wait=torch.cuda.synchronize if on_gpu else lambda: None,
        )

    def _openvino(
        self,
        network: torch.nn.Module,
        otherwise: Network,
        samples: Samples | None = None,
        *,
        takes_factors: bool = False,
        takes_residuals: bool = False,
    ) -> Network:
        from easel.engine.backends.openvino import OpenVino

        return OpenVino(
            network,
            otherwise=otherwise,
            threads=torch.get_num_threads(),
            cache=self._cache / "openvino" if self._cache else None,
            samples=samples,
            takes_factors=takes_factors,
            takes_residuals=takes_residuals,
        )

    def _device_name(self) -> str:
        if self._device.type == "cuda":
            return torch.cuda.get_device_name(self._device)
        return f"{torch.get_num_threads()} threads of {processor()}"
