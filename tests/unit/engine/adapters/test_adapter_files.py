"""Files from strangers: every layout finds its layers, and what does not fit is told in a sentence."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from diffusers.loaders.lora_conversion_utils import _maybe_map_sgm_blocks_to_diffusers
from made import ATTENTION, low_rank, mix, networks_of

from easel.domain.errors import InvalidRequest
from easel.engine.adapters.hashes import autov3
from easel.engine.adapters.header import read_header
from easel.engine.adapters.kin import kin_of
from easel.engine.adapters.names import stems
from easel.engine.engine import Engine
from easel.engine.request import WeightsFile
from easel.engine.runner import TorchRunner


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(TorchRunner("cpu"))


@pytest.fixture
def refusal(engine, make_picture, checkpoint, drain):
    """The sentence with which a picture with these tensors ends."""

    def draw(adapter: WeightsFile) -> str:
        try:
            engine.add(make_picture(checkpoint=checkpoint, adapters=(mix(adapter),), steps=1))
        except InvalidRequest as refused:
            return f"{refused.field}: {refused.message}"
        return drain(engine)["a"].error

    return draw


def test_names_of_latent_diffusion_are_those_that_diffusers_reads(make_checkpoint) -> None:
    unet = networks_of(make_checkpoint("sdxl"))["unet"]
    known = stems({"unet": unet})
    blocks = {stem for stem in known if stem.startswith(("lora_unet_input", "lora_unet_middle", "lora_unet_output"))}
    blocks = {stem for stem in blocks if "transformer_blocks" in stem or "proj" in stem}
    tensors = {f"{stem}.lora_down.weight": at for at, stem in enumerate(blocks) if "emb" not in stem}
    names = {at: name for name, at in tensors.items()}
    assert len(tensors) > 40
    renamed = _maybe_map_sgm_blocks_to_diffusers(dict(tensors), unet.config)
    assert set(renamed.values()) == set(tensors.values())
    for new, at in renamed.items():
        old = names[at]
        # The rest of its work, diffusers does further on.
        for its, own in (
            ("input_blocks", "down_blocks"),
            ("middle_block", "mid_block"),
            ("output_blocks", "up_blocks"),
        ):
            new = new.replace(its, own)
        stem = new.removesuffix(".lora_down.weight")
        assert known[stem] == known[old.removesuffix(".lora_down.weight")]
        assert known[stem][1].replace(".", "_") == stem.removeprefix("lora_unet_")


def test_every_name_of_latent_diffusion_is_one_layers_own(make_checkpoint) -> None:
    unet = networks_of(make_checkpoint("sd1"))["unet"]
    known = stems({"unet": unet})
    for ldm, layer in {
        "lora_unet_input_blocks_0_0": "conv_in",
        "lora_unet_input_blocks_1_0_in_layers_2": "down_blocks.0.resnets.0.conv1",
        "lora_unet_input_blocks_1_1_proj_in": "down_blocks.0.attentions.0.proj_in",
        "lora_unet_input_blocks_2_0_op": "down_blocks.0.downsamplers.0.conv",
        "lora_unet_input_blocks_3_0_skip_connection": "down_blocks.1.resnets.0.conv_shortcut",
        "lora_unet_middle_block_1_proj_out": "mid_block.attentions.0.proj_out",
        "lora_unet_middle_block_2_emb_layers_1": "mid_block.resnets.1.time_emb_proj",
        "lora_unet_output_blocks_1_1_conv": "up_blocks.0.upsamplers.0.conv",
        "lora_unet_output_blocks_2_1_proj_in": "up_blocks.1.attentions.0.proj_in",
        "lora_unet_output_blocks_3_0_out_layers_3": "up_blocks.1.resnets.1.conv2",
        "lora_unet_time_embed_2": "time_embedding.linear_2",
        "lora_unet_out_2": "conv_out",
    }.items():
        assert known[ldm] == ("unet", layer)


def test_layers_that_the_network_does_not_have_are_named(make_picture, checkpoint, draw, save) -> None:
    tensors = low_rank(checkpoint, seed=1, targets=ATTENTION)
    tensors |= {
        f"lora_unet_nowhere_{n}.lora_{side}.weight": torch.zeros(4, 4) for n in (1, 2) for side in ("down", "up")
    }
    _, ended = draw(make_picture(checkpoint=checkpoint, adapters=(mix(save("it", tensors)),), steps=1))
    assert (
        "2 of the 42 layers of LoRA it are not in tiny-sd2-v_prediction and had no effect: lora_unet_nowhere_1"
        in (ended["a"].notes[0])
    )


def test_a_lora_of_another_family_is_refused_with_both_names(refusal, save) -> None:
    wide = {
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": torch.zeros(4, 768),
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": torch.zeros(32, 4),
    }
    said = refusal(save("wide", wide))
    assert "wide was made for checkpoints of family sd1, and tiny-sd2-v_prediction is of family sd2" in said
    flux = {f"lora_unet_double_blocks_0_img_attn_proj.lora_{side}.weight": torch.zeros(4, 4) for side in ("down", "up")}
    assert "made for checkpoints of family flux" in refusal(save("flux", flux))


def test_a_lora_of_a_larger_checkpoint_of_the_family_is_refused(refusal, save, checkpoint) -> None:
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    large = {f"{stem}.lora_down.weight": torch.zeros(4, 1024), f"{stem}.lora_up.weight": torch.zeros(320, 4)}
    assert "its cross-attention reads 1024 numbers a token, the checkpoint's 32" in refusal(save("large", large))
    stem = stem.replace("attn2", "attn1")
    large = {f"{stem}.lora_down.weight": torch.zeros(4, 320), f"{stem}.lora_up.weight": torch.zeros(320, 4)}
    assert "has another size than down_blocks.0.attentions.0" in refusal(save("larger", large))


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"somewhere.lora_down.weight": (4, 4), "somewhere.lora_up.weight": (4, 4)}, "changes no layer"),
        ({"lora_unet_conv_in.lora_down.weight": (4, 4)}, "is not whole: layer lora_unet_conv_in has down alone"),
        ({"lora_unet_conv_in.oft_blocks": (4, 4)}, "of a kind that cannot be drawn with; known are LoRA"),
        ({"emb_params": (4, 4)}, "of a kind that cannot be drawn with"),
        ({"lora_unet_conv_in.alpha": ()}, "holds no weights"),
        ({"lora_unet_conv_in.hada_w1_a": (4, 4)}, "is not whole"),
        ({"lora_unet_conv_in.diff": (2, 2)}, "does not fit layer conv_in"),
        ({"lora_unet_conv_in.diff_b": (7,)}, "which has no such bias"),
        (
            {"lora_unet_conv_in.lora_down.weight": (2, 1, 1, 1), "lora_unet_conv_in.lora_up.weight": (9, 3, 1, 1)},
            "does not fit",
        ),
        ({"lora_unet_conv_in.lokr_w1": (2,), "lora_unet_conv_in.lokr_w2": (2,)}, "does not fit layer conv_in"),
    ],
)
def test_what_cannot_be_drawn_with_is_told(refusal, save, tensors: dict[str, tuple[int, ...]], sentence: str) -> None:
    said = refusal(save("it", {name: torch.zeros(shape) for name, shape in tensors.items()}))
    assert "LoRA it" in said
    assert sentence in said


def test_damaged_files_are_told(refusal, save, checkpoint, tmp_path: Path) -> None:
    whole = save("it", low_rank(checkpoint, seed=1)).file.read_bytes()
    damaged = {
        "empty": (b"", "cut short"),
        "short": (whole[:-100], "bytes and has"),
        "header": (whole[:50], "cut short"),
        "words": (b"these are not weights at all", "cut short"),
        "json": ((5).to_bytes(8, "little") + b"hello", "no JSON"),
        "pickle": (pickle.dumps({"a": 1}), "is a pickle, which can run code"),
        "zip": (b"PK\x03\x04 and more of it", "is a pickle, which can run code"),
    }
    for name, (data, sentence) in damaged.items():
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(data)
        assert sentence in refusal(WeightsFile(name=name, file=file))
    assert "is no file" in refusal(WeightsFile(name="gone", file=tmp_path / "gone.safetensors"))


def test_numbers_that_are_none_are_told(refusal, save, checkpoint) -> None:
    tensors = low_rank(checkpoint, seed=1, alpha=float("inf"))
    assert "not finite" in refusal(save("alpha", tensors))
    tensors = low_rank(checkpoint, seed=1)
    first = next(name for name in tensors if name.endswith("lora_up.weight"))
    assert "not finite" in refusal(save("nan", tensors | {first: tensors[first] * float("nan")}))
    assert "no real numbers" in refusal(save("whole", tensors | {first: tensors[first].int()}))


def test_settings_that_are_none_are_told(refusal, save, checkpoint) -> None:
    tensors = low_rank(checkpoint, seed=1, layout="peft")
    for settings in ("{", "[]", json.dumps({"unet.lora_alpha": "much"}), json.dumps({"unet.alpha_pattern": [1]})):
        said = refusal(save("it", tensors, {"lora_adapter_metadata": settings}))
        assert "its settings cannot be read" in said


def test_the_family_is_known_from_the_file_alone(save) -> None:
    def family(tensors: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> str | None:
        file = save("it", {name: torch.zeros(shape) for name, shape in tensors.items()}, metadata).file
        return kin_of("it", read_header("it", file)).family

    key = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v"
    assert family({f"{key}.lora_A.weight": (1, 1024), f"{key}.lora_B.weight": (8, 1)}) == "sd2"
    assert family({f"{key}.lokr_w1": (2, 2), f"{key}.lokr_w2": (3, 1024)}) == "sdxl"
    other = {f"{key.replace('attn2', 'attn1')}.lora_{side}.weight": (1, 8) for side in "AB"}
    assert family(other) is None
    assert family(other, {"ss_base_model_version": "sd_v1"}) == "sd1"
    assert family(other, {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}) == "sdxl"


def test_autov3_is_of_the_weights_and_not_of_what_is_said_of_them(save) -> None:
    tensors = {"a.lora_down.weight": torch.ones(2, 2)}
    plain, told = save("plain", tensors), save("told", tensors, {"modelspec.title": "It"})
    assert autov3(plain.file) == autov3(told.file)
    assert autov3(plain.file) != autov3(save("other", {"a.lora_down.weight": torch.zeros(2, 2)}).file)


def test_a_file_that_takes_anothers_place_is_another_adapter(make_picture, checkpoint, watch, drain, save) -> None:
    runner = watch()
    engine = Engine(runner)
    for id, seed in (("first", 1), ("second", 2)):
        used = mix(save("same", low_rank(checkpoint, seed=seed)))
        engine.add(make_picture(id, checkpoint=checkpoint, adapters=(used,), steps=1))
        drain(engine)
    assert not torch.equal(runner.latents["first"], runner.latents["second"])
