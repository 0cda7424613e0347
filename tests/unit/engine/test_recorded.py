"""A recorded network answers bit for bit as the network."""

import gc
import time
import weakref
from collections.abc import Callable

import pytest
import torch
from diffusers import UNet2DConditionModel

from easel.engine.backends.memory import Memory
from easel.engine.backends.recorded import AFTER_CALLS, COMPARED_CALLS, MOST_SHAPES, Recorded
from easel.engine.backends.traced import trace
from easel.engine.engine import Engine


class Call(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(*inputs)


def traced(network: torch.nn.Module, **how) -> Recorded:
    return Recorded(network, trace, **how)


def slow_at_first(seconds: list[float]) -> Callable[[], None]:
    """A device whose calls, in order, take so much longer than they do here."""

    def wait() -> None:
        time.sleep(seconds.pop(0) if seconds else 0)

    return wait


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
    recorded = traced(network)
    for call in range(AFTER_CALLS + COMPARED_CALLS + 2):
        assert torch.equal(recorded(*inputs(call)), network(*inputs(call)))
        assert recorded.recordings == 0 or call + 1 >= AFTER_CALLS + COMPARED_CALLS
    assert torch.equal(recorded(*inputs(1, rows=1, side=5)), network(*inputs(1, rows=1, side=5)))


@torch.inference_mode()
def test_the_faster_way_is_kept_and_remembered_by_the_next_process(tmp_path) -> None:
    for way, slow in (("recorded", [0.0, 0.002] * 3), ("eager", [0.0] * 6 + [0.0, 0.002] * COMPARED_CALLS)):
        path = tmp_path / way
        network = Call(lambda x: x + 1)
        first = traced(network, memory=Memory(path), after_calls=3, wait=slow_at_first(slow))
        for _ in range(3 + COMPARED_CALLS):
            first(torch.zeros(3))
        assert first.recordings == (way == "recorded")
        again = traced(network, memory=Memory(path))
        again(torch.zeros(3))
        assert again.recordings == first.recordings
        assert again.settled == 1
        other = traced(network, memory=Memory(path), name="another network")
        other(torch.zeros(3))
        assert other.settled == 0


@torch.inference_mode()
def test_a_recording_that_is_asked_for_is_made_at_the_first_call() -> None:
    recorded = traced(Call(lambda x: x + 1), always=True)
    recorded(torch.zeros(3))
    assert recorded.recordings == 1


@torch.inference_mode()
def test_shapes_that_seldom_come_take_no_memory_for_ever() -> None:
    recorded = traced(Call(lambda x: x + 1), after_calls=2)
    for size in range(1, 4 * MOST_SHAPES):
        recorded(torch.zeros(size))
    assert (recorded.tried_out, recorded.settled) == (MOST_SHAPES, 0)
    for size in range(1, 4 * MOST_SHAPES):
        for _ in range(2 + COMPARED_CALLS):
            recorded(torch.zeros(size))
    assert (recorded.tried_out, recorded.settled) == (0, MOST_SHAPES)


@torch.inference_mode()
def test_a_recording_follows_weights_that_change_in_place() -> None:
    layer = torch.nn.Linear(4, 4).requires_grad_(False)
    recorded = traced(layer, always=True)
    ones = torch.ones(1, 4)
    recorded(ones)
    assert recorded.recordings == 1
    layer.weight.mul_(2)
    assert torch.equal(recorded(ones), layer(ones))


@torch.inference_mode()
def test_recorded_weights_leave_memory_with_the_network() -> None:
    layer = torch.nn.Linear(4, 4).requires_grad_(False)
    recorded = traced(layer, always=True)
    recorded(torch.ones(1, 4))
    assert recorded.recordings == 1
    weight = weakref.ref(layer.weight)
    del layer, recorded
    gc.collect()
    assert weight() is None


@torch.inference_mode()
def test_a_recording_that_answers_otherwise_is_not_used() -> None:
    recorded = traced(Call(lambda x: x + torch.rand(3)))
    for _ in range(AFTER_CALLS + COMPARED_CALLS):
        recorded(torch.zeros(3))
    assert recorded.recordings == 0


@torch.inference_mode()
def test_a_network_that_cannot_be_recorded_is_called_as_it_is() -> None:
    recorded = traced(Call(lambda x: torch.tensor(float(x.sum().numpy()))))
    for _ in range(AFTER_CALLS + COMPARED_CALLS):
        assert recorded(torch.ones(3)) == 3


@torch.inference_mode()
def test_calls_that_take_too_long_to_be_worth_it_are_not_recorded() -> None:
    recorded = traced(Call(lambda x: x + 1), worth_seconds=0)
    for _ in range(AFTER_CALLS + COMPARED_CALLS):
        recorded(torch.zeros(3))
    assert recorded.recordings == 0


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
