"""The autoencoder: diffusers' AutoencoderKL, eight times smaller sides, started as (almost) the identity, then grown.

From random weights an autoencoder this small sits for a long time on a grey plateau. So it starts as what it should
become: the encoder as box down-sampling of RGB beside Haar-like details of each 8x8 block, the decoder as
nearest-neighbour up-sampling of the RGB part. Training then only has to learn what this lacks: crisp edges.

The eight channels: red, green, blue of the block; left-right, top-bottom and diagonal difference of its luminance;
left-right and top-bottom difference of its red-blue contrast (two colours may be equally bright).

    Kingma and Welling 2013, arXiv:1312.6114; Rombach et al. 2022, arXiv:2112.10752, section 3.1.
"""

import random
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from easel.domain.errors import InvalidRequest
from easel.train import world
from easel.train.checkpoint import append_log, finished, read_json, write_json
from easel.train.parallel import average_gradients, launch, mean, share
from easel.train.styles import pixelated

CHANNELS = 8
GROUPS = 4
ANCHOR = 6.0  # the constant +-K that keeps a GroupNorm from changing its group
LIFT = 6.0  # where SiLU is a straight line: silu(x + 6) is x + 6 within 2 %
STYLED = 0.1  # share of the pictures that are pixelated, so that an adapter's style can be shown
DETAIL = 2.0  # details are small: lift them towards the size of the colours


def build(channels: int = CHANNELS, resolution: int = 128) -> AutoencoderKL:
    network = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=channels, sample_size=resolution,
        block_out_channels=(16, 16, 32, 64), layers_per_block=1, norm_num_groups=GROUPS, mid_block_add_attention=False,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        use_quant_conv=True, use_post_quant_conv=True, scaling_factor=1.0,
    )  # fmt: skip
    with torch.no_grad():
        _quiet_residuals(network)
        _encoder_as_boxes(network)
        _decoder_as_nearest(network)
    return network


def _quiet_residuals(network: AutoencoderKL) -> None:
    """Residual branches start at a thirtieth, shortcuts as the identity on the leading channels."""
    for name, module in network.named_modules():
        if name.endswith("conv2"):
            module.weight.mul_(0.03)
            module.bias.zero_()
        if name.endswith("conv_shortcut"):
            _eye(module)


def _eye(conv: torch.nn.Module) -> None:
    """A convolution that copies channel i to channel i."""
    conv.weight.zero_()
    conv.bias.zero_()
    middle = conv.weight.shape[-1] // 2
    for i in range(min(conv.weight.shape[:2])):
        conv.weight[i, i, middle, middle] = 1.0


def _anchor(conv: torch.nn.Module, norm: torch.nn.GroupNorm) -> list[int]:
    """Put +K and -K in the last two channels of every group and undo the norm's scale; the free channels are returned.

    GroupNorm divides by the group's standard deviation. With the two constants in the group that is nearly the same
    number for every picture, so a weight can take it back, and the colour survives. It also subtracts the group's mean:
    every signal has to sit there twice, once as its negative.
    """
    width = norm.num_channels // norm.num_groups
    free = []
    for first in range(0, norm.num_channels, width):
        for channel, constant in ((first + width - 2, ANCHOR), (first + width - 1, -ANCHOR)):
            conv.weight[channel] = 0.0
            conv.bias[channel] = constant
        free += list(range(first, first + width - 2))
    norm.weight.fill_((2 * ANCHOR**2 / width) ** 0.5)
    norm.bias.fill_(LIFT)
    return free


def _read_out(conv: torch.nn.Module, sources: list[int]) -> None:
    """Output channel i copies channel sources[i], with the lift taken off."""
    conv.weight.zero_()
    conv.bias.zero_()
    for i, source in enumerate(sources):
        conv.weight[i, source, 1, 1] = 1.0
        conv.bias[i] = -LIFT


