# ruff: noqa: E501 (a table row of Markdown cannot be broken)
"""The model card, written from the run's own records: nothing in it is typed by hand."""

import itertools
from pathlib import Path
from typing import Any

from easel.train import checkpoint
from easel.train.captions import PLACES
from easel.train.drawing import latent_pixels, native_side
from easel.train.evaluate import CATEGORIES
from easel.train.world import COLOURS, HELD_OUT, SHAPES

TEMPLATE = """\
---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
tags: [easel, starter, v-prediction, zero-terminal-snr]
language: en
metrics:
{metrics}
---

# easel-starter

A small text-to-image model that ships with Easel, so that the first picture needs no download, no GPU and no account.
It draws coloured shapes on coloured backgrounds and a few little landscapes, at {resolution}x{resolution} pixels. It is not a
general image model: a word outside its world changes the picture little, or at random.

```python
from diffusers import StableDiffusionPipeline

pipeline = StableDiffusionPipeline.from_pretrained("easel-starter", safety_checker=None)
pipeline("three red stars on a blue background", num_inference_steps=25, guidance_scale={guidance:g}).images[0]
```

## What it knows

- **Shapes**: {shapes}. **Colours**: {colours}. **Sizes**: small, ordinary, large.
- **Counts**: one to four of the same. **Two objects**: left of, right of, above, below, or just "and": then the first one stands on the left.
- **Backgrounds**: any of the colours; white where none is said.
- **Landscapes**: {places}.

## Score

Strictly judged: a picture counts only if every object is there in its shape and colour, nothing else is there, and
relation and background are right. {prompts} prompts a category in phrasings that training never used; "colour" and "colour
attribution" ask for combinations of shape and colour that were never drawn in training. {steps} DDIM steps, guidance {guidance:g}.{second}

{scores}

Each fact alone, over all prompts (number, colours and shapes as collections): {facts}.

What went wrong most often:

{failures}

## Data

{pictures} vector drawings with {captions} captions each, drawn by this package (`easel.train.world`) as a pure function of
seeds 0 to {last_seed}; no picture or text of anybody else was used. Never drawn: {held_out}. (The text encoder, which
sees no pictures, did read captions of them.)

## Training

| stage | size | training |
|---|---|---|
| text encoder (CLIPTextModel) | {text_size} | {text_steps} steps of {text_batch} captions; all attributes of a caption read right: {text_right} |
| autoencoder (AutoencoderKL, f={factor}, {latent_channels} channels) | {vae_size} | {vae_stages} |
| denoiser (UNet2DConditionModel) | {unet_size} | {unet_steps} steps, {unet_samples} samples, {unet_minutes:.0f} minutes |

Objective: v-prediction, mean squared error, zero terminal SNR, cosine schedule with the noise ratio doubled
(`trained_betas` of the scheduler). Where "reading" is named, errors of a head that reads shape and colour at each latent count
as well (`easel.train.layout`; the head is not part of the model); where "emphasis" is, errors at objects count more.
{dropout:.0%} of the captions dropped; Muon for the matrices, AdamW for the rest, both at {rate:g}; averaged weights. Last smoothed loss {loss:.4f}.
{changes}Device: {device}. Seeds: {seed} (denoiser), 7 (autoencoder), 11 (text encoder).

The commands stand in `runs/starter_cpu.sh`; `easel train evaluate` judges a folder like this one.

## Limits

- Only the words above mean anything. Anatomy, text, photographs, styles: none.
- It makes mistakes at the rate of the table; colours of two objects may swap or blend, corners of small shapes are soft.
- Sizes other than {resolution}x{resolution} were not trained.
{seen}"""


SECOND = " The second set holds other scenes in other words; nothing was chosen by it ({prompts} prompts a category)."


def write(model: Path, *, run: Path, report: Path, second: Path | None = None, seen: Path | None = None) -> None:
    """`second` is a report on the second set of prompts; `seen` holds Markdown of what the eye saw in the samples."""
    (model / "README.md").write_text(
        render(
            model,
            run,
            checkpoint.read_json(report),
            checkpoint.read_json(second) if second else None,
            seen.read_text() if seen else "",
        )
    )


