"""Picture requests to order, and Stable Diffusion checkpoints small enough to draw with in milliseconds."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from easel.domain.sampling import Sampler, Spacing
from easel.engine.decoding import Decode
from easel.engine.engine import Engine
from easel.engine.events import Event, Failed, Finished
from easel.engine.request import Checkpoint, PictureRequest
from easel.engine.trajectory import Trajectory

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


@pytest.fixture
def watch() -> Callable[[], Any]:
    """Makes a runner on the CPU that keeps the last `latents` of every picture, by id."""
    from easel.engine.runner import TorchRunner

    class Watched(TorchRunner):
        def __init__(self) -> None:
            super().__init__("cpu")
            self.latents: dict[str, Any] = {}

        def decode(self, picture: Trajectory) -> Decode:
            self.latents[picture.id] = self._canvases[picture.id].latents.clone()
            return super().decode(picture)

    return Watched


@pytest.fixture
def draw(watch: Callable[[], Any], drain: Drain) -> Callable[..., tuple[Any, dict[str, Finished | Failed]]]:
    """Draw requests together; answers the runner and how each picture ended."""

    def all_of(*requests: PictureRequest, deterministic: bool = True) -> tuple[Any, dict[str, Finished | Failed]]:
        runner = watch()
        engine = Engine(runner, max_rows=64, deterministic=deterministic)
        for request in requests:
            engine.add(request)
        return runner, drain(engine)

    return all_of


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Checkpoint]:
    """A checkpoint of random weights: a family's architecture, as small as it goes."""

    def make(family: str, prediction_type: str = "epsilon") -> Checkpoint:
        name = f"tiny-{family}-{prediction_type}"
        folder = tmp_path_factory.mktemp(name)
        save_tiny_checkpoint(folder, family, prediction_type)
        return Checkpoint(name=name, family=family, folder=folder)

    return make


@pytest.fixture(scope="session")
def checkpoint(make_checkpoint: Callable[..., Checkpoint]) -> Checkpoint:
    """Stable Diffusion 2 with v-prediction."""
    return make_checkpoint("sd2", "v_prediction")


def save_tiny_checkpoint(folder: Path, family: str, prediction_type: str) -> None:
    import torch

    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore"):
        save_text_encoder(folder, "")
        if family == "sdxl":
            save_text_encoder(folder, "_2", projection_dim=24)
        save_unet(folder, family)
        save_autoencoder(folder)
        save_scheduler(folder, family, prediction_type)
    pipeline = "StableDiffusionXLPipeline" if family == "sdxl" else "StableDiffusionPipeline"
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))


def save_text_encoder(folder: Path, number: str, projection_dim: int | None = None) -> None:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    start, end = len(words) - 2, len(words) - 1
    vocabulary = {word: at for at, word in enumerate(words)}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=16).save_pretrained(folder / f"tokenizer{number}")
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=16,
        bos_token_id=start,
        eos_token_id=end,
        pad_token_id=end,
        projection_dim=projection_dim or 32,
    )
    network = CLIPTextModelWithProjection(config) if projection_dim else CLIPTextModel(config)
    network.save_pretrained(folder / f"text_encoder{number}")


def save_unet(folder: Path, family: str) -> None:
    from diffusers import UNet2DConditionModel

    of_its_own: dict[str, Any] = {
        "sd1": {"cross_attention_dim": 32, "attention_head_dim": 4},
        "sd2": {"cross_attention_dim": 32, "attention_head_dim": (2, 4), "use_linear_projection": True},
        "sdxl": {
            "cross_attention_dim": 64,
            "attention_head_dim": (2, 4),
            "use_linear_projection": True,
            "transformer_layers_per_block": (1, 2),
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 24 + 6 * 8,
        },
    }[family]
    UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        norm_num_groups=16,
        **of_its_own,
    ).save_pretrained(folder / "unet")


def save_autoencoder(folder: Path) -> None:
    from diffusers import AutoencoderKL

    AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=8,
        layers_per_block=1,
    ).save_pretrained(folder / "vae")


def save_scheduler(folder: Path, family: str, prediction_type: str) -> None:
    from diffusers import DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler

    noise: dict[str, Any] = {
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "steps_offset": 1,
        "prediction_type": prediction_type,
        "timestep_spacing": "leading",
    }
    scheduler = {
        "sd1": lambda: PNDMScheduler(skip_prk_steps=True, **noise),
        "sd2": lambda: DDIMScheduler(clip_sample=False, set_alpha_to_one=False, **noise),
        "sdxl": lambda: EulerDiscreteScheduler(**noise),
    }[family]()
    scheduler.save_pretrained(folder / "scheduler")
