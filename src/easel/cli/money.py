"""An amount of money as a person types it."""

from easel.domain.errors import InvalidRequest
from easel.domain.money import Micros, micros_from_dollars


def read_dollars(text: str) -> Micros:
    """Raises InvalidRequest, with a sentence, for what is no amount."""
    try:
        return micros_from_dollars(text)
    except ValueError as error:
        raise InvalidRequest("dollars", str(error)) from None
