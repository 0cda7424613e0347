"""easel train: the starter model from nothing, one command per stage."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from easel.domain.sampling import Sampler, Spacing

app = App(name="train", help="Train the starter model: one command per stage, in the order of runs/*.sh.")

Out = Annotated[Path, Parameter(help="Folder to write.")]
Run = Annotated[Path, Parameter(help="Folder of the run: holds the folders of all stages.")]
Processes = Annotated[int, Parameter(help="Processes of one thread each, with averaged gradients. On a GPU: 1.")]


@app.command
def world(*, out: Out = Path(".runs/world.png"), count: int = 40, first_seed: int = 0, resolution: int = 128) -> None:
    """Draw a sheet of the world with its captions, to look at."""
    import random

    from easel.train import plots
    from easel.train import world as drawn
    from easel.train.captions import caption

    scenes = [drawn.scene(seed) for seed in range(first_seed, first_seed + count)]
    texts = [caption(scene, random.Random(scene.seed)).text for scene in scenes]
    plots.grid([drawn.draw(scene, resolution) for scene in scenes], texts, out, columns=8)
    for scene, text in zip(scenes, texts, strict=True):
        print(f"{scene.seed}: {text}")
    print(f"Wrote {out}.")


@app.command
def text_encoder(
    run: Run, *, minutes: float = 8, batch: int = 96, rate: float = 1e-3, processes: Processes = 1
) -> None:
    """Teach the text encoder to read a caption."""
    from easel.train import text_encoder as stage

    stage.train(run / "text_encoder", minutes, batch=batch, rate=rate, processes=processes)


@app.command
def autoencoder(
    run: Run,
    *,
    minutes: float = 7,
    batch: int = 12,
    resolution: int = 128,
    processes: Processes = 1,
    decoder_only: Annotated[bool, Parameter(help="Go on with the decoder alone; cached latents stay valid.")] = False,
    noise: Annotated[float, Parameter(help="With decoder-only: how much noise the latents get.")] = 0.05,
    grow_to: Annotated[
        int | None, Parameter(help="Grow it to pictures of this side, a double of its own, and go on with the decoder.")
    ] = None,
    imitation: Annotated[int, Parameter(help="With grow-to: steps in which the encoder learns the old latents.")] = 600,
    rate: float = 2e-3,
) -> None:
    """Train the autoencoder, go on with its decoder, or grow it to larger pictures with the same latents."""
    from easel.train import autoencoder as stage

    stage.train(
        run / "autoencoder", minutes, resolution=resolution, batch=batch, rate=rate, processes=processes,
        decoder_only=decoder_only, grow_to=grow_to, imitation=imitation,
        noise=noise if decoder_only or grow_to else 0.0,
    )  # fmt: skip


@app.command
def cache(run: Run, *, shards: int = 36, first: int = 0, resolution: int = 128, processes: Processes = 1) -> None:
    """Draw pictures and keep their latents and caption states, a thousand a shard."""
    from easel.train import data

    data.make(
        run / "cache",
        run / "autoencoder",
        run / "text_encoder",
        shards,
        resolution=resolution,
        processes=processes,
        first=first,
    )


@app.command
def denoiser(
    run: Run,
    *,
    minutes: float = 95,
    steps: Annotated[int, Parameter(help="Stop after so many steps; -1 goes by the minutes.")] = -1,
    batch: Annotated[int, Parameter(help="Over all processes.")] = 32,
    rate: float = 1.3e-3,
    warmup: int = 100,
    decay_from: Annotated[float, Parameter(help="Share of the run after which the rate falls in a line.")] = 0.6,
    average: Annotated[float, Parameter(help="Decay of the averaged weights, a step.")] = 0.998,
    middle: Annotated[float, Parameter(help="Share of the noise levels bent to the middle.")] = 0.5,
    emphasis: Annotated[float, Parameter(help="How much more the error counts where an object is.")] = 2.0,
    reading: Annotated[
        float, Parameter(help="Weight of what the network cannot tell of the shapes and colours it draws.")
    ] = 0.03,
    mix: Annotated[
        dict[str, float] | None,
        Parameter(help="Shares of the world's categories, as --mix.single 0.4; what is not named is not drawn."),
    ] = None,
    channels: tuple[int, ...] = (48, 96, 128),
    layers: int = 1,
    seed: int = 1,
    device: str = "cpu",
    processes: Processes = 1,
    resume: Annotated[bool, Parameter(help="Go on from the run's last checkpoint.")] = False,
    start_from: Annotated[Path | None, Parameter(help="Begin with another run's averaged weights.")] = None,
) -> None:
    """Train the denoiser, by the clock or by steps; it can be killed and resumed."""
    from easel.train import denoiser as stage

    recipe = stage.Recipe(
        minutes=minutes, steps=steps, batch=batch, processes=processes, rate=rate, warmup=warmup, middle=middle,
        emphasis=emphasis, reading=reading, decay_from=decay_from, average=average, mix=mix, seed=seed,
        channels=tuple(channels), layers=layers, device=device,
    )  # fmt: skip
    before = start_from / "denoiser" if start_from else None
    stage.train(run / "denoiser", run / "cache", recipe, resume=resume, start_from=before, stages=run)


@app.command
def export(run: Run, out: Out) -> None:
    """Write the averaged weights as a diffusers folder in fp16."""
    from easel.train import export as stage

    size = stage.export(out, run=run / "denoiser", autoencoder=run / "autoencoder", encoder=run / "text_encoder")
    print(f"Wrote {out}: {size:.1f} MB.")


@app.command
def evaluate(
    model: Annotated[Path, Parameter(help="A diffusers folder.")],
    *,
    count: Annotated[int, Parameter(help="Prompts per category.")] = 40,
    task: Annotated[
        Literal["text2img", "inpaint", "img2img"], Parameter(help="Also by Easel's engine: changing true drawings.")
    ] = "text2img",
    prompts: Annotated[Literal["first", "second"], Parameter(help="Which of the two sets of prompts.")] = "first",
    steps: int = 25,
    guidance: float = 4.0,
    sampler: Annotated[
        Sampler | None, Parameter(name_transform=str.lower, help="Draw with Easel's engine instead of diffusers.")
    ] = None,
    spacing: Spacing = Spacing.MODEL,
    backend: Annotated[str, Parameter(help="How Easel's engine runs the networks, as EASEL_BACKEND says.")] = "auto",
    adapter: Annotated[Path | None, Parameter(help="A LoRA's file to draw with, through diffusers.")] = None,
    style: Annotated[str | None, Parameter(help="Also tell how far the pictures are from this style.")] = None,
    run: Annotated[
        Path | None, Parameter(help="Also note the score in this run's log, for `easel train plot`.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="Where to write the report as JSON.")] = None,
    samples: Annotated[Path | None, Parameter(help="Also write a grid of samples to this PNG.")] = None,
) -> None:
    """Judge a model on held-out prompts with a classical detector."""
    import torch

    from easel.train import drawing, editing, lora, plots
    from easel.train import evaluate as judging
    from easel.train.checkpoint import append_log, load, write_json

    torch.set_num_threads(1)
    if task != "text2img":
        studio = drawing.Studio(model, steps=steps, guidance=guidance, sampler=sampler or Sampler.DDIM, spacing=spacing)
        edited = editing.evaluate(studio, task, count, drawing.native_side(model))
        if out is not None:
            write_json(out, edited)
        print(f"{task:20} {edited['score']:.3f}")
        return
    if sampler is None and backend == "auto":
        draw = drawing.from_pipeline(model, steps=steps, guidance=guidance, adapter=adapter)
    else:
        draw = drawing.from_engine(
            model, steps=steps, guidance=guidance, sampler=sampler or Sampler.DDIM, spacing=spacing, backend=backend
        )
    if samples is not None:
        plots.samples(draw, samples)
    first = draw(list(plots.PROMPTS[:10]), list(range(10)))
    report = judging.evaluate(draw, count, chosen=judging.SETS[prompts]) | {
        "ceiling": judging.ceiling(count, first[0].shape[0], judging.SETS[prompts]),
        "steps": steps,
        "guidance": guidance,
        "sampler": str(sampler or Sampler.DDIM),
    }
    if style is not None:
        report["style_distance"] = lora.distance(first, style, drawing.latent_pixels(model))
        print(f"{style}: {report['style_distance']:.2f} levels of 255 away")
    if out is not None:
        write_json(out, report)
    if run is not None:
        seen = load(run / "denoiser" / "checkpoint.pt")["loop"]["samples"]
        append_log(run / "denoiser" / "scores.jsonl", {"samples": seen, "prompts": prompts, **report["scores"]})
    for name, score in report["scores"].items():
        print(f"{name:20} {score:.3f}   (true drawings {report['ceiling'][name]:.3f})")
    print("each fact alone: " + ", ".join(f"{fact} {share:.3f}" for fact, share in report["facts"].items()))


@app.command
def lora(
    model: Annotated[Path, Parameter(help="The exported folder to adapt.")],
    out: Out,
    *,
    style: Annotated[str, Parameter(help="What the drawings are restyled to.")] = "pixelated",
    minutes: float = 5,
    steps: Annotated[int, Parameter(help="Stop after so many steps; -1 goes by the minutes.")] = -1,
    rank: int = 8,
    rate: float = 3e-3,
    batch: int = 16,
    pictures: Annotated[int, Parameter(help="Restyled drawings to learn from.")] = 400,
    seed: int = 1,
) -> None:
    """Teach an exported model a style of drawing, and write it as a LoRA beside."""
    import torch

    from easel.train import lora as stage

    torch.set_num_threads(1)
    recipe = stage.Recipe(
        style=style, minutes=minutes, steps=steps, rank=rank, rate=rate, batch=batch, pictures=pictures, seed=seed
    )
    file = stage.train(out, model, recipe)
    print(f"Wrote {file}: {file.stat().st_size / 1e6:.2f} MB.")


@app.command
def plot(run: Run, *, out: Out = Path(".runs/loss.png")) -> None:
    """Plot the denoiser's loss, and its scores where `easel train evaluate --run` noted them."""
    from easel.train import plots

    plots.loss(run / "denoiser", out)
    print(f"Wrote {out}.")


@app.command
def card(
    run: Run,
    model: Annotated[Path, Parameter(help="The exported folder; its README.md is written.")],
    report: Path,
    *,
    second: Annotated[Path | None, Parameter(help="A report on the second set of prompts.")] = None,
    seen: Annotated[Path | None, Parameter(help="Markdown of what the eye saw in the samples.")] = None,
) -> None:
    """Write the model card from the run's own records and an evaluation report."""
    from easel.train import card as stage

    stage.write(model, run=run, report=report, second=second, seen=seen)
    print(f"Wrote {model / 'README.md'}.")
