"""What becomes of a picture when it is drawn, checked: how it is enlarged. Pure."""

from typing import Final

from easel.catalogue.sources import Size
from easel.domain.errors import InvalidRequest
from easel.domain.request import Extras

MOST_UPSCALE: Final = 4
LARGEST_OUTPUT: Final = 4096
"""Pixels along a side of what is delivered."""


def check_finishing(extras: Extras, drawn: Size) -> None:
    """Raises InvalidRequest naming the field. `drawn` is what the model draws in the end."""
    if not 1 <= extras.upscale <= MOST_UPSCALE:
        raise InvalidRequest("upscale", f"upscale must be between 1 and {MOST_UPSCALE}")
    if (extras.output_width is None) != (extras.output_height is None):
        raise InvalidRequest("output_width", "output_width and output_height go together: send both")
    output = (extras.output_width, extras.output_height)
    largest = max(*(side * extras.upscale for side in drawn), *(side or 1 for side in output))
    if largest > LARGEST_OUTPUT:
        raise InvalidRequest(
            "upscale", f"The picture would be {largest} pixels along a side; {LARGEST_OUTPUT} are the most"
        )
    if min(side or 1 for side in output) < 1:
        raise InvalidRequest("output_width", "output_width and output_height must be 1 or more")
