"""Where a family takes its networks from: a checkpoint's folder, or what host memory still holds of it.

A network is laid out without memory first, its tensors are checked against the file's header, and only then read. The
libraries' own `from_pretrained` patches torch for the whole process while it loads, so it cannot run beside a network
that draws.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from transformers import PretrainedConfig

from easel.engine.families.folder import read_settings, stamp, unreadable, weights_files
from easel.engine.reading import Form, Tensors, read_tensors
from easel.engine.tensorfile import TensorFile, read_header

FORMER_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""What diffusers called an autoencoder's attention until 2023; most files on the hub are older."""

TEXT_MODEL = "text_model."
"""Which transformers has put before the names of a text encoder's tensors, and has not, from version to version."""


FIRST_NUMBERS = ("torch.nn.init", "transformers.initialization")
"""Where the functions come from that give a new network its numbers."""


@dataclass(frozen=True, slots=True)
class HostWeights:
    """A checkpoint's tensors in host memory, by part, as a device takes them."""

    parts: dict[str, Tensors] = field(default_factory=dict[str, Tensors])

    @property
    def bytes(self) -> int:
        return sum(tensor.nbytes for tensors in self.parts.values() for tensor in tensors.values())


class Source:
    """One checkpoint, for one device. `host` is filled as parts are read, and read instead of files afterwards."""

    def __init__(
        self, folder: Path, device: torch.device, dtype: torch.dtype, *, host: HostWeights | None = None
    ) -> None:
        """Without `host` the networks' own tensors are all there is in memory, as it should be on a CPU.

        On the device `meta` everything is checked and no number read.
        """
        self.folder = folder
        self.device = device
        self.dtype = dtype
        self._host = host

    def settings(self, file: str) -> dict[str, Any]:
        """A JSON file of the folder. Raises InvalidRequest when it is not there or no object."""
        return read_settings(self.folder, file)

    def files(self, part: str) -> list[TensorFile]:
        """The headers of a part's weights. Raises InvalidRequest."""
        return [read_header(path) for path in weights_files(self.folder, part)]

    def network(self, kind: type[Any], part: str, *, channels_last: bool = False) -> Any:
        """A network of diffusers or transformers, ready to be called, from `part`/config.json and its weights.

        Raises InvalidRequest, with a sentence that names the file, when it cannot be used.
        """
        network = self._lay_out(kind, part)
        wanted = network.state_dict()
        if self.device.type == "meta":
            self._places(part, wanted)
            return network
        kept = self._host.parts.get(part) if self._host else None
        if kept is None:
            form = Form(dtype=self.dtype, channels_last=channels_last, pinned=self.device.type == "cuda")
            kept = self._read(part, wanted, form)
            if self._host:
                self._host.parts[part] = kept
        here = {name: tensor.to(self.device, non_blocking=True) for name, tensor in kept.items()}
        network.load_state_dict(here, assign=True)
        return network.to(self.device).eval().requires_grad_(False)

    def _lay_out(self, kind: type[Any], part: str) -> Any:
        settings = self.settings(f"{part}/config.json")
        try:
            with _WithoutMemory():
                return _made(kind, settings)
        except Exception as error:  # whatever odd settings make two libraries raise
            raise unreadable(self.folder / part, f"its settings make no network: {type(error).__name__}") from error

    def _read(self, part: str, wanted: Mapping[str, torch.Tensor], form: Form) -> Tensors:
        read: Tensors = {}
        for file, named in self._places(part, wanted):
            read |= {named[stored]: tensor for stored, tensor in read_tensors(file, list(named), form).items()}
        return read

    def _places(self, part: str, wanted: Mapping[str, torch.Tensor]) -> list[tuple[TensorFile, dict[str, str]]]:
        """The part's files, and of each the names of its wanted tensors, from those in it to those in the network."""
        files = self.files(part)
        found = _places(files, wanted, self.folder / part)
        return [(file, {stored: name for name, (where, stored) in found.items() if where is file}) for file in files]


def weights_size(folder: Path, parts: Sequence[str], dtype: torch.dtype) -> int:
    """Bytes that the parts' weights take in memory, by their headers. Raises InvalidRequest."""
    files = [read_header(path) for part in parts for path in weights_files(folder, part)]
    return sum(file.parameters for file in files) * dtype.itemsize


def weights_stamp(folder: Path, parts: Sequence[str]) -> tuple[Any, ...]:
    """What changes when any of the parts' files does."""
    return stamp([folder / "model_index.json", *(file for part in parts for file in (folder / part).glob("*"))])


def _made(kind: type[Any], settings: dict[str, Any]) -> Any:
    configuration = getattr(kind, "config_class", None)
    if isinstance(configuration, type) and issubclass(configuration, PretrainedConfig):
        return kind(configuration.from_dict(settings))
    return kind.from_config(settings)


def _places(
    files: Sequence[TensorFile], wanted: Mapping[str, torch.Tensor], part: Path
) -> dict[str, tuple[TensorFile, str]]:
    """In which file, and under which name, each wanted tensor lies. Raises InvalidRequest for one that does not fit."""
    stored = {_todays_name(name, wanted): (file, name) for file in files for name in file.tensors}
    missing = [name for name in wanted if name not in stored]
    if missing:
        # Made up, as the libraries do, they would draw noise.
        raise unreadable(part, f"{len(missing)} of its tensors are missing, the first is {missing[0]}")
    for name, tensor in wanted.items():
        file, stored_name = stored[name]
        info = file.tensors[stored_name]
        if info.shape != tuple(tensor.shape):
            shapes = f"{list(info.shape)} in the file and {list(tensor.shape)} by its settings"
            raise unreadable(file.path, f"its tensor {stored_name} is {shapes}")
        if tensor.is_floating_point() and not info.is_float:
            raise unreadable(file.path, f"its tensor {stored_name} is of type {info.dtype}, which no weight is")
    return {name: stored[name] for name in wanted}


def _todays_name(name: str, wanted: Mapping[str, torch.Tensor]) -> str:
    """The wanted tensor that a file knows by an older name; `name` itself where there is none."""
    former = ".".join(FORMER_NAMES.get(word, word) for word in name.split("."))
    for candidate in (name, former, f"{TEXT_MODEL}{name}", name.removeprefix(TEXT_MODEL)):
        if candidate in wanted:
            return candidate
    return name


class _WithoutMemory(TorchFunctionMode):
    """Parameters of networks made under it have shapes and no numbers. For the thread that enters it alone."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.empty and kwargs.get("device") is None:
            kwargs = {**kwargs, "device": "meta"}
        elif getattr(func, "__module__", None) in FIRST_NUMBERS:
            # Half the time of making a network, and of no effect on a tensor without memory.
            tensor = args[0] if args else kwargs.get("tensor")
            if isinstance(tensor, torch.Tensor) and tensor.is_meta:
                return tensor
        return func(*args, **kwargs)
