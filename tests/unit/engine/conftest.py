"""Picture requests to order, and Stable Diffusion checkpoints small enough to draw with in milliseconds."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from easel.domain.sampling import Sampler, Spacing
from easel.engine.engine import Engine
from easel.engine.events import Event, Failed, Finished
from easel.engine.request import Checkpoint, PictureRequest

NOWHERE = Checkpoint(name="nowhere", family="sd2", folder=Path("/nowhere"))

MakePicture = Callable[..., PictureRequest]
Drain = Callable[[Engine], dict[str, Finished | Failed]]


@pytest.fixture(scope="session")
def make_picture() -> MakePicture:
    def make(id: str = "a", **asked: Any) -> PictureRequest:
        plain: dict[str, Any] = {
            "checkpoint": NOWHERE,
            "prompt": "a red cat",
            "negative_prompt": "",
            "width": 64,
            "height": 64,
            "steps": 5,
            "guidance": 7.5,
            "seed": 1,
            "sampler": Sampler.DDIM,
            "spacing": Spacing.MODEL,
        }
        return PictureRequest(id=id, **{**plain, **asked})

    return make


@pytest.fixture(scope="session")
def drain() -> Drain:
    """Step an engine until it is idle; answers how each picture ended."""

    def until_idle(engine: Engine) -> dict[str, Finished | Failed]:
        events: list[Event] = []
        while not engine.is_idle:
            events.extend(engine.step())
        return {event.id: event for event in events if isinstance(event, Finished | Failed)}

    return until_idle


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for each other's threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Stable Diffusion 2's architecture with random weights and v-prediction."""
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny_checkpoint(folder, prediction_type="v_prediction")
    return Checkpoint(name="tiny", family="sd2", folder=folder)


@pytest.fixture(scope="session")
def epsilon_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """The same with epsilon-prediction."""
    folder = tmp_path_factory.mktemp("tiny-epsilon")
    save_tiny_checkpoint(folder, prediction_type="epsilon")
    return Checkpoint(name="tiny-epsilon", family="sd2", folder=folder)


def save_tiny_checkpoint(folder: Path, *, prediction_type: str) -> None:
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    start, end = len(words) - 2, len(words) - 1
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore"):
        CLIPTokenizer(
            vocab={word: at for at, word in enumerate(words)}, merges=[], model_max_length=16
        ).save_pretrained(folder / "tokenizer")
        CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(words),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=16,
                bos_token_id=start,
                eos_token_id=end,
                pad_token_id=end,
            )
        ).save_pretrained(folder / "text_encoder")
        UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=32,
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            norm_num_groups=16,
        ).save_pretrained(folder / "unet")
        AutoencoderKL(
            block_out_channels=(16, 16, 32, 32),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            norm_num_groups=8,
            layers_per_block=1,
        ).save_pretrained(folder / "vae")
        DDIMScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            prediction_type=prediction_type,
        ).save_pretrained(folder / "scheduler")
