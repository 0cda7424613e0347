from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL

from easel.domain.errors import InvalidRequest
from easel.train import autoencoder
from easel.train.checkpoint import read_json


def test_it_starts_as_nearly_the_identity():
    torch.manual_seed(0)
    network = autoencoder.build()
    pictures = autoencoder.pictures(list(range(6)), 128)
    boxes = torch.nn.functional.avg_pool2d(pictures, 8)
    with torch.no_grad():
        latents = network.encode(pictures).latent_dist.mode()
        made = network.decode(latents).sample
    assert (latents[:, :3] - boxes).abs().mean() < 0.05
    assert (made - torch.nn.functional.interpolate(boxes, scale_factor=8)).abs().mean() < 0.1
    assert autoencoder.psnr(network, 128, 8) > 20


def test_settling_the_channels_does_not_change_the_pictures():
    torch.manual_seed(0)
    network = autoencoder.build()
    pictures = autoencoder.pictures(list(range(4)), 64)
    with torch.no_grad():
        before = network.decode(network.encode(pictures).latent_dist.mode()).sample
        autoencoder.normalise(network, 64)
        latents = network.encode(autoencoder.pictures(list(range(100, 164)), 64)).latent_dist.mode()
        after = network.decode(network.encode(pictures).latent_dist.mode()).sample
    assert torch.allclose(before, after, atol=1e-3)
    assert latents.mean((0, 2, 3)).abs().max() < 0.2
    assert 0.3 < latents.std((0, 2, 3)).min()
    assert latents.std((0, 2, 3)).max() < 1.2


def test_training_the_decoder_leaves_the_encoder_alone(tmp_path: Path):
    autoencoder.train(tmp_path, 0.02, batch=2, crop=32, resolution=64)
    before = AutoencoderKL.from_pretrained(tmp_path)
    autoencoder.train(tmp_path, 0.02, batch=2, crop=32, resolution=64, decoder_only=True, noise=0.1)
    after = AutoencoderKL.from_pretrained(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(before.encoder.parameters(), after.encoder.parameters(), strict=True))
    assert not torch.equal(before.decoder.conv_out.weight, after.decoder.conv_out.weight)


def test_a_grown_one_draws_the_same_at_twice_the_side():
    torch.manual_seed(0)
    small = autoencoder.build(resolution=32)
    large = autoencoder.grow(small)
    latents = torch.randn(2, autoencoder.CHANNELS, 4, 4)
    with torch.no_grad():
        enlarged = torch.nn.functional.interpolate(small.decode(latents).sample, scale_factor=2)
        made = large.decode(latents).sample
    assert torch.allclose(made, enlarged, atol=1e-4)
    assert (autoencoder.factor(small), autoencoder.factor(large)) == (8, 16)


def test_a_grown_one_learns_to_give_the_same_latents():
    torch.manual_seed(0)
    small = autoencoder.build(resolution=64)
    with torch.no_grad():  # as after training: not the identity any more
        small.encoder.conv_in.weight.add_(0.05 * torch.randn_like(small.encoder.conv_in.weight))
    large = autoencoder.grow(small)
    assert autoencoder.imitate(large, small, steps=1) > 1.2 * autoencoder.imitate(large, small, steps=30)


def test_growing_twice_to_the_same_side_grows_once_and_to_another_is_refused(tmp_path: Path):
    autoencoder.build(resolution=32).save_pretrained(tmp_path)
    (tmp_path / "training.json").write_text('{"stages": []}')
    for _ in range(2):
        autoencoder.grow_to_side(tmp_path, 64, imitation=1)
        assert AutoencoderKL.from_pretrained(tmp_path).config.sample_size == 64
    assert [stage["grown_to"] for stage in read_json(tmp_path / "training.json")["stages"]] == [64]
    with pytest.raises(InvalidRequest, match="grows by doubling"):
        autoencoder.grow_to_side(tmp_path, 50, imitation=1)


def test_there_is_nothing_to_grow_before_it_is_trained(tmp_path: Path):
    with pytest.raises(InvalidRequest, match="easel train autoencoder"):
        autoencoder.train(tmp_path, 0.001, grow_to=64)
