"""A classical detector: which objects, of which shape and colour, on which background?

Background from the border, foreground by distance in CIE Lab, connected components, the nearest palette colour of each
component, and its shape by a small classifier of normalised masks that is trained on drawings in a few seconds. It
shares nothing with the model it judges.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import skia
import torch
import torch.nn.functional as F

from easel.train.world import PALETTE, SHAPES, outline

MASK: Final = 24  # side of a normalised mask
FOREGROUND: Final = 22.0  # CIE76 distance from the background
SPECK: Final = 0.0015  # components smaller than this share of the picture are dust
SURE: Final = 0.6  # below this probability a shape is not counted as any


@dataclass(frozen=True)
class Found:
    shape: str | None  # None: none of the eight
    colour: str | None  # None: of several colours
    x: float  # centre, as a share of the width
    y: float
    area: float  # share of the picture


@dataclass(frozen=True)
class Detection:
    background: str | None
    objects: tuple[Found, ...]


def lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB bytes to CIE Lab (D65)."""
    linear = rgb.astype(np.float64) / 255
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    scaled = xyz / np.array([0.95047, 1.0, 1.08883])
    f = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


@cache
def _palette() -> np.ndarray:
    return lab(np.array(list(PALETTE.values()), np.uint8))


def nearest(colours: np.ndarray) -> np.ndarray:
    """Index of the nearest palette colour for each Lab colour."""
    return np.linalg.norm(colours[..., None, :] - _palette(), axis=-1).argmin(-1)


def components(mask: np.ndarray) -> list[np.ndarray]:
    """Connected parts (over edges and corners): every pixel takes the largest label around it until nothing changes."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(labels, 1)
        rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
        grown = np.where(mask, np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]), 0)
        if np.array_equal(grown, labels):
            return [labels == label for label in np.unique(labels) if label]
        labels = grown


def detect(picture: np.ndarray) -> Detection:
    """What an RGB picture of bytes shows."""
    pixels = lab(picture)
    border = np.concatenate(
        [
            pixels[:2].reshape(-1, 3),
            pixels[-2:].reshape(-1, 3),
            pixels[:, :2].reshape(-1, 3),
            pixels[:, -2:].reshape(-1, 3),
        ]
    )
    behind = np.median(border, 0)
    names = list(PALETTE)
    steady = (np.linalg.norm(border - behind, axis=-1) < FOREGROUND).mean() > 0.9
    background = names[int(nearest(behind))] if steady else None
    foreground = np.linalg.norm(pixels - behind, axis=-1) > FOREGROUND
    parts = [part for part in components(foreground) if part.mean() > SPECK]
    shapes = classify([normalised(part) for part in parts])
    objects = []
    for part, shape in zip(parts, shapes, strict=True):
        inside = part & _inner(part)
        votes = np.bincount(nearest(pixels[inside if inside.sum() > 10 else part]), minlength=len(names))
        colour = names[int(votes.argmax())] if votes.max() > 0.75 * votes.sum() else None
        y, x = (axis.mean() / side for axis, side in zip(np.nonzero(part), part.shape, strict=True))
        objects.append(Found(shape, colour, float(x), float(y), float(part.mean())))
    return Detection(background, tuple(objects))


def _inner(part: np.ndarray) -> np.ndarray:
    """Away from the rim, where two colours blend."""
    padded = np.pad(part, 1)
    return padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def normalised(part: np.ndarray) -> np.ndarray:
    """The mask's bounding square, scaled to MASK x MASK."""
    rows, columns = np.nonzero(part)
    top, left = rows.min(), columns.min()
    cut = part[top : rows.max() + 1, left : columns.max() + 1].astype(np.float32)
    side = max(cut.shape)
    square = np.zeros((side, side), np.float32)
    y, x = (side - cut.shape[0]) // 2, (side - cut.shape[1]) // 2
    square[y : y + cut.shape[0], x : x + cut.shape[1]] = cut
    scaled = F.interpolate(
        torch.from_numpy(square)[None, None], (MASK, MASK), mode="bilinear", antialias=True, align_corners=False
    )
    return scaled[0, 0].numpy()


def classify(masks: list[np.ndarray]) -> list[str | None]:
    if not masks:
        return []
    with torch.no_grad():
        sure, best = _classifier()(torch.from_numpy(np.stack(masks)).flatten(1)).softmax(1).max(1)
    return [SHAPES[int(i)] if p > SURE else None for p, i in zip(sure, best, strict=True)]


@cache
def _classifier() -> torch.nn.Module:
    """Two layers, trained on masks of drawn shapes of 10 to 50 pixels radius, turned and stretched a little."""
    rng = np.random.default_rng(0)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        network = torch.nn.Sequential(
            torch.nn.Linear(MASK * MASK, 96), torch.nn.ReLU(), torch.nn.Linear(96, len(SHAPES))
        )
        labels = rng.integers(0, len(SHAPES), 4000)
        masks = torch.from_numpy(np.stack([_sample(SHAPES[i], rng) for i in labels])).flatten(1)
        optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)
        for _ in range(12):
            for rows in torch.randperm(len(masks)).split(64):
                noisy = masks[rows] + 0.1 * torch.randn(len(rows), masks.shape[1])
                F.cross_entropy(network(noisy), torch.from_numpy(labels)[rows]).backward()
                optimizer.step()
                optimizer.zero_grad()
    return network.eval()


def _sample(shape: str, rng: np.random.Generator) -> np.ndarray:
    pixels = np.zeros((128, 128, 4), np.uint8)
    info = skia.ImageInfo.Make(128, 128, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    canvas = skia.Surface.MakeRasterDirect(info, pixels).getCanvas()
    radius = float(np.exp(rng.uniform(np.log(10), np.log(48))))
    canvas.translate(64 + rng.uniform(-3, 3), 64 + rng.uniform(-3, 3))
    canvas.rotate(rng.uniform(-14, 14))
    canvas.scale(radius * rng.uniform(0.94, 1.06), radius * rng.uniform(0.94, 1.06))
    canvas.drawPath(outline(shape), skia.Paint(AntiAlias=True, Color=skia.ColorWHITE))
    # Not always cut in the middle of the edge: a foreground threshold cuts nearer to the background.
    return normalised(pixels[:, :, 0] > rng.uniform(40, 180))
