"""What each kind of adapter adds to a layer's weights is what PEFT adds."""

from typing import Any

import peft
import pytest
import torch
from peft.utils import get_peft_model_state_dict

from easel.engine.adapters.delta import change, rank_of
from easel.engine.adapters.layout import layers_of

OUTPUTS, INPUTS = 12, 8


class Layers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(INPUTS, OUTPUTS)
        self.conv = torch.nn.Conv2d(INPUTS, OUTPUTS, 3)
        self.square = torch.nn.Linear(OUTPUTS, OUTPUTS)


KINDS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "LoRA": (peft.LoraConfig, {"r": 4, "lora_alpha": 3, "init_lora_weights": False}),
    "DoRA": (peft.LoraConfig, {"r": 4, "lora_alpha": 3, "init_lora_weights": False, "use_dora": True}),
    "LoHa": (peft.LoHaConfig, {"r": 3, "alpha": 5, "init_weights": False}),
    "LoHa, Tucker": (peft.LoHaConfig, {"r": 3, "alpha": 5, "init_weights": False, "use_effective_conv2d": True}),
    "LoKr": (peft.LoKrConfig, {"r": 2, "alpha": 5, "init_weights": False}),
    "LoKr, both in two": (peft.LoKrConfig, {"r": 1, "alpha": 5, "init_weights": False, "decompose_both": True}),
    "LoKr, Tucker": (
        peft.LoKrConfig,
        {"r": 1, "alpha": 5, "init_weights": False, "decompose_factor": 2, "use_effective_conv2d": True},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_a_change_is_that_of_peft(kind: str) -> None:
    config, settings = KINDS[kind]
    torch.manual_seed(3)
    layers = Layers()
    own = {name: weight.detach().clone() for name, weight in layers.named_parameters()}
    model = peft.get_peft_model(layers, config(target_modules=["linear", "conv", "square"], **settings))
    for name, parameter in model.named_parameters():
        # Larger than PEFT begins with; magnitudes begin as the weights' own, which would hide them.
        if "magnitude" in name:
            parameter.data.mul_(torch.rand_like(parameter) + 0.5)
        elif any(mark in name for mark in ("lora_", "hada_", "lokr_")):
            parameter.data.normal_()
    tensors = get_peft_model_state_dict(model)
    merged = dict(model.merge_and_unload().named_parameters())
    found = layers_of("it", tensors)
    scale = settings.get("lora_alpha", settings.get("alpha")) / settings["r"]
    for layer in ("linear", "conv", "square"):
        parts = {role: tensors[tensor].float() for role, tensor in found[f"base_model.model.{layer}"].items()}
        assert rank_of(parts) in (None, settings["r"])
        wanted = merged[f"{layer}.weight"] - own[f"{layer}.weight"]
        added = change(parts, scale, own[f"{layer}.weight"])
        assert torch.allclose(added, wanted, atol=1e-4, rtol=1e-4)
        assert float(wanted.abs().max()) > 0.01


def test_a_kernel_between_the_factors_of_a_convolution() -> None:
    """LoCon with a Tucker core: down shrinks, the core convolves, up widens, one after the other."""
    torch.manual_seed(1)
    down, core, up = torch.randn(3, INPUTS, 1, 1), torch.randn(3, 3, 3, 3), torch.randn(OUTPUTS, 3, 1, 1)
    weight = torch.zeros(OUTPUTS, INPUTS, 3, 3)
    pixels = torch.randn(1, INPUTS, 6, 6)
    conv = torch.nn.functional.conv2d
    added = change({"down": down, "mid": core, "up": up}, 0.5, weight)
    assert torch.allclose(conv(pixels, added), 0.5 * conv(conv(conv(pixels, down), core), up), atol=1e-4)


def test_magnitudes_of_lycoris_may_count_inputs() -> None:
    torch.manual_seed(1)
    weight, down, up = torch.randn(OUTPUTS, INPUTS), torch.randn(2, INPUTS), torch.randn(OUTPUTS, 2)
    magnitude = torch.rand(1, INPUTS) + 0.5
    changed = weight + change({"down": down, "up": up, "magnitude": magnitude}, 1.0, weight)
    assert torch.allclose(changed.norm(dim=0), magnitude[0], atol=1e-5)
    plain = weight + up @ down
    assert torch.allclose(changed / changed.norm(dim=0), plain / plain.norm(dim=0), atol=1e-5)


def test_a_full_difference_is_added_as_it_is() -> None:
    weight, difference = torch.ones(3, 2), torch.arange(6.0).view(3, 2)
    assert torch.equal(change({"difference": difference}, 1.0, weight), difference)


@pytest.mark.parametrize(
    "parts",
    [
        {"down": (1, 10**6), "up": (10**6, 1)},
        {"w1_a": (10**6, 1), "w1_b": (1, 10**6), "w2_a": (10**6, 1), "w2_b": (1, 10**6)},
        {"kw1": (10**3, 10**3), "kw2": (10**3, 10**3)},
    ],
)
def test_factors_of_another_size_are_refused_before_they_fill_the_memory(parts: dict[str, tuple[int, ...]]) -> None:
    tensors = {role: torch.zeros(1).expand(shape) for role, shape in parts.items()}
    with pytest.raises(ValueError, match="another size"):
        change(tensors, 1.0, torch.zeros(OUTPUTS, INPUTS))
