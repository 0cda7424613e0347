"""The engine on a CUDA GPU, with networks of random weights: the numbers of the CPU within bfloat16, and fair sharing.

Run with `pytest -m gpu tests/gpu` on a machine that has one; skipped elsewhere.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from easel.domain.sampling import Sampler, Spacing
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished
from easel.engine.request import Checkpoint, PictureRequest
from easel.engine.runner import TorchRunner

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Stable Diffusion 2's architecture, a quarter as wide, as its U-Net's real layers are laid out."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: at for at, word in enumerate(words)}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77).save_pretrained(folder / "tokenizer")
    CLIPTextModel(
        CLIPTextConfig(vocab_size=len(words), hidden_size=256, num_hidden_layers=4, num_attention_heads=4)
    ).save_pretrained(folder / "text_encoder")
    UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(80, 160, 320, 320),
        cross_attention_dim=256,
        attention_head_dim=(5, 10, 20, 20),
        use_linear_projection=True,
        norm_num_groups=16,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(32, 64, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    ).save_pretrained(folder / "vae")
    DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        steps_offset=1,
        prediction_type="v_prediction",
    ).save_pretrained(folder / "scheduler")
    return Checkpoint(name="quarter", family="sd2", folder=Path(folder))


def request(checkpoint: Checkpoint, id: str, **asked: object) -> PictureRequest:
    plain = {
        "prompt": "a red cat",
        "negative_prompt": "",
        "width": 256,
        "height": 256,
        "steps": 10,
        "guidance": 5.0,
        "seed": 1,
        "sampler": Sampler.DDIM,
        "spacing": Spacing.MODEL,
    }
    return PictureRequest(id=id, checkpoint=checkpoint, **{**plain, **asked})


def draw(device: str, *requests: PictureRequest, deterministic: bool = False) -> dict[str, Finished | Failed]:
    engine = Engine(TorchRunner(device), max_rows=16, deterministic=deterministic)
    for one in requests:
        engine.add(one)
    ended: dict[str, Finished | Failed] = {}
    while not engine.is_idle:
        for event in engine.step():
            if isinstance(event, Finished | Failed):
                ended[event.id] = event
    return ended


def image_of(ended: Finished | Failed) -> np.ndarray:
    assert isinstance(ended, Finished), ended
    return ended.image.astype(int)


def test_a_picture_is_the_cpus_but_for_bfloat16(checkpoint: Checkpoint) -> None:
    one = request(checkpoint, "one")
    on_gpu, on_cpu = image_of(draw("cuda", one)["one"]), image_of(draw("cpu", one)["one"])
    # Eight bits of mantissa through ten calls; the noise, the plan and the latents are the same float32.
    assert np.abs(on_gpu - on_cpu).mean() < 4


def test_deterministic_pictures_are_the_same_bit_for_bit_whoever_the_neighbours(checkpoint: Checkpoint) -> None:
    one = request(checkpoint, "one")
    neighbours = [request(checkpoint, f"n{seed}", seed=seed, steps=5 + seed) for seed in range(3)]
    alone = draw("cuda", one, deterministic=True)["one"]
    together = draw("cuda", *neighbours, one, deterministic=True)["one"]
    assert np.array_equal(image_of(alone), image_of(together))


def test_pictures_that_share_calls_differ_by_kernels_last_bits_only(checkpoint: Checkpoint) -> None:
    requests = [
        request(checkpoint, str(sampler), sampler=sampler, seed=number, guidance=1.0 + number % 3)
        for number, sampler in enumerate((Sampler.DDIM, Sampler.EULER, Sampler.DPMPP_2M, Sampler.EULER_ANCESTRAL))
    ]
    together = draw("cuda", *requests)
    for one in requests:
        assert np.abs(image_of(together[one.id]) - image_of(draw("cuda", one)[one.id])).mean() < 2
