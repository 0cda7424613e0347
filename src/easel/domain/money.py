"""Money is an integer number of micro-dollars: $0.0047 is 4700."""

from decimal import Decimal, InvalidOperation
from typing import NewType

from easel.domain.errors import InvalidRequest

Micros = NewType("Micros", int)

MICROS_PER_DOLLAR = 1_000_000


def micros_from_dollars(text: str) -> Micros:
    """`"0.0047"` -> 4700. Raises ValueError for what is no whole number of micro-dollars."""
    try:
        amount = Decimal(text) * MICROS_PER_DOLLAR
    except InvalidOperation:
        raise ValueError(f"{text!r} is no amount of dollars; write it like 10 or 0.0047") from None
    if not amount.is_finite() or amount != amount.to_integral_value():
        raise ValueError(f"{text!r} is no whole number of micro-dollars; use at most six decimal places")
    return Micros(int(amount))


def read_dollars(text: str, field: str = "dollars") -> Micros:
    """An amount as a person types it, with or without the sign. Raises InvalidRequest about `field`."""
    try:
        return micros_from_dollars(text.strip().removeprefix("$"))
    except ValueError as error:
        raise InvalidRequest(field, str(error)) from None


def dollars(amount: Micros | int) -> Decimal:
    return Decimal(amount) / MICROS_PER_DOLLAR


def format_dollars(amount: Micros | int) -> str:
    """4700 -> `$0.0047`, 10_000_000 -> `$10.00`: at least two decimals, never more than needed."""
    sign = "-" if amount < 0 else ""
    whole, fraction = divmod(abs(amount), MICROS_PER_DOLLAR)
    digits = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole:,}.{digits}"
