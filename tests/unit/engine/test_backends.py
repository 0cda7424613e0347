"""Every way to run a network draws the picture that it was asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from easel.engine.backends.base import Backend, Opened, architecture, weights_digest
from easel.engine.backends.opening import Opener
from easel.engine.engine import Engine
from easel.engine.events import Finished
from easel.engine.runner import TorchRunner

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def pictures(make_picture, drain, checkpoint, cache) -> Callable[..., np.ndarray]:
    """All pictures of one engine with a backend, one after another, as one array."""

    def draw(backend: str, *, deterministic: bool = True, **asked: Any) -> np.ndarray:
        engine = Engine(TorchRunner("cpu", backend=backend, cache=cache), deterministic=deterministic)
        for seed, guidance in ((1, 5.0), (2, 1.0), (3, 5.0)):
            engine.add(make_picture(str(seed), checkpoint=checkpoint, seed=seed, guidance=guidance, **asked))
        ended = drain(engine)
        assert all(isinstance(end, Finished) for end in ended.values()), ended
        return np.stack([ended[id].image for id in sorted(ended)]).astype(int)

    return draw


@pytest.fixture
def needs_openvino() -> None:
    from easel.engine.backends.openvino import library

    try:
        library("openvino"), library("nncf")
    except ImportError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("backend", ["eager", "recorded"])
def test_ways_to_the_same_bits(pictures, backend: str) -> None:
    assert np.array_equal(pictures(backend), pictures("auto"))


@pytest.mark.usefixtures("needs_openvino")
def test_openvino_draws_the_same_pictures_but_for_last_bits(pictures) -> None:
    plain, converted = pictures("eager"), pictures("openvino")
    assert np.abs(converted - plain).max() <= 2
    assert np.array_equal(pictures("openvino"), converted), "read from the cache, it is the same network"
    assert np.abs(pictures("openvino", deterministic=False) - plain).max() <= 2


@pytest.mark.usefixtures("needs_openvino")
@torch.inference_mode()
def test_eight_bits_answer_nearly_the_same_and_are_calibrated_once(tmp_path, caplog) -> None:
    from easel.engine.backends.openvino import OpenVino

    network = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.SiLU(), torch.nn.Linear(64, 64))
    network.requires_grad_(False)
    samples = [(torch.randn(2, 64),) for _ in range(8)]
    asked: list[int] = []

    def open_network() -> OpenVino:
        given = lambda: asked.append(1) or samples  # noqa: E731
        return OpenVino(network, otherwise=network, threads=1, cache=tmp_path, samples=given)

    first, again = open_network(), open_network()
    assert len(asked) == 1
    distance = (first(*samples[0]) - network(*samples[0])).abs().max()
    assert 0 < distance < 0.1
    assert torch.equal(first(*samples[0]), again(*samples[0]))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@torch.inference_mode()
def test_a_network_is_calibrated_on_inputs_of_whole_pictures(checkpoint) -> None:
    from easel.engine.backends import calibration
    from easel.engine.families import family_named
    from easel.engine.families.folder import read_noise_schedule
    from easel.engine.families.source import Source

    family = family_named("sd2").load(Source(checkpoint.folder, CPU, torch.float32))
    network = family.network
    seen = calibration.samples(family, read_noise_schedule(checkpoint.folder), width=64, height=64)
    assert family.network is network
    assert {len(inputs[1]) for inputs in seen} == {1, 2}
    timesteps = {float(inputs[2][0]) for inputs in seen}
    assert len(timesteps) == calibration.STEPS
    assert len({tuple(inputs[3][0].flatten().tolist()) for inputs in seen}) == len(calibration.PROMPTS)


@pytest.mark.usefixtures("needs_openvino")
@torch.inference_mode()
def test_openvino_compiles_a_shape_once_and_lets_go_of_those_not_used(caplog) -> None:
    from easel.engine.backends.openvino import MOST_COMPILED, OpenVino

    network = torch.nn.Linear(4, 4).requires_grad_(False)
    converted = OpenVino(network, otherwise=network, threads=1)
    for rows in range(1, MOST_COMPILED + 3):
        given = torch.rand(rows, 4)
        assert torch.allclose(converted(given), network(given), atol=1e-5)
    assert converted.compiled == MOST_COMPILED
    assert not caplog.records


@pytest.mark.usefixtures("needs_openvino")
@torch.inference_mode()
def test_what_openvino_answers_wrongly_or_not_at_all_goes_the_other_way_and_is_logged(caplog) -> None:
    from easel.engine.backends.openvino import OpenVino

    class Restless(torch.nn.Module):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return given + torch.rand(3)

    class Unconvertible(torch.nn.Module):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            if torch.jit.is_tracing():
                raise NotImplementedError
            return given

    for network, said in ((Restless(), "answers"), (Unconvertible(), "cannot run")):
        caplog.clear()
        converted = OpenVino(network, otherwise=lambda given: given * 7, threads=1)
        assert torch.equal(converted(torch.ones(3)), torch.full((3,), 7.0))
        assert said in caplog.text


@pytest.mark.usefixtures("needs_openvino")
def test_openvino_reports_its_use_to_nobody() -> None:
    import sys

    from easel.engine.backends.openvino import library

    library()
    assert sys.modules["openvino_telemetry"] is None


@torch.inference_mode()
def test_weights_that_were_changed_are_never_answered_by_a_network_that_was_compiled_with_others() -> None:
    layer = torch.nn.Linear(1, 1, bias=False).requires_grad_(False)
    before = layer.weight.clone()
    opened = Opened(layer, fixed=lambda given: given @ before.T, living=layer)
    one = torch.ones(1, 1)
    layer.weight.add_(1)
    assert torch.equal(opened(one), before)
    opened.weights_changed = True
    assert torch.equal(opened(one), before + 1)


@pytest.mark.parametrize(
    ("backend", "device", "said"),
    [("quickly", CPU, "quickly"), ("openvino", torch.device("cuda"), "a CPU only")],
)
def test_a_backend_that_cannot_be_is_refused_with_a_sentence(backend: str, device: torch.device, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Opener(backend, device)


def test_networks_are_told_apart_by_their_make_and_by_their_weights() -> None:
    one, same, wider = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.Linear(2, 3)
    assert architecture(one) == architecture(same) != architecture(wider)
    assert weights_digest(one) == weights_digest(one) != weights_digest(same)


def test_every_backend_can_be_set() -> None:
    from typing import get_args

    from easel.settings import Settings

    assert set(get_args(Settings.model_fields["backend"].annotation)) == {str(backend) for backend in Backend}
