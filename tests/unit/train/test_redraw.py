"""Pictures redrawn by the denoiser stay what they were, and a decoder can learn from them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from easel.domain.errors import InvalidRequest
from easel.train import autoencoder, schedule
from easel.train.checkpoint import read_json, write_json
from easel.train.redraw import DEEPEST, Redrawn
from easel.train.sampling import STRIDE, denoised, noised

TRUE = torch.linspace(-1, 1, 2 * 3 * 4 * 4).view(2, 3, 4, 4)


class Knowing:
    """A network that knows the picture, and so gives the true v for any noise; unasked it answers nonsense."""

    def __call__(self, x: torch.Tensor, time: int, states: torch.Tensor) -> Any:
        a, s = (table[time] for table in schedule.tables())
        x, asked = x.chunk(2)[1], states.chunk(2)[1]
        assert asked.eq(1).all()
        noise = (x - a * TRUE) / s
        v = a * noise - s * TRUE
        return SimpleNamespace(sample=torch.cat([v, v]))


@pytest.mark.parametrize("level", [STRIDE, DEEPEST * STRIDE, 1000])
def test_a_network_that_knows_brings_every_picture_back(level: int) -> None:
    network = cast(UNet2DConditionModel, Knowing())
    noisy = noised(TRUE, level, torch.Generator().manual_seed(0))
    assert not torch.allclose(noisy, TRUE, atol=0.02)
    assert torch.allclose(denoised(network, noisy, level, torch.ones(2, 5, 6), torch.zeros(5, 6)), TRUE, atol=1e-4)


def test_the_decoder_learns_from_them_and_the_encoder_stays(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = autoencoder.build(resolution=64)
    network.save_pretrained(tmp_path / "autoencoder")
    write_json(tmp_path / "autoencoder" / "training.json", {"stages": []})
    with torch.no_grad():
        latents = network.encode(autoencoder.pictures([1, 2], 64)).latent_dist.mode()
    (tmp_path / "redrawn").mkdir()
    np.savez(tmp_path / "redrawn" / "00.npz", seeds=np.array([1, 2]), latents=latents.half().numpy())
    autoencoder.train(
        tmp_path / "autoencoder", 1e-4, resolution=64, batch=2, crop=32, redrawn=Redrawn.load(tmp_path / "redrawn")
    )
    after = autoencoder.AutoencoderKL.from_pretrained(tmp_path / "autoencoder").state_dict()
    changed = {
        name.split(".")[0] for name, value in network.state_dict().items() if not torch.equal(value, after[name])
    }
    assert changed == {"decoder", "post_quant_conv"}
    assert read_json(tmp_path / "autoencoder" / "training.json")["stages"][0]["redrawn"] == 2


def test_no_pictures_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="easel train redraw"):
        Redrawn.load(tmp_path)
