"""A network through OpenVINO on a CPU, in float32 or with weights and activations of eight bits.

It is converted once for all shapes and compiled for each set of shapes that comes: known shapes are what OpenVINO gains
most from. The converted network lies in the cache folder under the digest of its weights: a later start only reads it.

Eight bits are NNCF's post-training quantisation, calibrated on what the network is really given (calibration.py). Only
calls without adapters, which is what it is calibrated on, are made in eight bits; the others are made in float32.
"""

import io
import logging
import secrets
import sys
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from easel.engine.backends.base import Network, Shapes, Tensors, shapes_of, weights_digest
from easel.engine.residency import Residency

log = logging.getLogger(__name__)

MOST_COMPILED = 16
"""Shapes that stay compiled; each may hold packed weights of its own, so a large network keeps fewer."""

COMPILED_BYTES = 8 * 2**30

FARTHEST = 0.001
"""Root of the mean square from the network's own answer, as a share of that: kernels that add in another order."""

FARTHEST_OF_EIGHT_BITS = 0.5

Samples = Callable[[], Sequence[Tensors]]


def library(name: str = "openvino") -> ModuleType:
    """OpenVINO or NNCF, without the package by which both report their use to their makers.

    Raises ImportError, with a sentence, when it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"The backend openvino needs the package {name}: pip install 'easel[openvino]', or set EASEL_BACKEND to "
            f"auto ({error})."
        ) from error


class OpenVino:
    """Calls `network` through OpenVINO; whatever OpenVINO cannot convert goes to `otherwise`, and is logged."""

    def __init__(
        self,
        network: torch.nn.Module,
        *,
        otherwise: Network,
        threads: int,
        cache: Path | None = None,
        samples: Samples | None = None,
        takes_factors: bool = False,
        takes_residuals: bool = False,
    ) -> None:
        """`samples` answers inputs of the network to calibrate on, and asks for eight bits.

        `takes_factors`: the first input is adapters' factors, by whose shape the network is another one; and
        `takes_residuals`: so is the last, what ControlNets add.
        """
        openvino = library()
        self._convert = openvino.convert_model
        self._save = openvino.save_model
        self._core: Any = openvino.Core()
        self._network = network
        self._otherwise = otherwise
        self._threads = threads
        self._folder = cache / f"{weights_digest(network)}-{openvino.__version__.split('-')[0]}" if cache else None
        self._takes_factors = takes_factors
        self._takes_residuals = takes_residuals
        self._models: dict[str, Any] = {}
        """By `_kind`; for any shapes of the other inputs."""
        weights = sum(weight.nbytes for weight in network.parameters())
        self._calls: Residency[Shapes, Network] = Residency(lambda _: weights, bytes=COMPILED_BYTES, most=MOST_COMPILED)
        self._small: Any = self._quantised(samples) if samples else None

    @property
    def compiled(self) -> int:
        """For how many sets of shapes it is compiled at the moment."""
        return len(self._calls)

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self._calls.get(shapes_of(inputs), lambda: self._prepare(inputs))(*inputs)

    def _prepare(self, inputs: Tensors) -> Network:
        """The network compiled for these shapes, held against the network itself once."""
        in_eight_bits = self._small is not None and not self._kind(inputs)
        try:
            call = self._compile(self._small if in_eight_bits else self._model(inputs), inputs)
            distance = _distance(call(*inputs), self._network(*inputs))
        except Exception:  # whatever a converter or a compiler may raise
            log.warning("OpenVINO cannot run a network for shapes %s", shapes_of(inputs), exc_info=True)
            return self._otherwise
        if distance > (FARTHEST_OF_EIGHT_BITS if in_eight_bits else FARTHEST):
            log.warning("OpenVINO answers %.3f from a network for shapes %s", distance, shapes_of(inputs))
            return self._otherwise
        return call

    def _kind(self, inputs: Tensors) -> str:
        """What the network does with the adapters' factors and with what ControlNets add, in a word or two.

        Of factors, whether rows share them and how far they reach; their rank does not matter. Of what is added, into
        which places it is parted. Nothing without any.
        """
        said: list[str] = []
        if self._takes_factors and inputs[0].numel():
            rows, _, columns = inputs[0].shape
            said.append(f"{'shared' if rows == 1 else 'by-row'}-{columns}")
        if self._takes_residuals and inputs[-1].numel():
            said.append(f"steered-{'x'.join(map(str, inputs[1].shape[1:]))}")
        return "-".join(said)

    def _compile(self, model: Any, inputs: Tensors) -> Network:
        fixed = model.clone()
        shapes = [shape for shape, tensor in zip(shapes_of(inputs), inputs, strict=True) if tensor.numel()]
        fixed.reshape({port: list(shape) for port, shape in zip(fixed.inputs, shapes, strict=True)})
        request = self._core.compile_model(
            fixed,
            "CPU",
            {
                # Or it takes bfloat16 where the processor has it.
                "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": self._threads,
                # Several workers on a machine would be pinned to the same cores.
                "ENABLE_CPU_PINNING": False,
                # The generator of fused kernels crashes on float32 attention (2026.4.1).
                "SNIPPETS_MODE": "DISABLE",
            },
        ).create_infer_request()

        def call(*inputs: torch.Tensor) -> torch.Tensor:
            arrays = [tensor.contiguous().numpy() for tensor in inputs if tensor.numel()]
            return torch.from_numpy(request.infer(arrays, share_inputs=True, share_outputs=False)[0])

        return call

    def _model(self, inputs: Tensors) -> Any:
        """The network converted for any shapes, by what it does with factors and what is added."""
        kind = self._kind(inputs)
        if kind not in self._models:
            name = f"float32-{kind}" if kind else "float32"
            self._models[kind] = self._kept(name, lambda: self._converted(inputs))
        return self._models[kind]

    def _converted(self, inputs: Tensors) -> Any:
        examples = tuple(torch.empty_like(tensor).copy_(tensor) for tensor in inputs if tensor.numel())
        with _quietly():
            return self._convert(_WithoutEmpty(self._network, inputs), example_input=examples)

    def _quantised(self, samples: Samples) -> Any:
        def quantise() -> Any:
            given = samples()
            log.info("bringing a network to eight bits on %d samples of its inputs", len(given))
            nncf = library("nncf")
            arrays = [[tensor.numpy() for tensor in inputs if tensor.numel()] for inputs in given]
            with _quietly():
                return nncf.quantize(
                    self._model(given[0]),
                    nncf.Dataset(arrays, list),
                    preset=nncf.QuantizationPreset.MIXED,
                    model_type=nncf.ModelType.TRANSFORMER,
                    subset_size=len(given),
                )

        return self._kept("eight-bits", quantise)

    def _kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` answers, from the cache folder when it has it."""
        if self._folder is None:
            return make()
        path = self._folder / f"{name}.xml"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            # The weights lie in a file of their own, which must be whole before the model is there.
            draft = path.with_stem(f"{name}.{secrets.token_hex(4)}")
            self._save(make(), draft, compress_to_fp16=False)
            draft.with_suffix(".bin").replace(path.with_suffix(".bin"))
            draft.replace(path)
        return self._core.read_model(path)


class _WithoutEmpty(torch.nn.Module):
    """A network as a function of those inputs alone that hold numbers."""

    def __init__(self, network: torch.nn.Module, inputs: Tensors) -> None:
        super().__init__()
        self.network = network
        self._empty = [None if tensor.numel() else tensor for tensor in inputs]

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        rest = iter(given)
        return self.network(*(next(rest) if empty is None else empty for empty in self._empty))


@contextmanager
def _quietly() -> Generator[None]:
    """Without progress bars and warnings of a tracer that will be retired; and the process's log stays as it was."""
    root = logging.getLogger()
    level, filters, handlers = root.level, list(root.filters), list(root.handlers)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
            yield
    finally:
        root.setLevel(level)
        root.filters, root.handlers = filters, handlers


def _distance(answer: torch.Tensor, expected: torch.Tensor) -> float:
    return float((answer - expected).pow(2).mean().sqrt() / expected.pow(2).mean().sqrt().clamp_min(1e-12))
