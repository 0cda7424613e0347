"""What a run shows of itself while it is under way: its loss, and a grid of samples by the averaged weights."""

from pathlib import Path
from typing import Final

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from easel.train import plots, text_encoder
from easel.train import tokenizer as tokens
from easel.train.checkpoint import finished
from easel.train.sampling import denoised

MINUTES: Final = 15.0
"""Between two showings."""


class Progress:
    """Always the same prompts and the same noise, so that one grid can be laid beside the next."""

    def __init__(self, out: Path, *, autoencoder: Path, encoder: Path) -> None:
        self._out = out
        self._autoencoder = AutoencoderKL.from_pretrained(finished(autoencoder, "autoencoder")).eval()
        text = CLIPTextModel.from_pretrained(finished(encoder, "text-encoder"))
        vocabulary = CLIPTokenizer.from_pretrained(encoder / "tokenizer")
        ids = torch.tensor(tokens.encode(vocabulary, ["", *plots.PROMPTS]))
        with torch.no_grad():
            self._empty, *states = text_encoder.embed(text, ids)
        self._states = torch.stack(states)

    @torch.no_grad()
    def show(self, network: UNet2DConditionModel, samples: int) -> None:
        """Write loss.png and samples/<how many it has seen>.png."""
        plots.loss(self._out, self._out / "loss.png")
        config = network.config
        noise = torch.randn(
            len(self._states), config.in_channels, config.sample_size, config.sample_size,
            generator=torch.Generator().manual_seed(0),
        ).to(network.device)  # fmt: skip
        latents = denoised(network, noise, 1000, self._states.to(noise.device), self._empty.to(noise.device)).cpu()
        made = self._autoencoder.decode(latents / self._autoencoder.config.scaling_factor).sample.clamp(-1, 1)
        pictures = ((made + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        plots.grid(list(np.asarray(pictures)), list(plots.PROMPTS), self._out / "samples" / f"{samples:09d}.png")