def _encoder_as_boxes(network: AutoencoderKL) -> None:
    encoder = network.encoder
    channels = network.config.latent_channels
    _eye(encoder.conv_in)
    # The padding of diffusers' down-sampling (right and bottom) makes the first four taps exactly one 2x2 block.
    box = torch.tensor([[0.25, 0.25, 0], [0.25, 0.25, 0], [0, 0, 0]])
    left_right = torch.tensor([[0.25, -0.25, 0], [0.25, -0.25, 0], [0, 0, 0]]) * DETAIL
    top_bottom, diagonal = left_right.T, torch.tensor([[0.25, -0.25, 0], [-0.25, 0.25, 0], [0, 0, 0]]) * DETAIL
    for level in range(3):
        conv = encoder.down_blocks[level].downsamplers[0].conv
        conv.weight.mul_(0.05)
        conv.bias.zero_()
        for colour in range(3):
            conv.weight[colour] = 0.0
            conv.weight[colour, colour] = box
    luminance, contrast = (0.4, 0.4, 0.2), (0.7, 0.0, -0.7)
    details = (
        (left_right, luminance),
        (top_bottom, luminance),
        (diagonal, luminance),
        (left_right, contrast),
        (top_bottom, contrast),
    )
    for i, (taps, mix) in enumerate(details[: channels - 3], start=3):
        conv.weight[i] = 0.0
        for colour in range(3):
            conv.weight[i, colour] = taps * mix[colour]
    shortcut = encoder.down_blocks[3].resnets[0].conv_shortcut
    free = _anchor(shortcut, encoder.conv_norm_out)
    width = 64 // GROUPS
    seats = [(i % GROUPS) * width + i // GROUPS for i in range(channels)]
    for channel in free:
        shortcut.weight[channel] *= 0.0
    for i, seat in enumerate(seats):
        shortcut.weight[seat, i, 0, 0] = 1.0
        shortcut.weight[seat + channels // GROUPS, i, 0, 0] = -1.0
    _read_out(encoder.conv_out, seats)
    encoder.conv_out.bias[channels:] = -6.0  # the log-variance of a nearly certain code
    encoder.conv_out.weight[channels:] = 0.0
    _eye(network.quant_conv)
    _eye(network.post_quant_conv)


def _decoder_as_nearest(network: AutoencoderKL) -> None:
    decoder = network.decoder
    _eye_softly(decoder.conv_in)
    for block in decoder.up_blocks[:3]:
        _eye_softly(block.upsamplers[0].conv)
    last = decoder.up_blocks[2].upsamplers[0].conv
    _anchor(last, decoder.conv_norm_out)
    width = 16 // GROUPS
    seats = [colour * width for colour in range(3)]
    for colour, seat in enumerate(seats):
        last.weight[seat : seat + 2] = 0.0
        last.weight[seat, colour, 1, 1] = 1.0
        last.weight[seat + 1, colour, 1, 1] = -1.0
    _read_out(decoder.conv_out, seats)


def _eye_softly(conv: torch.nn.Module) -> None:
    random_part = conv.weight.clone() * 0.1
    _eye(conv)
    copied = min(conv.weight.shape[:2])
    conv.weight[copied:] = random_part[copied:] * 5


# ---------------------------------------------------------------------------------------------------------------------
# Growing: twice the side, the same latents


@torch.no_grad()
def grow(small: AutoencoderKL) -> AutoencoderKL:
    """One more level at the outside: pictures of twice the side from latents that mean what they meant.

    The decoder starts as the old one and nearest-neighbour enlargement, exactly. The encoder's new level starts as box
    down-sampling of RGB, and `imitate` then teaches it the first convolution of the old one, which it stands in for.
    """
    config = dict(small.config)
    levels = len(config["block_out_channels"]) + 1
    config["block_out_channels"] = (config["block_out_channels"][0], *config["block_out_channels"])
    config["down_block_types"], config["up_block_types"] = (
        ("DownEncoderBlock2D",) * levels,
        ("UpDecoderBlock2D",) * levels,
    )
    config["sample_size"] *= 2
    large = AutoencoderKL.from_config(config)
    _quiet_residuals(large)
    _eye(large.encoder.conv_in)
    down = large.encoder.down_blocks[0].downsamplers[0].conv
    down.weight.mul_(0.05)
    down.bias.copy_(small.encoder.conv_in.bias)
    down.weight[:, :3] = 0.0
    down.weight[:, :3, :2, :2] = 0.25 * small.encoder.conv_in.weight.sum((2, 3))[:, :, None, None]
    _eye(large.decoder.up_blocks[levels - 2].upsamplers[0].conv)
    for block in large.decoder.up_blocks[levels - 1].resnets:
        block.conv2.weight.zero_()
    kept = large.state_dict()
    for name, value in small.state_dict().items():
        if name.startswith("encoder.conv_in"):
            continue
        if name.startswith("encoder.down_blocks."):
            _, _, number, rest = name.split(".", 3)
            name = f"encoder.down_blocks.{int(number) + 1}.{rest}"
        kept[name] = value
    large.load_state_dict(kept)
    return large


def imitate(large: AutoencoderKL, small: AutoencoderKL, *, steps: int, rate: float = 2e-3) -> float:
    """Teach the new level of `large`'s encoder to give the latents that `small` gives of the picture at half the side.

    Latents that are cached from half-sized drawings then stay valid. Returns the deviation that is left, as a share of
    the latents' own.
    """
    new = [*large.encoder.conv_in.parameters(), *large.encoder.down_blocks[0].parameters()]
    optimizer = torch.optim.AdamW(new, lr=rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    rng, left = random.Random(17), 1.0
    resolution = large.config.sample_size
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 30) * max(0.02, 1 - step / steps)
        true = crops(pictures([rng.randrange(1_000_000) for _ in range(8)], resolution), 64, rng, 16)
        with torch.no_grad():
            wanted = small.encode(torch.nn.functional.avg_pool2d(true, 2)).latent_dist.mode()
        error = (large.encode(true).latent_dist.mode() - wanted).square().mean()
        torch.autograd.backward(error, inputs=new)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        left = 0.98 * left + 0.02 * float((error.detach() / wanted.square().mean()).sqrt())
    return left


# ---------------------------------------------------------------------------------------------------------------------
# Training


def pictures(seeds: list[int], resolution: int) -> torch.Tensor:
    """Drawings as a batch in [-1, 1]."""
    batch = [torch.from_numpy(world.draw(world.scene(seed), resolution)) for seed in seeds]
    return torch.stack(batch).permute(0, 3, 1, 2).float() / 127.5 - 1


def crops(batch: torch.Tensor, size: int, rng: random.Random, grid: int = 8) -> torch.Tensor:
    """Square crops on the latent grid of `grid` pixels, away from empty background where possible.

    Three tries for an edge.
    """
    out = []
    for image in batch:
        for _ in range(3):
            y, x = (grid * rng.randint(0, (image.shape[-1] - size) // grid) for _ in range(2))
            crop = image[:, y : y + size, x : x + size]
            if crop.amax((1, 2)).sub(crop.amin((1, 2))).max() > 0.15:
                break
        out.append(crop)
    return torch.stack(out)


def reconstruction_loss(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """L1, squared error, and L1 of the differences between neighbours (edges must be crisp)."""
    error = made - true
    edges = (error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    return error.abs().mean() + 2.0 * error.square().mean() + 0.5 * edges


@torch.no_grad()
def psnr(network: AutoencoderKL, resolution: int, count: int = 48) -> float:
    """Mean PSNR in dB on held-out drawings, peak to peak 2. Decoded as it would be shown: clamped."""
    true = pictures([2_000_000 + i for i in range(count)], resolution)
    made = network.decode(network.encode(true).latent_dist.mode()).sample.clamp(-1, 1)
    return float((10 * torch.log10(4 / (made - true).square().mean((1, 2, 3)))).mean())


def train(out: Path, minutes: float, *, resolution: int = 128, crop: int | None = None, batch: int = 16,
          rate: float = 2e-3, processes: int = 1, decoder_only: bool = False, grow_to: int | None = None,
          noise: float = 0.0, imitation: int = 600) -> None:  # fmt: skip
    """Train for so many minutes and write the folder `out`. Crops have half the pictures' side where none is given.

    `decoder_only` goes on from `out` with the encoder frozen (latents that are already cached stay valid), and `noise`
    blurs the latents a little, because the denoiser's latents will never be quite those of a drawing. `grow_to` does
    the same after it has grown the autoencoder to pictures of that side, with so many steps of `imitation`; one that
    is as large already is not grown.
    """
    if grow_to is not None:
        grow_to_side(finished(out, "autoencoder"), grow_to, imitation)
        resolution, decoder_only = grow_to, True
    elif decoder_only:
        finished(out, "autoencoder")
    launch(_train, processes, out, minutes, resolution, crop or resolution // 2, batch, rate, decoder_only, noise)


def grow_to_side(out: Path, resolution: int, imitation: int) -> None:
    """Grow the folder `out` until its pictures have this side; what is as large already is left as it is."""
    while (network := AutoencoderKL.from_pretrained(out)).config.sample_size < resolution:
        large = grow(network)
        left = imitate(large, network, steps=imitation)
        large.save_pretrained(out)
        history = read_json(out / "training.json")["stages"]
        history.append({"grown_to": large.config.sample_size, "deviation": left})
        write_json(out / "training.json", {"stages": history})
        print(f"autoencoder: grown to {large.config.sample_size} pixels, latents {left:.1%} off the old ones")
    if network.config.sample_size != resolution:
        raise InvalidRequest(
            "grow_to",
            f"This autoencoder is for pictures of {network.config.sample_size} pixels now and grows by doubling: "
            f"it does not come to {resolution}.",
        )


def _train(rank: int, processes: int, out: Path, minutes: float, resolution: int, crop: int, batch: int, rate: float,
           decoder_only: bool, noise: float) -> None:  # fmt: skip
    torch.manual_seed(7 + rank)
    network = AutoencoderKL.from_pretrained(out) if decoder_only else build(resolution=resolution)
    history = read_json(out / "training.json")["stages"] if decoder_only else []
    scaling = network.config.scaling_factor
    grid = factor(network)
    parameters = [*network.post_quant_conv.parameters(), *network.decoder.parameters()]
    if not decoder_only:
        parameters += [*network.encoder.parameters(), *network.quant_conv.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    rng = random.Random(rank)
    began, step, before = time.monotonic(), 0, psnr(network, resolution) if rank == 0 else 0.0
    while True:
        done = share((time.monotonic() - began) / 60 / minutes)
        if done >= 1 and step:
            break
        for group in optimizer.param_groups:  # warm up for fifty steps, then fall in a straight line
            group["lr"] = rate * min(1.0, (step + 1) / 50) * max(0.02, 1 - done)
        true = crops(pictures([rng.randrange(1_000_000) for _ in range(batch)], resolution), crop, rng, grid)
        for i in range(batch):
            if rng.random() < STYLED:
                true[i] = pixelated(true[i], grid)
        with torch.set_grad_enabled(not decoder_only):
            posterior = network.encode(true).latent_dist
        if decoder_only:
            latents = posterior.mode()
            latents = latents + noise / scaling * torch.rand(len(latents), 1, 1, 1) * torch.randn_like(latents)
            kl = 0.0
        else:
            latents, kl = posterior.sample(), posterior.kl().mean() / latents_per(posterior)
        loss = reconstruction_loss(network.decode(latents).sample, true) + 3e-4 * kl
        loss.backward()
        average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 25 == 0:
            shown = mean(loss.item())
            if rank == 0:
                append_log(out / "log.jsonl", {"step": step, "loss": shown, "minutes": (time.monotonic() - began) / 60})
    if rank == 0:
        if not decoder_only:
            normalise(network, resolution)
        after = psnr(network, resolution)
        history.append({"minutes": minutes, "steps": step, "batch": batch * processes, "resolution": resolution,
                        "decoder_only": decoder_only, "noise": noise,
                        "psnr_before": before, "psnr_after": after})  # fmt: skip
        network.save_pretrained(out)
        write_json(out / "training.json", {"stages": history})
        print(f"autoencoder: {step} steps, PSNR {before:.2f} -> {after:.2f} dB on held-out drawings, saved in {out}")


def factor(network: AutoencoderKL) -> int:
    """Pixels a latent: 8 as built, and twice that for every time it has grown."""
    return 2 ** (len(network.config.block_out_channels) - 1)


def latents_per(posterior: object) -> int:
    """How many numbers one picture's latent holds (the KL term is a sum over them)."""
    return posterior.mean[0].numel()  # type: ignore[attr-defined]


@torch.no_grad()
def normalise(network: AutoencoderKL, resolution: int, target: tuple[float, float] = (0.35, 1.0)) -> None:
    """Centre the channels, and settle how loud each one is, inside quant_conv and post_quant_conv.

    A pipeline knows one scaling factor only, so everything else has to be folded into the weights. A channel's
    deviation becomes 1 for the loudest, and at least `target[0]` for the others: lifting a small detail to full size
    would make the denoiser spend itself on it, leaving it tiny would make it vanish in the last steps' error.
    """
    codes = torch.cat(
        [network.encode(pictures(list(range(s, s + 32)), resolution)).latent_dist.mode() for s in range(0, 384, 32)]
    )
    centre, spread = codes.mean((0, 2, 3)), codes.std((0, 2, 3))
    wanted = (spread / spread.max()).sqrt().clamp(target[0], target[1])
    gain = wanted / spread
    count = len(gain)
    quant, back = network.quant_conv, network.post_quant_conv
    quant.weight[:count] *= gain[:, None, None, None]
    quant.bias[:count] = (quant.bias[:count] - centre) * gain
    quant.weight[count:] *= 1.0
    quant.bias[count:] += 2 * gain.log()  # the log-variance moves with the scale
    back.bias += (back.weight[:, :, 0, 0] * centre).sum(1)
    back.weight /= gain[None, :, None, None]
    network.register_to_config(scaling_factor=1.0)
