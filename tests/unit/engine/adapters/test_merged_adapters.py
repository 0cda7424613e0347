"""What is more than low-rank goes into the network's weights for its own calls, and out again without a trace."""

import hashlib
from typing import Any

import pytest
import torch
from made import low_rank, mix, networks_of

from easel.domain.errors import InvalidRequest
from easel.engine.adapters.delta import change
from easel.engine.adapters.merge import LayerChange, Merger, Worn
from easel.engine.engine import Engine
from easel.engine.runner import TorchRunner

LAYER = "down_blocks.0.resnets.0.conv1"
STEM = "lora_unet_down_blocks_0_resnets_0_conv1"


def bits(network: torch.nn.Module) -> str:
    return hashlib.sha256(b"".join(weight.numpy().tobytes() for weight in network.state_dict().values())).hexdigest()


def conv(seed: int = 0, layer: str = STEM) -> dict[str, torch.Tensor]:
    """LoCon on a 3 x 3 convolution of 32 channels."""
    generator = torch.Generator().manual_seed(seed)
    return {
        f"{layer}.lora_down.weight": torch.randn((4, 32, 3, 3), generator=generator) * 0.3,
        f"{layer}.lora_up.weight": torch.randn((32, 4, 1, 1), generator=generator) * 0.3,
        f"{layer}.alpha": torch.tensor(2.0),
    }


def a_change(size: float, layer: str = LAYER) -> LayerChange:
    return LayerChange("it", layer, {"difference": torch.full((32, 32, 3, 3), size)}, 1.0)


@torch.no_grad()
def test_what_is_put_on_comes_off_bit_for_bit(checkpoint) -> None:
    unet = networks_of(checkpoint)["unet"].to(memory_format=torch.channels_last)
    before, weight = bits(unet), unet.get_submodule(LAYER).weight
    own = weight.clone()
    merger = Merger(unet)
    first, second = Worn((a_change(0.1),), 1.0), Worn((a_change(0.3),), -0.5)
    assert merger.wear([first, second])
    assert torch.allclose(weight, own + 0.1 - 0.15)
    assert not merger.wear([first, second]), "it is worn already"
    assert merger.wear([second])
    assert torch.allclose(weight, own - 0.15)
    assert merger.wear([])
    assert bits(unet) == before
    assert weight.is_contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def test_an_adapter_that_fails_half_way_leaves_the_network_as_it_was(checkpoint) -> None:
    unet = networks_of(checkpoint)["unet"]
    before = bits(unet)
    misfit = LayerChange("it", "conv_in", {"difference": torch.zeros(3, 3)}, 1.0)
    merger = Merger(unet)
    merger.wear([Worn((a_change(0.1),), 1.0)])
    with pytest.raises(InvalidRequest, match="does not fit layer conv_in"):
        merger.wear([Worn((a_change(0.2), misfit), 1.0)])
    assert bits(unet) == before
    assert merger.wear([Worn((a_change(0.1),), 1.0)]), "and it can be put on again"


def test_pictures_around_a_merged_one_are_the_same_bit_for_bit(make_picture, checkpoint, watch, drain, save) -> None:
    merged = mix(save("conv", conv()), 0.8)
    beside = mix(save("beside", low_rank(checkpoint, seed=1)))
    runner = watch()
    engine = Engine(runner, deterministic=False)
    for id, mixes in {"before": (beside,), "merged": (merged, beside), "after": (beside,)}.items():
        engine.add(make_picture(id, checkpoint=checkpoint, adapters=mixes, steps=2))
        drain(engine)
    assert torch.equal(runner.latents["before"], runner.latents["after"])
    assert not torch.equal(runner.latents["before"], runner.latents["merged"])
    assert runner.adapters.counts.merges == 2, "on and off"


def test_a_merged_adapter_draws_as_a_checkpoint_that_has_its_weights(
    make_picture, checkpoint, draw, save, tmp_path
) -> None:
    import shutil

    from easel.engine.request import Checkpoint

    tensors = conv()
    merged, ended = draw(make_picture(checkpoint=checkpoint, adapters=(mix(save("conv", tensors), 0.8),), steps=3))
    unet = networks_of(checkpoint)["unet"]
    weight = unet.get_submodule(LAYER).weight
    parts = {"down": tensors[f"{STEM}.lora_down.weight"], "up": tensors[f"{STEM}.lora_up.weight"]}
    weight.data += 0.8 * change(parts, 2.0 / 4, weight.data)
    shutil.copytree(checkpoint.folder, tmp_path / "baked")
    unet.save_pretrained(tmp_path / "baked" / "unet")
    baked = Checkpoint(name="baked", family=checkpoint.family, folder=tmp_path / "baked")
    wanted, _ = draw(make_picture(checkpoint=baked, steps=3))
    assert float((merged.latents["a"] - wanted.latents["a"]).abs().max()) < 1e-4
    assert "merged into the checkpoint" in ended["a"].notes[0]


def test_pictures_with_other_merged_adapters_wait_for_their_own_calls(make_picture, checkpoint, drain, save) -> None:
    engine = Engine(TorchRunner("cpu"), deterministic=False)
    one, other = mix(save("one", conv(1))), mix(save("other", conv(2)))
    # Read first, so that all of them start at the same tick.
    for id, used in (("x", one), ("y", other)):
        engine.add(make_picture(id, checkpoint=checkpoint, adapters=(used,), steps=1))
    drain(engine)
    for id, used in (("a", (one,)), ("b", (other,)), ("c", ())):
        engine.add(make_picture(id, checkpoint=checkpoint, adapters=used, steps=4))
    engine.step()
    assert engine.why_waiting("a") is None
    assert engine.why_waiting("b") == "this tick draws with LoRA one merged into the checkpoint"
    assert engine.why_waiting("c") == "this tick draws with LoRA one merged into the checkpoint"
    ended = drain(engine)
    assert all(not isinstance(event, str) and event.image is not None for event in ended.values())


def test_a_text_encoder_wears_an_adapter_for_its_own_texts_only(make_picture, checkpoint, watch, drain, save) -> None:
    difference: dict[str, Any] = {"lora_te_text_model_encoder_layers_0_mlp_fc1.diff": torch.full((64, 32), 0.5)}
    used = mix(save("text", difference), 1.0)
    runner = watch()
    engine = Engine(runner)
    for id, mixes in {"before": (), "with": (used,), "after": (), "off": (mix(used.adapter, 1.0, 0.0),)}.items():
        engine.add(make_picture(id, checkpoint=checkpoint, adapters=mixes, steps=1))
        drain(engine)
    assert torch.equal(runner.latents["before"], runner.latents["after"])
    assert torch.equal(runner.latents["before"], runner.latents["off"])
    assert not torch.equal(runner.latents["before"], runner.latents["with"])
