"""The settings files of a folder in diffusers' layout, read off the shapes of an LDM checkpoint's tensors.

Shapes tell all but the number of attention heads, which the families fix: Stable Diffusion 1 has eight of them, the
others have heads of 64 channels, as have all of CLIP's encoders.
"""

from collections.abc import Mapping
from typing import Any, Final

from easel.domain.errors import InvalidRequest
from easel.engine.ldm.layout import V_PREDICTION, Trained

HEADS_OF_SD1: Final = 8
CHANNELS_A_HEAD: Final = 64
LAYERS_OF_SD2: Final = 23
"""Stable Diffusion 2 reads OpenCLIP ViT-H after 23 of its 24 layers, so the last is left out."""

SCALING: Final = {"sd1": 0.18215, "sd2": 0.18215, "sdxl": 0.13025}
"""What the latents of each family's autoencoder are multiplied by to have unit variance."""

Shapes = Mapping[str, tuple[int, ...]]


def unet_settings(shapes: Shapes, trained: Trained, *, pooled: int | None) -> dict[str, Any]:
    """`pooled` is the width of the text as a whole, for SDXL. Names are those behind `model.diffusion_model.`."""
    layers, levels = unet_depth(shapes)
    firsts = [1 + level * (layers + 1) for level in range(levels)]
    channels = [_side(shapes, f"input_blocks.{first}.0.in_layers.2.weight", 0) for first in firsts]
    depths = [_count(shapes, f"input_blocks.{first}.1.transformer_blocks.") for first in firsts]
    middle = _count(shapes, "middle_block.1.transformer_blocks.")
    wide = next((name for name in shapes if name.endswith("attn2.to_k.weight")), "")
    projection = next((name for name in shapes if name.endswith(".1.proj_in.weight")), "")
    settings: dict[str, Any] = {
        "_class_name": "UNet2DConditionModel",
        "sample_size": trained.resolution // 8,
        "in_channels": _side(shapes, "input_blocks.0.0.weight", 1),
        "out_channels": _side(shapes, "out.2.weight", 0),
        "block_out_channels": channels,
        "layers_per_block": layers,
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)],
        # The middle takes the last level's; a level without attention takes none.
        "transformer_layers_per_block": [*(depth or 1 for depth in depths[:-1]), middle],
        "cross_attention_dim": _side(shapes, wide, 1),
        "use_linear_projection": len(shapes.get(projection, ())) == 2,
        "attention_head_dim": HEADS_OF_SD1
        if trained.family == "sd1"
        else [max(1, side // CHANNELS_A_HEAD) for side in channels],
    }
    if pooled is not None:
        told = _side(shapes, "label_emb.0.0.weight", 1)
        settings |= {
            "addition_embed_type": "text_time",
            # Six numbers: the picture's size, its crop and its target size.
            "addition_time_embed_dim": (told - pooled) // 6,
            "projection_class_embeddings_input_dim": told,
        }
    return settings


def unet_depth(shapes: Shapes) -> tuple[int, int]:
    """Residual blocks a level, and levels."""
    blocks = _count(shapes, "input_blocks.")
    levels = 1 + sum(name.startswith("input_blocks.") and name.endswith(".0.op.weight") for name in shapes)
    return blocks // levels - 1, levels


def autoencoder_settings(shapes: Shapes, trained: Trained) -> dict[str, Any]:
    levels = autoencoder_levels(shapes)
    settings: dict[str, Any] = {
        "_class_name": "AutoencoderKL",
        "sample_size": trained.resolution,
        "in_channels": _side(shapes, "encoder.conv_in.weight", 1),
        "out_channels": _side(shapes, "decoder.conv_out.weight", 0),
        "latent_channels": _side(shapes, "post_quant_conv.weight", 1),
        "block_out_channels": [
            _side(shapes, f"encoder.down.{level}.block.0.conv1.weight", 0) for level in range(levels)
        ],
        "layers_per_block": _count(shapes, "encoder.down.0.block."),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "scaling_factor": SCALING[trained.family],
    }
    return settings


def autoencoder_levels(shapes: Shapes) -> int:
    return _count(shapes, "encoder.down.")


def text_settings(renamed: Shapes, *, is_open_clip: bool) -> dict[str, Any]:
    """Of a CLIP encoder whose tensors already have transformers' names. OpenCLIP's activation is the exact GELU."""
    words, width = _shape(renamed, "text_model.embeddings.token_embedding.weight", 2)
    projection = renamed.get("text_projection.weight")
    return {
        "architectures": ["CLIPTextModelWithProjection" if projection else "CLIPTextModel"],
        "model_type": "clip_text_model",
        "vocab_size": words,
        "hidden_size": width,
        "intermediate_size": _side(renamed, "text_model.encoder.layers.0.mlp.fc1.weight", 0),
        "num_hidden_layers": _count(renamed, "text_model.encoder.layers."),
        "num_attention_heads": max(1, width // CHANNELS_A_HEAD),
        "max_position_embeddings": _side(renamed, "text_model.embeddings.position_embedding.weight", 0),
        "hidden_act": "gelu" if is_open_clip else "quick_gelu",
        "projection_dim": projection[0] if projection else width,
        "bos_token_id": words - 2,
        "eos_token_id": words - 1,
        "pad_token_id": words - 1,
        "dtype": "float32",
    }


def scheduler_settings(trained: Trained) -> dict[str, Any]:
    """The noise schedule of all three families, with the solver that diffusers' own folders of them name."""
    return {
        "_class_name": {"sd1": "PNDMScheduler", "sd2": "DDIMScheduler", "sdxl": "EulerDiscreteScheduler"}[
            trained.family
        ],
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "num_train_timesteps": 1000,
        "prediction_type": trained.objective,
        "steps_offset": 1,
        "clip_sample": False,
        "set_alpha_to_one": False,
        **({"skip_prk_steps": True} if trained.family == "sd1" else {}),
        # A schedule that ends in all noise must begin at its last step (arXiv:2305.08891, section 3.3).
        "timestep_spacing": "trailing" if trained.zero_terminal_snr else "leading",
        "rescale_betas_zero_snr": trained.zero_terminal_snr and trained.objective == V_PREDICTION,
    }


def index_settings(trained: Trained) -> dict[str, Any]:
    """model_index.json, as DiffusionPipeline.from_pretrained reads it."""
    encoder, tokenizer = ["transformers", "CLIPTextModel"], ["transformers", "CLIPTokenizer"]
    index: dict[str, Any] = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", scheduler_settings(trained)["_class_name"]],
        "text_encoder": encoder,
        "tokenizer": tokenizer,
    }
    if trained.family == "sdxl":
        return index | {
            "_class_name": "StableDiffusionXLPipeline",
            "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            "tokenizer_2": tokenizer,
            "force_zeros_for_empty_prompt": True,
        }
    return index | {
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
    }


def _count(shapes: Shapes, prefix: str) -> int:
    """How many numbered things there are under a prefix."""
    numbers = {name.removeprefix(prefix).partition(".")[0] for name in shapes if name.startswith(prefix)}
    return len(numbers)


def _side(shapes: Shapes, name: str, side: int) -> int:
    shape = shapes.get(name, ())
    if len(shape) <= side:
        raise InvalidRequest("model_id", f"The checkpoint has no tensor {name or 'of the kind'} that could be read.")
    return shape[side]


def _shape(shapes: Shapes, name: str, sides: int) -> tuple[int, ...]:
    _side(shapes, name, sides - 1)
    return shapes[name]
