"""Pictures of another size, by a Lanczos filter on the numbers as they are stored.

In linear light, where enlarging rings around dark edges, photographs and drawings both come out worse by a decibel or
two (docs/log/2026-11-21-enlarging.md).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def resample(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """`picture`: height x width x 3, or height x width. Of the very size, untouched."""
    if picture.shape[:2] == (height, width):
        return picture
    resized: Any = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized)
