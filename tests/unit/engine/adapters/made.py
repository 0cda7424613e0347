"""Adapters with random numbers, in the layouts that the field's trainers write."""

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from easel.engine.request import AdapterMix, Checkpoint, WeightsFile

KOHYA = {"unet": "lora_unet_", "text_encoder": "lora_te_", "text_encoder_2": "lora_te2_"}
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj")
EVERY_LINEAR = (*ATTENTION, "proj_in", "proj_out", "net.0.proj", "net.2", "fc1", "fc2")


def networks_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """As they are on disk."""
    networks: dict[str, Any] = {
        "unet": UNet2DConditionModel.from_pretrained(checkpoint.folder / "unet"),
        "text_encoder": CLIPTextModel.from_pretrained(checkpoint.folder / "text_encoder"),
    }
    if checkpoint.family == "sdxl":
        second = checkpoint.folder / "text_encoder_2"
        networks["text_encoder_2"] = CLIPTextModelWithProjection.from_pretrained(second)
    return networks


def low_rank(
    checkpoint: Checkpoint,
    *,
    seed: int,
    layout: str = "kohya",
    rank: int = 4,
    alpha: float | None = 2.0,
    targets: tuple[str, ...] = EVERY_LINEAR,
    parts: tuple[str, ...] = ("unet", "text_encoder", "text_encoder_2"),
    size: float = 0.3,
) -> dict[str, torch.Tensor]:
    """The tensors of a LoRA over every layer whose name ends in one of `targets`; the rank differs between layers."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for part, network in networks_of(checkpoint).items():
        if part not in parts:
            continue
        layers = [
            (name, module) for name, module in network.named_modules() if name.endswith(targets) and _is_layer(module)
        ]
        for at, (name, module) in enumerate(layers):
            own_rank = rank + at % 2
            outputs, inputs, *kernel = module.weight.shape
            down = torch.randn((own_rank, inputs, *kernel), generator=generator) * size
            up = torch.randn((outputs, own_rank, *(1 for _ in kernel)), generator=generator) * size
            if part != "unet" and not name.startswith("text_model."):
                name = f"text_model.{name}"
            if layout == "kohya":
                stem = KOHYA[part] + name.replace(".", "_")
                if checkpoint.family == "sdxl":
                    stem = stem.replace("lora_te_", "lora_te1_")
                tensors |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
            elif layout == "peft":
                stem = f"{part}.{name}"
                tensors |= {f"{stem}.lora_A.weight": down, f"{stem}.lora_B.weight": up}
            else:
                stem = f"{part}.{name}.{'lora' if part == 'unet' else 'lora_linear_layer'}"
                tensors |= {f"{stem}.down.weight": down, f"{stem}.up.weight": up}
            if alpha is not None and layout == "kohya":  # elsewhere it is a setting, not a tensor
                tensors[f"{stem}.alpha"] = torch.tensor(alpha)
    return tensors


def _is_layer(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Linear | torch.nn.Conv2d)


def mix(adapter: WeightsFile, strength: float = 1.0, text_strength: float | None = None) -> AdapterMix:
    return AdapterMix(
        adapter=adapter, strength=strength, text_strength=strength if text_strength is None else text_strength
    )