def render(model: Path, run: Path, report: dict[str, Any], second: dict[str, Any] | None, seen: str) -> str:
    state = checkpoint.load(run / "denoiser" / "checkpoint.pt")
    recipe, loop = state["recipe"], state["loop"]
    text = checkpoint.read_json(run / "text_encoder" / "training.json")
    stages = checkpoint.read_json(run / "autoencoder" / "training.json")["stages"]
    cache = checkpoint.read_json(run / "cache" / "cache.json")
    scores, ceiling = report["scores"], report["ceiling"]
    kinds: dict[str, int] = {}
    for failure in report["failures"]:
        kind = _kind(failure["why"])
        kinds[kind] = kinds.get(kind, 0) + 1
    asked = report["prompts_each"] * len(CATEGORIES)
    return TEMPLATE.format(
        metrics="\n".join(f"- name: {name}\n  value: {value:.3f}" for name, value in scores.items()),
        resolution=native_side(model), factor=latent_pixels(model), guidance=report["guidance"], steps=report["steps"],
        prompts=report["prompts_each"],
        shapes=", ".join(SHAPES), colours=", ".join(COLOURS), places="; ".join(forms[0].replace("{C} ",
        "") for forms in PLACES.values()),
        scores=_table(scores, second["scores"] if second else None, ceiling),
        second=SECOND.format(prompts=second["prompts_each"]) if second else "", seen=seen.strip() + "\n" * bool(seen),
        failures="\n".join(f"- {kind}: {n} of {asked}" for kind, n in sorted(kinds.items(),
        key=lambda item: -item[1])) or "- nothing",
        facts=", ".join(f"{fact} {share:.3f}" for fact, share in report["facts"].items()),
        pictures=f"{loop['shards'] * 1000:,}", captions=cache["captions"], last_seed=loop["shards"] * 1000 - 1,
        held_out=", ".join(f"{colour} {shape}" for shape, colour in sorted(HELD_OUT)),
        text_size=_size(model / "text_encoder"), vae_size=_size(model / "vae"), unet_size=_size(model / "unet"),
        text_steps=text["steps"], text_batch=text["batch"], text_right=f"{text['read_out']['seen']['all']:.3f}",
        latent_channels=state["shape"]["latent_channels"], vae_stages="; ".join(map(_stage, stages)),
        unet_steps=loop["step"], unet_samples=f"{loop['samples']:,}",
        unet_minutes=loop["seconds"] / 60,
        changes=_changes(checkpoint.read_log(run / "denoiser" / "recipes.jsonl")),
        dropout=recipe["dropout"], rate=recipe["rate"], loss=loop["loss"], seed=recipe["seed"],
        device=f"{recipe['processes']} CPU processes of one thread" if recipe["device"] == "cpu" else recipe["device"],
    )  # fmt: skip


def _table(scores: dict[str, float], second: dict[str, float] | None, ceiling: dict[str, float]) -> str:
    columns = {"score": scores, **({"second set": second} if second else {}), "the detector on true drawings": ceiling}
    lines = [f"| category | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(f'{column[name]:.3f}' for column in columns.values())} |" for name in scores]
    return "\n".join(lines)


def _changes(recipes: list[dict[str, Any]]) -> str:
    """What was decided while the run was under way, one sentence each."""
    said = []
    for before, after in itertools.pairwise(recipes):
        new = {
            name: value
            for name, value in after["recipe"].items()
            if value != before["recipe"].get(name) and name not in ("minutes", "steps", "processes", "save_minutes")
        }
        if new:
            said.append(
                f"From step {after['step']} on: {', '.join(f'{name} {value}' for name, value in new.items())}.\n"
            )
    return "".join(said)


def _kind(why: str) -> str:
    """Failures in four kinds: what the eye would say first."""
    if why.startswith("background"):
        return "another background"
    if "objects instead of" in why:
        return "too many or too few objects"
    if why.startswith("not "):
        return "right objects, wrong places"
    return "another shape or colour"


def _size(part: Path) -> str:
    return f"{sum(file.stat().st_size for file in part.glob('*.safetensors')) / 2e6:.2f} M"


def _stage(stage: dict[str, Any]) -> str:
    if "grown_to" in stage:
        return f"grown to {stage['grown_to']} pixels, latents {stage['deviation']:.1%} off the old ones"
    what = "decoder alone" if stage["decoder_only"] else "whole"
    gain = f"PSNR {stage['psnr_before']:.1f} to {stage['psnr_after']:.1f} dB"
    return f"{what} at {stage['resolution']} pixels: {stage['steps']} steps of {stage['batch']}, {gain}"
