"""The pixels that an inpainted picture keeps. numpy alone."""

import numpy as np

from easel.engine.request import Pixels


def paste(drawn: Pixels, kept: Pixels, mask: Pixels) -> Pixels:
    """`drawn` where the mask is 255, `kept` where it is 0, bit for bit; mixed in proportion between them."""
    share = mask[:, :, None].astype(np.uint32)
    mixed = share * drawn + (255 - share) * kept
    return ((mixed + 127) // 255).astype(np.uint8)
