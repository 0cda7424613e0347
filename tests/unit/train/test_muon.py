"""Muon's updates: orthogonal, as large as AdamW's, made by several processes as by one."""

import torch

from easel.train import muon
from easel.train.denoiser import Recipe, build
from easel.train.muon import Muon, orthogonal, shared_out, suits


def test_singular_values_come_near_to_one_and_directions_stay() -> None:
    torch.manual_seed(0)
    for shape in ((48, 432), (128, 128), (256, 48), (32, 16, 3, 3)):
        update = torch.randn(shape) @ torch.diag(torch.logspace(-2, 0, shape[-1]))
        made = orthogonal(update)
        u, before, vt = torch.linalg.svd(update.flatten(1), full_matrices=False)
        after = torch.linalg.svdvals(made.flatten(1))
        assert made.shape == update.shape
        assert ((after[before > before[0] / 50] - 1).abs() < 0.35).all()
        turned = u.T @ made.flatten(1) @ vt.T
        assert (turned - turned.diag().diag()).abs().max() < 0.01


def test_the_first_step_is_as_large_as_adams() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(64, 32, 3, 3))
    weight.grad = torch.randn_like(weight)
    Muon([weight], lr=0.01, weight_decay=0.0).step()
    assert 0.7 < weight.detach().square().mean().sqrt() / (0.01 * 0.2) < 1.3


def test_it_finds_the_least_squares() -> None:
    torch.manual_seed(0)
    true, inputs = torch.randn(24, 40) / 6, torch.randn(400, 40)
    weight = torch.nn.Parameter(torch.zeros(24, 40))
    optimizer = Muon([weight], lr=0.1, weight_decay=0.0)
    left = 1.0
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 300)
        loss = (inputs @ (weight - true).T).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        left = loss.item()
    assert left < 1e-3


def test_dear_matrices_are_shared_out_evenly() -> None:
    goes_to = shared_out([1.0, 5.0, 1.0, 3.0, 1.0, 1.0], 2)
    loads = [sum(cost for cost, to in zip((1, 5, 1, 3, 1, 1), goes_to, strict=True) if to == rank) for rank in (0, 1)]
    assert loads == [6, 6]


def test_the_networks_inside_is_muons_and_its_ends_are_not() -> None:
    network = build(Recipe(channels=(16, 32)), latent_channels=4, text_width=32)
    theirs = {name for name, parameter in network.named_parameters() if suits(name, parameter)}
    assert "down_blocks.1.resnets.0.conv1.weight" in theirs
    assert "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight" in theirs
    assert not {name for name in theirs if "norm" in name or "bias" in name or name.startswith(("conv_", "time_"))}
    assert muon._SMALLEST <= min(min(p.shape[0], p[0].numel()) for n, p in network.named_parameters() if n in theirs)
