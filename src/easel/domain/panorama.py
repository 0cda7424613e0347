"""The windows that a panorama is drawn in: one idea of them for the engine, the prices and the shares."""

from typing import Final

STRIDES: Final = 8
"""Windows overlap by all but an eighth, as in MultiDiffusion (Bar-Tal et al., arXiv:2302.08113)."""


def starts(length: int, window: int) -> list[int]:
    """Where the windows along a side begin. The last ends where the side does; one is enough for what is no longer."""
    last = length - window
    if last <= 0:
        return [0]
    stride = max(1, window // STRIDES)
    return [*range(0, last, stride), last]


def windows(width: int, height: int, window: int | None) -> int:
    """How many there are of `window` pixels along a side; 1 for a picture that is drawn as a whole."""
    return 1 if window is None else len(starts(width, window)) * len(starts(height, window))


def seen(width: int, height: int, window: int | None) -> int:
    """Pixels that a network sees for one row of such a picture, all windows together."""
    if window is None:
        return width * height
    return windows(width, height, window) * min(width, window) * min(height, window)
