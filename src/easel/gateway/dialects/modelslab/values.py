"""How one value of the wire is read.

Numbers come as numbers or as text, switches as yes and no or as booleans, nothing comes in several spellings. Each
parser takes a value that is set (see `is_unset`) and raises ValueError with the end of a sentence that begins with the
field's name.
"""

import math
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

NOTHING: Final = frozenset({"", "null", "none", "undefined"})
ON: Final = frozenset({"yes", "true", "on", "1"})
OFF: Final = frozenset({"no", "false", "off", "0"})

LARGEST_WHOLE: Final = 2**63 - 1
LONGEST_NUMBER: Final = 40

_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
_SHAPE: Final = re.compile("(?P<across>[1-9][0-9]?)[:/x](?P<down>[1-9][0-9]?)")
_NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")


def is_unset(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().casefold() in NOTHING)


def without_unset(fields: Mapping[str, object]) -> dict[str, object]:
    """A field that is sent as nothing is as good as left out."""
    return {name: value for name, value in fields.items() if not is_unset(value)}


def number(value: object) -> float:
    """7, 7.5, "7.5" and "1e1", but not NaN, not Infinity and not true."""
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise ValueError("must be a number, like 7.5")
    return float(value)


def whole(value: object) -> int:
    """512, 512.0 and "512", but not 512.5."""
    if isinstance(value, int) and not isinstance(value, bool):
        exact = value
    else:
        try:
            wide = number(value)
        except ValueError:
            wide = math.nan
        if not wide.is_integer():
            raise ValueError("must be a whole number, like 512")
        exact = int(value) if isinstance(value, str) and value.strip().lstrip("+-").isdecimal() else int(wide)
    if abs(exact) > LARGEST_WHOLE:
        raise ValueError("is too large a number")
    return exact


def switch(value: object) -> bool:
    """yes, true, on and 1, or no, false, off and 0."""
    spelling = str(value).strip().casefold() if isinstance(value, str | bool | int) else ""
    if spelling in ON:
        return True
    if spelling in OFF:
        return False
    raise ValueError("must be yes or no")


def factor(value: object) -> float:
    """How much larger: no is once, yes is twice, or a number from 1 to 3."""
    try:
        return 2.0 if switch(value) and str(value).strip() != "1" else 1.0
    except ValueError:
        times = number(value)
    if not 1 <= times <= 3:
        raise ValueError("must be no, yes, or a number from 1 to 3")
    return times


def shape(value: object) -> tuple[int, int]:
    """16:9, and 16/9 or 16x9."""
    found = _SHAPE.fullmatch(text(value).strip())
    if not found:
        raise ValueError("must be a shape, like 16:9")
    return int(found["across"]), int(found["down"])


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if _NO_TEXT.search(value):
        raise ValueError("holds a character that is no text; remove NUL and half of a surrogate pair")
    return value


def name(value: object) -> str:
    """An id of something: text, or a number that is one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return _short(text(value).strip())


def names(value: object) -> list[str]:
    """Ids with commas between them, or a list of ids."""
    parts = value if isinstance(value, list) else text(value).split(",")
    return [name(part) for part in parts if not is_unset(part)]


def strengths(value: object) -> list[float]:
    """Numbers with commas between them, a list of them, or a single one; what is empty between commas is 1."""
    if isinstance(value, str) and "," in value:
        value = [part.strip() for part in value.split(",")]
    parts = value if isinstance(value, list) else [value]
    try:
        return [1.0 if is_unset(part) else number(part) for part in parts]
    except ValueError:
        raise ValueError("must be a number, like 0.8, or several with commas between them") from None


def images(value: object) -> list[str | bytes]:
    """Pictures as they were sent: addresses, base64 text or the bytes of uploaded files; one, or a list of them."""
    pictures = [one for one in (value if isinstance(value, list) else [value]) if not is_unset(one)]
    if not pictures or not all(isinstance(one, str | bytes) for one in pictures):
        raise ValueError("must be an address, or a picture as base64 text")
    return [one.strip() if isinstance(one, str) else one for one in pictures if isinstance(one, str | bytes)]


def label(value: object) -> str | int:
    """What the client wants to hear again as it was said: text or a whole number."""
    return whole(value) if isinstance(value, int | float) else _short(text(value))


def web_address(value: object) -> str | None:
    """An http address; "0" is one of the spellings of none."""
    address = text(value).strip()
    if address == "0":
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or len(address) > 2000:
        raise ValueError("must be an address that begins with https:// or http://")
    return address


def _short(text: str) -> str:
    if len(text) > 200:
        raise ValueError("must be at most 200 characters long")
    return text


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
