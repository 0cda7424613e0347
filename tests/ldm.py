"""Small checkpoints in LDM's layout: diffusers' networks with the names turned back, by tables of the tests' own."""

import json
import re
import struct
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

LETTERS = [chr(code) for code in range(33, 127)]
WORDS = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
TOKENS = 16


def write_vocabulary(folder: Path) -> Path:
    """CLIP's tokenizer with letters for words."""
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(WORDS)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return folder


def make_networks(family: str) -> dict[str, Any]:
    """Random weights in the shape of the family, as small as its rules about heads and groups allow."""
    torch.manual_seed(7)
    width = {"sd1": 64, "sd2": 64, "sdxl": 128}[family]
    of_its_own: dict[str, Any] = {
        "sd1": {"attention_head_dim": 8, "block_out_channels": (32, 64)},
        "sd2": {"attention_head_dim": (1, 2), "block_out_channels": (64, 128), "use_linear_projection": True},
        "sdxl": {
            "attention_head_dim": (1, 2),
            "block_out_channels": (64, 128),
            "use_linear_projection": True,
            "transformer_layers_per_block": (1, 2),
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 64 + 6 * 8,
        },
    }[family]
    types = ("DownBlock2D", "CrossAttnDownBlock2D") if family == "sdxl" else ("CrossAttnDownBlock2D", "DownBlock2D")
    unet = UNet2DConditionModel(
        sample_size=8,
        cross_attention_dim=width,
        layers_per_block=1,
        down_block_types=types,
        up_block_types=tuple(kind.replace("Down", "Up") for kind in reversed(types)),
        **of_its_own,
    )
    vae = AutoencoderKL(
        block_out_channels=(32, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        scaling_factor=0.13025 if family == "sdxl" else 0.18215,
    )
    networks = {"unet": unet, "vae": vae}
    if family == "sd2":
        return networks | {"text_encoder": CLIPTextModel(text_config(23, "gelu"))}
    networks["text_encoder"] = CLIPTextModel(text_config(2, "quick_gelu"))
    if family == "sdxl":
        networks["text_encoder_2"] = CLIPTextModelWithProjection(text_config(3, "gelu"))
    return networks


def text_config(layers: int, act: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(WORDS),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=layers,
        num_attention_heads=1,
        max_position_embeddings=TOKENS,
        hidden_act=act,
        projection_dim=64,
        bos_token_id=len(WORDS) - 2,
        eos_token_id=len(WORDS) - 1,
        pad_token_id=len(WORDS) - 1,
    )


def as_ldm(family: str, networks: dict[str, Any]) -> dict[str, torch.Tensor]:
    """All parts in one, as the family's own training code names them."""
    layers = networks["unet"].config.layers_per_block
    ldm = {
        f"model.diffusion_model.{unet_name(name, layers, networks['unet'])}": tensor
        for name, tensor in networks["unet"].state_dict().items()
    }
    for name, tensor in networks["vae"].state_dict().items():
        is_matrix = ".attentions." in name and tensor.dim() == 2
        ldm[f"first_stage_model.{vae_name(name)}"] = tensor[:, :, None, None] if is_matrix else tensor
    clip = {bare(name): tensor for name, tensor in networks["text_encoder"].state_dict().items()}
    if family == "sd2":
        ldm |= open_clip("cond_stage_model.model.", clip)
        # The layer that Stable Diffusion 2 does not read, and what only a model of pictures and texts needs.
        for name in list(ldm):
            if ".resblocks.0." in name:
                ldm[name.replace(".resblocks.0.", ".resblocks.23.")] = ldm[name] + 1
        ldm["cond_stage_model.model.text_projection"] = torch.randn(64, 64)
        ldm["cond_stage_model.model.logit_scale"] = torch.tensor(4.6)
        return ldm
    prefix = "conditioner.embedders.0.transformer." if family == "sdxl" else "cond_stage_model.transformer."
    ldm |= {f"{prefix}text_model.{name}": tensor for name, tensor in clip.items()}
    ldm[f"{prefix}text_model.embeddings.position_ids"] = torch.arange(TOKENS)[None]
    if family == "sdxl":
        second = {bare(name): tensor for name, tensor in networks["text_encoder_2"].state_dict().items()}
        ldm |= open_clip("conditioner.embedders.1.model.", second)
    return ldm


def bare(name: str) -> str:
    return name.removeprefix("text_model.")


def unet_name(name: str, layers: int, unet: UNet2DConditionModel) -> str:
    stem = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    }
    for new, old in stem.items():
        if name.startswith(f"{new}."):
            return name.replace(new, old, 1)
    if name.startswith("mid_block."):
        for new, old in {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}.items():
            name = name.replace(f"mid_block.{new}.", f"middle_block.{old}.")
        return resnet_name(name)
    match = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)", name)
    assert match, name
    level, place = int(match[2]), int(match[4])
    if match[3] == "downsamplers":
        return f"input_blocks.{(level + 1) * (layers + 1)}.0.op.{match[5].removeprefix('conv.')}"
    if match[3] == "upsamplers":
        has_attention = unet.config.up_block_types[level].startswith("CrossAttn")
        return f"output_blocks.{(level + 1) * (layers + 1) - 1}.{2 if has_attention else 1}.{match[5]}"
    side = f"input_blocks.{level * (layers + 1) + place + 1}"
    if match[1] == "up":
        side = f"output_blocks.{level * (layers + 1) + place}"
    return f"{side}.0.{resnet_name(match[5])}" if match[3] == "resnets" else f"{side}.1.{match[5]}"


