"""A family that nobody knew, as its author would add it: a flow-matching transformer in one file and one entry.

Nothing of the engine is touched: the class below is the file, the fixture is the entry.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import diffusers
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel
from ldm import text_config, write_vocabulary
from transformers import CLIPTextModel

from easel.engine.adapters.adaptable import Adaptable
from easel.engine.backends.base import Opened
from easel.engine.engine import Engine
from easel.engine.events import Finished
from easel.engine.families import FAMILIES, Family, family_of
from easel.engine.families.base import Conditioning
from easel.engine.families.examine import examine
from easel.engine.families.networks import Autoencoder, weight_bytes
from easel.engine.families.source import Source
from easel.engine.families.text import TextEncoder, TextEncoders, weighted
from easel.engine.prompts.lengths import stacked
from easel.engine.request import Checkpoint, PictureRequest
from easel.engine.runner import TorchRunner
from easel.engine.samplers import Plan, Step
from easel.engine.samplers.table import FromNetwork, Mix


class TinyFlow:
    """A diffusion transformer that answers with a velocity, eps - x0."""

    reads_mask = False

    def __init__(self, text: TextEncoder, network: SD3Transformer2DModel, autoencoder: Autoencoder) -> None:
        self.text = TextEncoders(text)
        self._encoder = text
        self.adaptable = Adaptable(network, text.network)
        self.network = Opened.plainly(self.adaptable.adapted(_Call(network)))
        self.autoencoder = autoencoder
        self.bytes = weight_bytes(text.network, network, autoencoder.network)

    @classmethod
    def load(cls, source: Source) -> Self:
        return cls(
            TextEncoder.load(CLIPTextModel, source),
            source.network(SD3Transformer2DModel, "transformer"),
            Autoencoder.load(source),
        )

    def encode(self, chunks: Any, embeddings: Mapping[Any, Any], clip_skip: int) -> Conditioning:
        (chunk,) = chunks
        answer = self._encoder.run(chunk, {}, clip_skip)
        return Conditioning(weighted(answer.last_hidden_state[0], chunk), answer.pooler_output[0])

    def predict(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditionings: Sequence[Conditioning],
        factors: torch.Tensor,
    ) -> torch.Tensor:
        states = stacked([one.states for one in conditionings])
        return self.network(factors, latents, timesteps, states, torch.stack([one.pooled for one in conditionings]))


class _Call(torch.nn.Module):
    """The network as a function of tensors."""

    def __init__(self, transformer: SD3Transformer2DModel) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(
        self, latents: torch.Tensor, timesteps: torch.Tensor, states: torch.Tensor, pooled: torch.Tensor
    ) -> torch.Tensor:
        return self.transformer(
            latents, encoder_hidden_states=states, pooled_projections=pooled, timestep=timesteps, return_dict=False
        )[0]


def plan_flow(folder: Path, request: PictureRequest) -> Plan:
    """Euler's steps from sigma 1 to 0: x' = x + (sigma' - sigma) v, whatever sampler is asked for."""
    sigmas = [*np.linspace(1, 0.001, request.steps), 0.0]
    steps = [
        Step(
            timestep=1000 * sigma,
            prediction=FromNetwork(0, 1),
            keep=1,
            predictions=(after - sigma,),
            clean=FromNetwork(1, -sigma),
            lands=Mix(1 - after, after),
        )
        for sigma, after in pairwise(sigmas)
    ]
    return Plan(noise=1, begins=Mix(0, 1), steps=tuple(steps), taken=request.steps)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    networks = {
        "transformer": SD3Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=64,
            caption_projection_dim=16,
            pooled_projection_dim=64,
            pos_embed_max_size=32,
        ),
        "vae": AutoencoderKL(
            block_out_channels=(32,) * 4,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1,
            latent_channels=4,
        ),
        "text_encoder": CLIPTextModel(text_config(2, "gelu")),
    }
    for part, network in networks.items():
        network.save_pretrained(tmp_path / part)
    write_vocabulary(tmp_path / "tokenizer")
    (tmp_path / "tokenizer" / "tokenizer_config.json").write_text('{"model_max_length": 16}')
    FlowMatchEulerDiscreteScheduler().save_pretrained(tmp_path / "scheduler")
    (tmp_path / "model_index.json").write_text('{"_class_name": "TinyFlowPipeline"}')
    return tmp_path


@pytest.fixture(autouse=True)
def entry() -> Iterator[None]:
    FAMILIES["tiny-flow"] = Family(
        loader=f"{__name__}:TinyFlow",
        parts=("transformer", "vae", "text_encoder"),
        is_of=lambda pipeline, _: pipeline == "TinyFlowPipeline",
        plan=plan_flow,
    )
    yield
    del FAMILIES["tiny-flow"]


def test_it_draws_what_diffusers_would(make_picture, watch, drain, folder: Path) -> None:
    request = make_picture(checkpoint=Checkpoint(name="flow", family=family_of(folder), folder=folder), steps=4)
    runner = watch()
    engine = Engine(runner)
    engine.add(request)
    assert isinstance(drain(engine)["a"], Finished)
    assert float((runner.latents["a"] - by_hand(folder, request)).abs().max()) < 1e-4


def by_hand(folder: Path, request: PictureRequest) -> torch.Tensor:
    """diffusers' transformer and scheduler in the loop of its pipelines."""
    source = Source(folder, torch.device("cpu"), torch.float32)
    encoder = TextEncoder.load(CLIPTextModel, source)
    transformer = SD3Transformer2DModel.from_pretrained(folder / "transformer").eval()
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler")
    scheduler.set_timesteps(sigmas=list(np.linspace(1, 0.001, request.steps)))
    tokenizer = diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3.CLIPTokenizer.from_pretrained(
        folder / "tokenizer"
    )
    tokens = tokenizer(
        [request.prompt, request.negative_prompt], padding="max_length", max_length=16, return_tensors="pt"
    )
    with torch.no_grad():
        read = encoder.network(tokens.input_ids)
        latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(request.seed))
        for timestep in scheduler.timesteps:
            prompted, negative = transformer(
                latents.expand(2, -1, -1, -1),
                encoder_hidden_states=read.last_hidden_state,
                pooled_projections=read.pooler_output,
                timestep=timestep.expand(2),
                return_dict=False,
            )[0]
            velocity = negative + request.guidance * (prompted - negative)
            latents = scheduler.step(velocity[None], timestep, latents, return_dict=False)[0]
    return latents[0]


def test_it_shares_a_worker_with_the_others(make_picture, drain, checkpoint, folder: Path) -> None:
    engine = Engine(TorchRunner("cpu"), deterministic=False)
    flow = Checkpoint(name="flow", family="tiny-flow", folder=folder)
    for number in range(4):
        engine.add(make_picture(str(number), checkpoint=(flow, checkpoint)[number % 2], seed=number))
    assert all(isinstance(end, Finished) for end in drain(engine).values())


def test_it_is_found_fit_to_be_installed(folder: Path) -> None:
    found = examine(folder)
    assert (found.family, found.objective, found.resolution) == ("tiny-flow", "flow", 64)
