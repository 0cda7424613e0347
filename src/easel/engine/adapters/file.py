"""An adapter's file in memory."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from easel.domain.errors import InvalidRequest
from easel.engine.adapters.header import Header, read_header, refused
from easel.engine.adapters.layout import Roles, layers_of
from easel.engine.reading import Form, read_tensors
from easel.engine.request import WeightsFile

IN_METADATA = "lora_adapter_metadata"
"""Where diffusers writes PEFT's settings, each after the name of its network and a dot."""
BESIDE = ("adapter_model.safetensors", "adapter_config.json")
"""How PEFT itself names its weights and the settings beside them."""


@dataclass(frozen=True, slots=True, eq=False)
class AdapterFile:
    name: str
    header: Header
    layers: Mapping[str, Roles]
    """By stem."""
    tensors: Mapping[str, torch.Tensor]
    settings: Mapping[str, Any]
    """PEFT's own: alpha does not stand among its tensors."""

    def parts(self, stem: str) -> dict[str, torch.Tensor]:
        """The tensors of a layer by role, but for alpha; float32."""
        return {role: self.tensors[tensor] for role, tensor in self.layers[stem].items() if role != "alpha"}

    def scale(self, stem: str, part: str, layer: str, rank: int | None) -> float:
        """alpha / rank; 1 where neither the file nor its settings speak of alpha."""
        alpha = self._alpha(stem, part, layer)
        own_rank = self._setting(part, "r") if rank is None else rank
        if alpha is None or not own_rank:
            return 1.0
        is_root = bool(self._setting(part, "use_rslora"))
        scale = float(alpha) / (math.sqrt(own_rank) if is_root else own_rank)
        if not math.isfinite(scale):
            raise InvalidRequest("lora_model", f"LoRA {self.name} has no finite alpha in {stem[:100]}; use another.")
        return scale

    def _alpha(self, stem: str, part: str, layer: str) -> float | None:
        if "alpha" in self.layers[stem]:
            return float(self.tensors[self.layers[stem]["alpha"]].flatten()[0])
        for pattern, alpha in (self._setting(part, "alpha_pattern") or {}).items():
            if layer == pattern or layer.endswith(f".{pattern}"):
                return alpha
        alpha = self._setting(part, "lora_alpha")
        return self._setting(part, "alpha") if alpha is None else alpha

    def _setting(self, part: str, key: str) -> Any:
        return self.settings.get(f"{part}.{key}", self.settings.get(key))


def read_adapter(adapter: WeightsFile) -> AdapterFile:
    """Raises InvalidRequest for what is no whole adapter in safetensors."""
    header = read_header(adapter.name, adapter.file)
    layers = layers_of(adapter.name, header.shapes)
    for tensor, info in header.file.tensors.items():
        if not info.is_float and not tensor.endswith(".alpha"):
            raise refused(adapter.name, f"{tensor[:100]} holds no real numbers; choose another file.")
    try:
        tensors = read_tensors(header.file, list(header.shapes), Form(dtype=torch.float32))
    except InvalidRequest as refusal:
        raise refused(adapter.name, refusal.message) from None
    return AdapterFile(adapter.name, header, layers, tensors, _settings(adapter, header))


def _settings(adapter: WeightsFile, header: Header) -> Mapping[str, Any]:
    text = header.metadata.get(IN_METADATA)
    weights, beside = BESIDE
    if text is None and adapter.file.name == weights and (adapter.file.parent / beside).is_file():
        text = (adapter.file.parent / beside).read_text("utf-8", errors="replace")
    try:
        settings = json.loads(text or "{}")
    except ValueError:
        settings = None
    if not isinstance(settings, dict) or not all(_is_fit(key, value) for key, value in settings.items()):
        raise InvalidRequest(
            "lora_model", f"LoRA {adapter.name}: its settings cannot be read; save it again with PEFT."
        )
    return settings


def _is_fit(key: str, value: Any) -> bool:
    """Whether a setting that is used here is of the kind that PEFT writes."""
    match key.rpartition(".")[2]:
        case "r" | "lora_alpha" | "alpha":
            return value is None or isinstance(value, int | float)
        case "alpha_pattern":
            return value is None or (
                isinstance(value, dict) and all(isinstance(a, int | float) for a in value.values())
            )
        case _:
            return True
