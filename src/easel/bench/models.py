"""What is drawn with: the starter model, and full architectures whose weights are random, since nobody looks at the
pictures.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from easel.engine.request import Checkpoint

STARTER: Final = Path(__file__).parents[1] / "weights" / "easel-starter"
DECODERS: Final = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}


@dataclass(frozen=True, slots=True)
class Subject:
    """A checkpoint, and the size of the pictures that it draws."""

    checkpoint: Checkpoint
    side: int

    @property
    def folder(self) -> Path:
        return self.checkpoint.folder


def starter() -> Subject:
    settings = json.loads((STARTER / "unet" / "config.json").read_text())
    levels = json.loads((STARTER / "vae" / "config.json").read_text())["block_out_channels"]
    checkpoint = Checkpoint(name="easel-starter", family="sd2", folder=STARTER)
    return Subject(checkpoint, settings["sample_size"] * 2 ** (len(levels) - 1))


def small(folder: Path) -> Subject:
    """Stable Diffusion 2's architecture at a quarter of its width and 256 pixels, with a small autoencoder."""
    _write(
        folder,
        unet={"sample_size": 32, "block_out_channels": (64, 128, 256, 256), "cross_attention_dim": 256,
              "attention_head_dim": (2, 4, 8, 8), "use_linear_projection": True},
        vae={"sample_size": 256, "block_out_channels": (32, 64, 64, 64), **DECODERS},
        texts=[{"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 4, "num_attention_heads": 4}],
    )  # fmt: skip
    return Subject(Checkpoint(name="small-sd2", family="sd2", folder=folder), 256)


def stable_diffusion_2(folder: Path) -> Subject:
    """Stable Diffusion 2.0 for 768 pixels, in half precision: 2.6 GB."""
    _write(
        folder,
        unet={"sample_size": 96, "cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20),
              "use_linear_projection": True},
        vae={"sample_size": 768, "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, **DECODERS},
        texts=[{"vocab_size": 49408, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23,
                "num_attention_heads": 16, "hidden_act": "gelu"}],
        half=True,
    )  # fmt: skip
    return Subject(Checkpoint(name="stable-diffusion-2", family="sd2", folder=folder), 768)


def stable_diffusion_xl(folder: Path) -> Subject:
    """Stable Diffusion XL for 1024 pixels, in half precision: 6.9 GB."""
    _write(
        folder,
        unet={"sample_size": 128, "block_out_channels": (320, 640, 1280), "cross_attention_dim": 2048,
              "attention_head_dim": (5, 10, 20), "use_linear_projection": True,
              "transformer_layers_per_block": (1, 2, 10),
              "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
              "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
              "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
              "projection_class_embeddings_input_dim": 2816},
        vae={"sample_size": 1024, "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2,
             "scaling_factor": 0.13025, **DECODERS},
        texts=[{"vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
                "num_attention_heads": 12},
               {"vocab_size": 49408, "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32,
                "num_attention_heads": 20, "hidden_act": "gelu", "projection_dim": 1280}],
        half=True,
    )  # fmt: skip
    return Subject(Checkpoint(name="stable-diffusion-xl", family="sdxl", folder=folder), 1024)


MADE: Final[dict[str, Callable[[Path], Subject]]] = {
    "small-sd2": small,
    "stable-diffusion-2": stable_diffusion_2,
    "stable-diffusion-xl": stable_diffusion_xl,
}
NAMES: Final = ("easel-starter", *MADE)


def subject(name: str, folder: Path) -> Subject:
    """The subject named, made in `folder` unless it is there already."""
    if name == "easel-starter":
        return starter()
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    return MADE[name](place)


def _write(
    folder: Path, *, unet: dict[str, Any], vae: dict[str, Any], texts: list[dict[str, Any]], half: bool = False
) -> None:
    """One network at a time. What is there from an earlier run is kept."""
    if (folder / "model_index.json").exists():
        return
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

    torch.manual_seed(0)
    dtype = torch.float16 if half else torch.float32
    UNet2DConditionModel(**unet).to(dtype).save_pretrained(folder / "unet")
    AutoencoderKL(**vae).to(dtype).save_pretrained(folder / "vae")
    for number, text in enumerate(texts, start=1):
        _write_text(folder, "" if number == 1 else f"_{number}", text, dtype)
    DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")  # fmt: skip
    parts: dict[str, Any] = {
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "feature_extractor": [None, None],
    }
    if len(texts) == 1:
        index = {"_class_name": "StableDiffusionPipeline", "safety_checker": [None, None], **parts}
    else:
        parts |= {"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"]}
        parts |= {"tokenizer_2": ["transformers", "CLIPTokenizer"], "image_encoder": [None, None]}
        index = {"_class_name": "StableDiffusionXLPipeline", **parts}
    (folder / "model_index.json").write_text(json.dumps(index))


def _write_text(folder: Path, number: str, settings: dict[str, Any], dtype: Any) -> None:
    """A tokenizer that spells, which is all that random weights need, and its encoder."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += [f"unused{count}" for count in range(settings.get("vocab_size", len(words) + 2) - 2 - len(words))]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: at for at, word in enumerate(words)}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77).save_pretrained(folder / f"tokenizer{number}")
    ends = {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1, "pad_token_id": len(words) - 1}
    config = CLIPTextConfig(**{**settings, "vocab_size": len(words), **ends})
    kind = CLIPTextModelWithProjection if "projection_dim" in settings else CLIPTextModel
    place = folder / f"text_encoder{number}"
    kind(config).to(dtype).save_pretrained(place)
    # transformers would load the text encoder in the dtype of its file, diffusers the rest in float32.
    said = json.loads((place / "config.json").read_text()) | {"dtype": "float32"}
    (place / "config.json").write_text(json.dumps(said))
