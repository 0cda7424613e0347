"""The denoiser: a diffusers UNet2DConditionModel trained on cached latents with the plain v-objective.

Arguments, network, data, schedule, loop, last numbers: this script reads from top to bottom. A run is a folder; it can
be killed at any time and resumed, and then it goes on to the same losses.
"""

import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from tqdm import tqdm

from easel.domain.errors import InvalidRequest
from easel.train import checkpoint, parallel, schedule
from easel.train.data import Cache, check_mix
from easel.train.ema import Average
from easel.train.layout import Reader, emphasised
from easel.train.muon import Muon, suits
from easel.train.progress import MINUTES, Progress


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run. It is saved in the checkpoint, and the model card quotes it."""

    minutes: float = 90.0  # how long to train in all (resumed parts included); the learning rate's end follows from it
    steps: int = -1  # a number of steps instead of minutes, where -1 means: go by the clock
    batch: int = 32  # over all processes
    processes: int = 1
    rate: float = 1.3e-3
    warmup: int = 100  # steps
    decay_from: float = 0.6  # share of the run after which the rate falls in a straight line
    floor: float = 0.02  # of the rate, at the end
    dropout: float = 0.1  # captions replaced by the empty one
    average: float = 0.998  # decay of the averaged weights
    middle: float = 0.5  # share of the noise levels bent towards the middle
    emphasis: float = (
        2.0  # how much more the error counts where an object is, once it is seen where (layout.emphasised)
    )
    reading: float = 0.03  # weight of what the network cannot tell of shapes and colours (layout.Reader)
    mix: dict[str, float] | None = None  # shares of the world's categories, where they differ from the world's own
    seed: int = 1
    save_minutes: float = 4.0
    channels: tuple[int, ...] = (48, 96, 128)
    layers: int = 1
    device: str = "cpu"


def recipe_of(state: dict[str, Any]) -> Recipe:
    """The recipe that a checkpoint was saved under, by an older version too: what it no longer asks for is left out."""
    known = {field.name for field in fields(Recipe)}
    return Recipe(**{name: value for name, value in state["recipe"].items() if name in known})


def build(recipe: Recipe, *, latent_channels: int, text_width: int, side: int = 16) -> UNet2DConditionModel:
    """Attention on the inner levels only. Two things help a small network to heed a caption at once:

    the caption is also pooled into the time embedding (`addition_embed_type="text"`), and that embedding scales as well
    as shifts every residual block (Dhariwal and Nichol 2021, arXiv:2105.05233, section 3).
    """
    inner = len(recipe.channels) - 1
    network = UNet2DConditionModel(
        sample_size=side, in_channels=latent_channels, out_channels=latent_channels,
        block_out_channels=recipe.channels, layers_per_block=recipe.layers,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * inner,
        up_block_types=("CrossAttnUpBlock2D",) * inner + ("UpBlock2D",),
        attention_head_dim=[max(1, width // 32) for width in recipe.channels],  # diffusers' name for the heads' number
        cross_attention_dim=text_width, use_linear_projection=True, norm_num_groups=16,
        addition_embed_type="text", addition_embed_type_num_heads=4, time_embedding_dim=256,
        resnet_time_scale_shift="scale_shift",
    )  # fmt: skip
    with torch.no_grad():  # every residual branch starts silent, and so does the output
        for name, module in network.named_modules():
            if name.endswith(("conv2", "proj_out")) or name == "conv_out":
                module.weight.zero_()
                module.bias.zero_()
    return network


def train(
    out: Path,
    cache: Path,
    recipe: Recipe,
    *,
    resume: bool = False,
    start_from: Path | None = None,
    stages: Path | None = None,
) -> None:
    """Train in the folder `out`. `start_from` is another run's folder whose averaged weights this one begins with
    (the second stage of resolution begins where the first one ended). With the folder of the earlier `stages` it draws
    samples as it goes."""
    _check(out, cache, recipe, resume, start_from)
    parallel.launch(_train, recipe.processes, out, cache, recipe, resume, start_from, stages)


def _check(out: Path, cache: Path, recipe: Recipe, resume: bool, start_from: Path | None) -> None:
    """Refuse with a sentence, before there are processes whose errors would come as tracebacks."""
    if recipe.batch % recipe.processes:
        raise InvalidRequest(
            "batch",
            f"A batch of {recipe.batch} cannot be split evenly over {recipe.processes} processes: "
            f"make it a multiple of {recipe.processes}.",
        )
    if recipe.mix:
        check_mix(recipe.mix)
    Cache(cache).grow(1)
    for run in [out] * resume + [start_from] * (start_from is not None):
        state = checkpoint.load(run / "checkpoint.pt")
        before = recipe_of(state)
        if run == out and not {"reader", "muon"} <= state.keys():
            raise InvalidRequest(
                "resume",
                f"The checkpoint in {run} is from an older trainer (before networks told what stands where, or before "
                "matrices were Muon's) and cannot be resumed: begin another run with --start-from.",
            )
        if (before.channels, before.layers) != (tuple(recipe.channels), recipe.layers):
            raise InvalidRequest(
                "channels",
                f"The checkpoint in {run} has channels {before.channels} and {before.layers} layers a block: "
                "go on with the same, or start another run.",
            )


def learning_rate(recipe: Recipe, step: int, done: float) -> float:
    """Warm-up, then constant, then a straight line down (`done` is the share of the run that is over)."""
    falling = max(0.0, (done - recipe.decay_from) / (1 - recipe.decay_from))
    return recipe.rate * min(1.0, (step + 1) / recipe.warmup) * (1 - (1 - recipe.floor) * min(1.0, falling))


def _train(
    rank: int,
    processes: int,
    out: Path,
    cache_folder: Path,
    recipe: Recipe,
    resume: bool,
    start_from: Path | None,
    stages: Path | None,
) -> None:
    device = torch.device(recipe.device)
    rows = recipe.batch // processes

    # Data and network
    cache = Cache(cache_folder)
    torch.manual_seed(recipe.seed)
    shape = cache.shape()
    network = build(recipe, **shape).to(device)
    if start_from is not None:
        network.load_state_dict(checkpoint.load(start_from / "checkpoint.pt")["average"])
    reader = Reader(network).to(device)
    parameters = [p for module in (network, reader) for p in module.parameters()]
    matrices = [p for name, p in network.named_parameters() if suits(name, p)]
    others = [p for p in parameters if not any(p is matrix for matrix in matrices)]
    optimizers: dict[str, torch.optim.Optimizer] = {
        "optimizer": torch.optim.AdamW(others, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True),
        "muon": Muon(matrices, recipe.rate, rank=rank, processes=processes),
    }
    average = Average(network, recipe.average)
    alpha, sigma = (table.to(device)[:, None, None, None] for table in schedule.tables())

    # Where the run stands
    loop: dict[str, Any] = {"step": 0, "samples": 0, "seconds": 0.0, "shards": 0, "loss": None}
    if resume:
        state = checkpoint.load(out / "checkpoint.pt")
        network.load_state_dict(state["network"])
        reader.load_state_dict(state["reader"])
        average.load_state_dict(state["average"], state["loop"]["step"])
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(state[name])
        for group in optimizers["optimizer"].param_groups:
            group["fused"] = True  # a saved group brings its own; fused saves an eighth of a step on a CPU
        loop = dict(state["loop"])
    loop["shards"] = int(parallel.share(cache.grow(loop["shards"] or None)))
    cache.grow(loop["shards"])

    progress = None
    if rank == 0 and stages is not None:
        progress = Progress(out, autoencoder=stages / "autoencoder", encoder=stages / "text_encoder")
    if rank == 0:  # a resumed run may go on with another recipe: the model card tells of it
        checkpoint.append_log(out / "recipes.jsonl", {"step": loop["step"], "recipe": asdict(recipe)})

    bar = tqdm(
        total=recipe.steps if recipe.steps > 0 else None,
        initial=loop["step"],
        disable=rank > 0,
        mininterval=30,
        unit="step",
    )
    earlier, since_clock = loop["seconds"], 0
    began: float | None = None
    now = saved = showed = 0.0
    while True:
        # The first process's clock is everybody's; it is read every few steps, because each reading is a meeting.
        if since_clock % 8 == 0:
            now = parallel.share(time.monotonic())
            if began is None:
                began = saved = showed = now
            loop["seconds"] = earlier + now - began
        since_clock += 1
        done = loop["step"] / recipe.steps if recipe.steps > 0 else loop["seconds"] / 60 / recipe.minutes
        over = done >= 1
        if over or now - saved > 60 * recipe.save_minutes:
            saved = now
            # New shards count from here on, for all processes alike; a resumed run finds the number in its checkpoint.
            if not over:
                loop["shards"] = int(parallel.share(cache.grow()))
                cache.grow(loop["shards"])
            if rank == 0:
                _save(out, network, reader, average, recipe, optimizers, loop, shape)
            if progress is not None and (over or now - showed > 60 * MINUTES):
                showed = now
                drawing = build(recipe, **shape).to(device).eval()
                drawing.load_state_dict(average.state_dict())
                progress.show(drawing, loop["samples"])
        if over:
            break

        # ------------------------------------------------------------------------------------------------ one step
        # Everything random is a function of (seed, step, rank), so that a resumed run draws what it would have drawn.
        draw = np.random.default_rng((recipe.seed, loop["step"], rank))
        torch_draw = torch.Generator().manual_seed(int(draw.integers(2**62)))
        batch = cache.batch(rows, recipe.dropout, draw, recipe.mix)
        times = schedule.stratified_times(rows, torch_draw, recipe.middle)
        noise = torch.randn(batch.latents.shape, generator=torch_draw).to(device)
        latents, states, times = batch.latents.to(device), batch.states.to(device), times.to(device)
        a, s = alpha[times], sigma[times]
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            made = network(a * latents + s * noise, times, states).sample
        errors = (made.float() - (a * noise - s * latents)).square()
        said = batch.labels.to(device)
        loss, reading = errors.mean(), reader.loss(said)
        (emphasised(errors, said, times, recipe.emphasis) + recipe.reading * reading).backward()
        parallel.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        rate = learning_rate(recipe, loop["step"], done)
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        average.update(network)
        # ---------------------------------------------------------------------------------------------------------

        loop["step"] += 1
        loop["samples"] += recipe.batch
        value = loss.item()
        loop["loss"] = value if loop["loss"] is None else 0.99 * loop["loss"] + 0.01 * value
        bar.update()
        if loop["step"] % 50 == 0 or 0 < recipe.steps <= 100:
            shown = parallel.mean(value)
            smooth = parallel.mean(loop["loss"])
            told = parallel.mean(reading.item())
            if rank == 0:
                bar.set_postfix(loss=f"{smooth:.4f}", reading=f"{told:.3f}")
                checkpoint.append_log(out / "log.jsonl", {
                    "step": loop["step"], "samples": loop["samples"], "minutes": loop["seconds"] / 60, "loss": shown,
                    "smooth": smooth, "reading": told, "rate": rate, "shards": loop["shards"],
                })  # fmt: skip
    bar.close()
    if rank == 0:
        spent = f"{loop['step']} steps, {loop['samples']} samples, {loop['seconds'] / 60:.1f} minutes"
        print(f"denoiser: {spent}, smoothed loss {loop['loss']:.4f}")


def _save(out: Path, network: UNet2DConditionModel, reader: Reader, average: Average, recipe: Recipe,
          optimizers: dict[str, torch.optim.Optimizer], loop: dict[str, Any],
          shape: dict[str, int]) -> None:  # fmt: skip
    checkpoint.save(out / "checkpoint.pt", {
        "network": network.state_dict(), "reader": reader.state_dict(), "average": average.state_dict(),
        "recipe": asdict(recipe), "loop": dict(loop), "shape": shape,
        **{name: optimizer.state_dict() for name, optimizer in optimizers.items()},
    })  # fmt: skip


def load_average(run: Path) -> tuple[UNet2DConditionModel, dict[str, Any]]:
    """The averaged network of a run, and its whole checkpoint."""
    state = checkpoint.load(run / "checkpoint.pt")
    network = build(recipe_of(state), **state["shape"])
    network.load_state_dict(state["average"])
    return network, state
