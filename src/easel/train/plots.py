"""What a run leaves for the eye: a grid of samples and a plot of the loss."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from easel.train.checkpoint import read_log
from easel.train.drawing import Draw

# Always the same prompts, so that grids of different checkpoints can be laid side by side. The first two are what the
# documentation asks for; a green heart was never drawn in training.
PROMPTS: Final = (
    "three red stars on a blue background", "a large green heart above a small black ring", "a yellow circle",
    "A BLUE SQUARE",
    "a red triangle on a green background", "four orange hexagons", "two purple crosses on white",
    "a pink ring on a black background",
    "a small brown star", "a red circle to the left of a blue square",
    "a yellow star above a gray triangle on a purple background",
    "a white heart on a red background", "a house with red walls", "mountains at sunset",
    "a sailboat with yellow sails",
    "a night sky with moon and stars", "a purple circle", "an orange square and a blue star",
    "green tree in a field", "3 tiny white discs on black",
)  # fmt: skip


def grid(pictures: list[np.ndarray], captions: list[str], path: Path, columns: int = 5) -> None:
    """Pictures in rows, each with the start of its caption above it."""
    height, width = pictures[0].shape[:2]
    line = 12
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + 4), rows * (height + line + 4)), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (picture, text) in enumerate(zip(pictures, captions, strict=True)):
        x, y = (i % columns) * (width + 4), (i // columns) * (height + line + 4)
        pen.text((x + 1, y), text[: width // 6], fill="black")
        sheet.paste(Image.fromarray(picture), (x, y + line))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def samples(draw: Draw, path: Path, seeds: int = 2) -> None:
    """PROMPTS, each with the first few seeds."""
    texts = [text for text in PROMPTS for _ in range(seeds)]
    numbers = [seed for _ in PROMPTS for seed in range(seeds)]
    pictures = [p for i in range(0, len(texts), 10) for p in draw(texts[i : i + 10], numbers[i : i + 10])]
    grid(pictures, texts, path, columns=4 * seeds)


def loss(run: Path, path: Path) -> None:
    """The smoothed loss over the samples seen, and the scores where there are any."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    events = read_log(run / "log.jsonl")
    figure, axes = pyplot.subplots(figsize=(7, 4))
    axes.plot([e["samples"] for e in events], [e["smooth"] for e in events])
    axes.set_xlabel("samples")
    axes.set_ylabel("v-MSE, smoothed")
    axes.set_yscale("log")
    axes.grid(True, which="both", alpha=0.3)
    scores = read_log(run / "scores.jsonl")
    if scores:
        right = axes.twinx()
        right.set_ylim(0, 1)
        right.set_ylabel("score, strictly judged")
        for prompts, mark in (("first", "o-"), ("second", "s--")):
            points = [(e["samples"], e["overall"]) for e in scores if e["prompts"] == prompts]
            if points:
                right.plot(*zip(*points, strict=True), mark, color="tab:red", label=f"{prompts} set of prompts")
        right.legend(loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
