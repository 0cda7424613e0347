"""Adapters in shared calls: nobody sees the neighbours', and nothing is left behind."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import ATTENTION, EVERY_LINEAR, low_rank, mix, networks_of
from safetensors.torch import save_file

from easel.engine.adapters.adaptable import Adaptable
from easel.engine.backends.recorded import Recorded
from easel.engine.backends.traced import trace
from easel.engine.costs import Costs
from easel.engine.engine import Engine
from easel.engine.events import Failed, Image
from easel.engine.request import AdapterMix, PictureRequest, WeightsFile
from easel.engine.runner import TorchRunner
from easel.engine.trajectory import Trajectory

TOLERANCE = 1e-3


class Call(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(*inputs)


def bits(network: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def adapters(checkpoint, tmp_path_factory) -> list[Any]:
    made: list[Any] = []
    kinds = [(4, EVERY_LINEAR), (11, ATTENTION), (2, ("net.2", "time_emb_proj")), (20, EVERY_LINEAR)]
    for seed, (rank, targets) in enumerate(kinds):
        file = tmp_path_factory.mktemp("adapters") / f"{seed}.safetensors"
        save_file(low_rank(checkpoint, seed=seed, rank=rank, targets=targets), file)
        made.append(WeightsFile(name=f"adapter{seed}", file=file))
    return made


class Studio:
    """One runner for many engines, so that weights are loaded once; it keeps the last latents of every picture."""

    def __init__(self) -> None:
        self.latents: dict[str, torch.Tensor] = {}
        self.alone: dict[tuple[Any, ...], torch.Tensor] = {}
        """Of pictures drawn alone, by what was asked."""
        keep = self.latents

        class Watched(TorchRunner):
            def decode(self, picture: Trajectory) -> Image:
                keep[picture.id] = self._canvases[picture.id].latents.clone()
                return super().decode(picture)

        self.runner = Watched("cpu")

    def draw(self, *requests: PictureRequest, deterministic: bool = True) -> int:
        """Answers the number of calls."""
        before = self.runner.calls
        self.runner.costs = Costs()  # so few calls say nothing of their cost, and all rows go together
        engine = Engine(self.runner, max_rows=64, deterministic=deterministic)
        for request in requests:
            engine.add(request)
        while not engine.is_idle:
            assert not any(isinstance(event, Failed) for event in engine.step())
        return self.runner.calls - before


@pytest.fixture(scope="module")
def studio(make_picture, checkpoint, adapters) -> Studio:
    """With all adapters in memory, so that no picture waits for its files while the others begin."""
    studio = Studio()
    mixes = tuple(mix(adapter) for adapter in adapters)
    studio.draw(make_picture("first", checkpoint=checkpoint, adapters=mixes, steps=1))
    return studio


strengths = st.sampled_from([-1.0, 0.0, 0.5, 1.0])
picks = st.lists(st.lists(st.tuples(st.integers(0, 3), strengths), max_size=2), min_size=1, max_size=4)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(picks=picks, guided=st.lists(st.booleans(), min_size=4, max_size=4))
def test_a_picture_is_the_same_whichever_adapters_share_its_calls(
    make_picture, checkpoint, studio, adapters, picks: list[list[tuple[int, float]]], guided: list[bool]
) -> None:
    def picture(id: str, pick: list[tuple[int, float]], is_guided: bool) -> Any:
        mixes: tuple[AdapterMix, ...] = tuple(mix(adapters[at], strength) for at, strength in pick)
        return make_picture(id, checkpoint=checkpoint, adapters=mixes, steps=2, guidance=5.0 if is_guided else 1.0)

    requests = [picture(str(at), pick, guided[at]) for at, pick in enumerate(picks)]
    assert studio.draw(*requests, deterministic=False) == 2
    together = dict(studio.latents)
    for at, pick in enumerate(picks):
        asked = (tuple(pick), guided[at])
        if asked not in studio.alone:
            studio.draw(picture("alone", pick, guided[at]))
            studio.alone[asked] = studio.latents["alone"]
        assert float((together[str(at)] - studio.alone[asked]).abs().max()) < TOLERANCE


def test_a_row_without_adapters_keeps_its_bits_beside_one_with_them(make_picture, checkpoint, studio, adapters) -> None:
    plain = make_picture("plain", checkpoint=checkpoint, steps=3)
    other = make_picture("other", checkpoint=checkpoint, steps=3, seed=9)
    mixed = make_picture("other", checkpoint=checkpoint, steps=3, seed=9, adapters=(mix(adapters[0]),))
    assert studio.draw(plain, other, deterministic=False) == 3
    beside_plain = dict(studio.latents)
    assert studio.draw(plain, mixed, deterministic=False) == 3
    assert torch.equal(studio.latents["plain"], beside_plain["plain"])
    assert not torch.equal(studio.latents["other"], beside_plain["other"])


def test_pictures_before_and_after_one_with_adapters_are_the_same_bit_for_bit(
    make_picture, checkpoint, studio, adapters
) -> None:
    used = {"before": (), "with": (mix(adapters[0]),), "after": (), "off": (mix(adapters[0], 0.0),)}
    for id, mixes in used.items():
        studio.draw(make_picture(id, checkpoint=checkpoint, adapters=mixes, steps=2))
    assert torch.equal(studio.latents["before"], studio.latents["after"])
    assert torch.equal(studio.latents["before"], studio.latents["off"])
    assert not torch.equal(studio.latents["before"], studio.latents["with"])


def test_a_network_that_takes_adapters_is_bit_for_bit_the_one_that_was_loaded(checkpoint) -> None:
    networks = networks_of(checkpoint)
    unet, text = networks["unet"], networks["text_encoder"]
    before = bits(unet), bits(text)
    inputs = (torch.ones(1, 4, 8, 8), torch.tensor([5.0]), torch.ones(1, 16, 32))
    with torch.no_grad():
        answer = unet(*inputs, return_dict=False)[0]
        Adaptable(unet, text)
        assert torch.equal(unet(*inputs, return_dict=False)[0], answer)
    assert (bits(unet), bits(text)) == before


@torch.inference_mode()
def test_one_recording_serves_all_adapters_of_a_shape(checkpoint) -> None:
    unet = networks_of(checkpoint)["unet"].requires_grad_(False).to(memory_format=torch.channels_last)
    adaptable = Adaptable(unet)
    network = adaptable.adapted(Call(lambda *inputs: unet(*inputs, return_dict=False)[0]))
    recorded = Recorded(network, trace, always=True)
    inputs = torch.ones(2, 4, 8, 8), torch.tensor([5.0, 7.0]), torch.ones(2, 16, 32)
    width = adaptable.sites["unet"].prefixes[-1]
    plain = network(adaptable.no_factors, *inputs)
    for call in range(3):
        torch.manual_seed(call)
        factors = torch.randn(2, 8, width) * 0.1
        answer = recorded(factors, *inputs)
        assert torch.equal(answer, network(factors, *inputs))
        assert not torch.equal(answer, plain)
    assert recorded.recordings == 1
    assert torch.equal(recorded(adaptable.no_factors, *inputs), plain)


def test_adapters_beyond_the_budget_leave_and_come_back(make_picture, checkpoint, drain, adapters) -> None:
    runner = TorchRunner("cpu", adapter_bytes=1)
    engine = Engine(runner)
    for id, at in (("1", 0), ("2", 0), ("3", 1), ("4", 0)):
        engine.add(make_picture(id, checkpoint=checkpoint, adapters=(mix(adapters[at]),), steps=1))
        drain(engine)
    assert runner.adapters.resident() == ["adapter0"]
    assert (runner.adapters.counts.fitted, runner.adapters.counts.reused) == (3, 1)
