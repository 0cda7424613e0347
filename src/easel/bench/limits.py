"""What the machine could do at best: measured peaks, and the arithmetic that a picture takes."""

import time
from typing import Any

import torch

from easel.bench.models import Subject

SECONDS = 0.5
"""For which each kind of arithmetic is repeated; the fastest time counts."""


def peak(device: str) -> dict[str, float]:
    """Gigaflops a second of a large matrix product and of a convolution as U-Nets have them (2 flops a product)."""
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    side = 1024 if device == "cpu" else 8192
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    rows, channels, pixels = (2, 128, 32) if device == "cpu" else (16, 640, 48)
    picture = torch.randn(rows, channels, pixels, pixels, device=device, dtype=dtype)
    picture = picture.to(memory_format=torch.channels_last)
    kernel = torch.randn(channels, channels, 3, 3, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        product = _fastest(lambda: a @ b, device)
        convolution = _fastest(lambda: torch.nn.functional.conv2d(picture, kernel, padding=1), device)
    return {
        "matmul_gflops": 2 * side**3 / product / 1e9,
        "conv_gflops": 2 * rows * channels * channels * 9 * pixels**2 / convolution / 1e9,
    }


def flops(subject: Subject, steps: int) -> dict[str, float]:
    """Gigaflops of a guided picture: two rows a step, and the decode. Counted on no device."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(subject.folder / "unet"))
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(subject.folder / "vae"))
        side = subject.side // 2 ** (len(vae.config.block_out_channels) - 1)
        latents = torch.zeros(2, unet.config.in_channels, side, side)
        told: dict[str, Any] = {}
        if unet.config.addition_embed_type == "text_time":
            pooled = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
            told = {"added_cond_kwargs": {"text_embeds": torch.zeros(2, pooled), "time_ids": torch.zeros(2, 6)}}
        states = torch.zeros(2, 77 if subject.side > 256 else 32, unet.config.cross_attention_dim)
        with FlopCounterMode(display=False) as step, torch.no_grad():
            unet(latents, torch.zeros(2), encoder_hidden_states=states, return_dict=False, **told)
        with FlopCounterMode(display=False) as decode, torch.no_grad():
            vae.decode(latents[:1, : vae.config.latent_channels], return_dict=False)
    call, end = step.get_total_flops() / 1e9, decode.get_total_flops() / 1e9
    return {"call": call, "decode": end, "picture": steps * call + end}


def _fastest(act: Any, device: str) -> float:
    best, until = float("inf"), time.perf_counter() + SECONDS
    act()
    while time.perf_counter() < until:
        _wait(device)
        started = time.perf_counter()
        act()
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return best


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()
