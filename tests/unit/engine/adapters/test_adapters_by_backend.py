"""Adapters through the ways of running a network that put its weights into their own code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made import ATTENTION, EVERY_LINEAR, low_rank, mix

from easel.engine.engine import Engine
from easel.engine.events import Finished
from easel.engine.runner import TorchRunner


@pytest.fixture
def mixes(checkpoint, save):
    """None; of low rank, on attention and everywhere, beside each other; and one that has to be merged."""
    narrow = save("narrow", low_rank(checkpoint, seed=1, rank=4, targets=ATTENTION))
    wide = save("wide", low_rank(checkpoint, seed=2, rank=12, targets=EVERY_LINEAR))
    merged = save("merged", {"lora_unet_conv_in.diff": torch.full((32, 4, 3, 3), 0.3)})
    return {"none": (), "narrow": (mix(narrow),), "both": (mix(narrow), mix(wide, 0.5)), "merged": (mix(merged),)}


def test_openvino_draws_with_adapters_as_the_network_itself_does(
    make_picture, drain, checkpoint, mixes, tmp_path: Path
) -> None:
    from easel.engine.backends.openvino import library

    try:
        library()
    except ImportError as missing:
        pytest.skip(str(missing))

    def draw(backend: str) -> dict[str, np.ndarray]:
        engine = Engine(TorchRunner("cpu", backend=backend, cache=tmp_path))
        # All under way at once, so that what is merged comes and goes between calls of the others.
        for name, adapters in mixes.items():
            engine.add(make_picture(name, checkpoint=checkpoint, adapters=adapters, steps=2))
        ended = drain(engine)
        assert all(isinstance(end, Finished) for end in ended.values()), ended
        return {id: end.image.astype(int) for id, end in ended.items()}

    plain, converted = draw("eager"), draw("openvino")
    for name, picture in plain.items():
        assert np.abs(converted[name] - picture).max() <= 2, name
        assert name == "none" or np.abs(picture - plain["none"]).max() > 4, name