def resnet_name(name: str) -> str:
    for new, old in {
        "norm1": "in_layers.0",
        "conv1": "in_layers.2",
        "norm2": "out_layers.0",
        "conv2": "out_layers.3",
        "time_emb_proj": "emb_layers.1",
        "conv_shortcut": "skip_connection",
    }.items():
        if ".transformer_blocks." not in name:
            name = re.sub(rf"\b{new}\b", old, name)
    return name


def vae_name(name: str) -> str:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = name.replace("mid_block.resnets.0.", "mid.block_1.").replace("mid_block.resnets.1.", "mid.block_2.")
    for new, old in {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}.items():
        name = name.replace(f"mid_block.attentions.0.{new}.", f"mid.attn_1.{old}.")
    name = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0\.", r"down.\1.downsample.", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.", lambda match: f"up.{3 - int(match[1])}.block.", name)
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0\.", lambda match: f"up.{3 - int(match[1])}.upsample.", name)


def open_clip(prefix: str, clip: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    ldm: dict[str, torch.Tensor] = {}
    for name, tensor in clip.items():
        match = re.fullmatch(r"encoder\.layers\.(\d+)\.self_attn\.q_proj\.(weight|bias)", name)
        if match:
            layer, kind = match[1], match[2]
            parts = [clip[f"encoder.layers.{layer}.self_attn.{which}_proj.{kind}"] for which in "qkv"]
            ldm[f"{prefix}transformer.resblocks.{layer}.attn.in_proj_{kind}"] = torch.cat(parts)
        if ".k_proj." in name or ".v_proj." in name or match:
            continue
        for new, old in {
            "embeddings.token_embedding": "token_embedding",
            "embeddings.position_embedding.weight": "positional_embedding",
            "final_layer_norm": "ln_final",
            "encoder.layers": "transformer.resblocks",
            "layer_norm1": "ln_1",
            "layer_norm2": "ln_2",
            "fc1": "c_fc",
            "fc2": "c_proj",
            "self_attn": "attn",
            "text_projection.weight": "text_projection",
        }.items():
            name = name.replace(new, old)
        ldm[prefix + name] = tensor.T if name == "text_projection" else tensor
    return ldm


def write_ldm(path: Path, tensors: dict[str, torch.Tensor], **metadata: str) -> Path:
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path, metadata=metadata or None)
    return path


def write_header(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """A file of the shapes given, full of nothing: as large as it says it is, and empty on the disk."""
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        bytes = 2 * torch.Size(shape).numel()
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [end, end + bytes]}
        end += bytes
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + end)
    return path
