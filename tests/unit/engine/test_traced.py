"""A recorded network answers bit for bit as the network."""

import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from diffusers import UNet2DConditionModel

from easel.engine.backends.traced import AFTER_CALLS, Traced
from easel.engine.engine import Engine


class Call(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(*inputs)


@pytest.fixture(scope="module")
def unet(checkpoint) -> UNet2DConditionModel:
    unet = UNet2DConditionModel.from_pretrained(checkpoint.folder / "unet")
    return unet.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def inputs(seed: int, rows: int = 2, side: int = 8) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn((rows, 4, side, side), generator=generator),
        torch.rand(rows, generator=generator) * 999,
        torch.randn((rows, 16, 32), generator=generator),
    )


@torch.inference_mode()
def test_a_network_is_recorded_once_a_shape_has_come_often_and_answers_the_same_bits(unet) -> None:
    network = Call(lambda latents, timesteps, states: unet(latents, timesteps, states, return_dict=False)[0])
    traced = Traced(network)
    for call in range(AFTER_CALLS + 5):
        assert torch.equal(traced(*inputs(call)), network(*inputs(call)))
        assert traced.recordings == (call + 1 >= AFTER_CALLS)
    assert torch.equal(traced(*inputs(1, rows=1, side=5)), network(*inputs(1, rows=1, side=5)))
    assert traced.recordings == 1


@torch.inference_mode()
def test_a_recording_follows_weights_that_change_in_place() -> None:
    layer = torch.nn.Linear(4, 4).requires_grad_(False)
    traced = Traced(layer)
    ones = torch.ones(1, 4)
    for _ in range(AFTER_CALLS):
        traced(ones)
    assert traced.recordings == 1
    layer.weight.mul_(2)
    assert torch.equal(traced(ones), layer(ones))


@torch.inference_mode()
def test_recorded_weights_leave_memory_with_the_network() -> None:
    layer = torch.nn.Linear(4, 4).requires_grad_(False)
    traced = Traced(layer)
    for _ in range(AFTER_CALLS + 1):
        traced(torch.ones(1, 4))
    assert traced.recordings == 1
    weight = weakref.ref(layer.weight)
    del layer, traced
    gc.collect()
    assert weight() is None


@torch.inference_mode()
def test_a_recording_that_answers_otherwise_is_not_used() -> None:
    traced = Traced(Call(lambda x: x + torch.rand(3)))
    for _ in range(AFTER_CALLS + 1):
        traced(torch.zeros(3))
    assert traced.recordings == 0


@torch.inference_mode()
def test_a_network_that_cannot_be_recorded_is_called_as_it_is() -> None:
    traced = Traced(Call(lambda x: torch.tensor(float(x.sum().numpy()))))
    for _ in range(AFTER_CALLS + 1):
        assert traced(torch.ones(3)) == 3


@torch.inference_mode()
def test_calls_that_take_too_long_to_be_worth_it_are_not_recorded() -> None:
    traced = Traced(Call(lambda x: x + 1), worth_seconds=0)
    for _ in range(AFTER_CALLS + 1):
        traced(torch.zeros(3))
    assert traced.recordings == 0


def test_pictures_before_and_after_the_recording_are_the_same_bit_for_bit(
    make_picture, make_checkpoint, watch, drain
) -> None:
    for family in ("sd2", "sdxl"):
        checkpoint = make_checkpoint(family)
        runner = watch()
        engine = Engine(runner)
        for id in ("first", *(f"other{number}" for number in range(4)), "last"):
            engine.add(make_picture(id, checkpoint=checkpoint, steps=10, seed=int(id.startswith("other"))))
            drain(engine)
        assert torch.equal(runner.latents["first"], runner.latents["last"])
