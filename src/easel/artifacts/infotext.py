"""The `parameters` text of a picture read back: the counterpart of encode.py, for pictures of any tool that writes it.

Prompt, then a line that begins "Negative prompt:", then one line of settings, `Name: value, Name: "quoted, value"`.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from PIL import Image

from easel.artifacts.encode import EXIF_IFD, USER_COMMENT
from easel.artifacts.reading import READERS
from easel.domain.errors import InvalidRequest

NEGATIVE: Final = "Negative prompt:"
FEWEST_SETTINGS: Final = 3
"""A last line with fewer of them is a line of the prompt."""

_SETTING: Final = re.compile(r'\s*([^:,"]{1,80}?)\s*:\s*("(?:[^"\\]|\\.)*"|[^,]*)\s*(?:,|$)')
_CODE: Final = 8
"""Bytes before an EXIF comment that name its characters."""


@dataclass(frozen=True, slots=True)
class Infotext:
    prompt: str = ""
    negative_prompt: str = ""
    settings: dict[str, str] = field(default_factory=dict[str, str])
    """By the names that the text has for them; quotes are undone."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a picture's file says beside its pixels."""

    infotext: str
    """Empty where there is none."""
    others: dict[str, str]


def read_embedded(data: bytes, field: str) -> Embedded:
    """Raises InvalidRequest naming `field` for what is no picture. Decodes no pixels."""
    try:
        with Image.open(io.BytesIO(data), formats=tuple(READERS)) as picture:
            if picture.format == "PNG":
                # Texts may stand behind the pixels.
                picture.load()
            others = {str(name): text for name, text in picture.info.items() if isinstance(text, str)}
            infotext = others.pop("parameters", None) or _comment(picture)
    except Exception:
        raise InvalidRequest(field, f"{field} is no picture that can be read: send PNG, JPEG or WebP") from None
    return Embedded(infotext, others)


def parse_infotext(text: str) -> Infotext:
    """There is no text that it cannot read: what is no settings line is prompt."""
    lines = text.strip().split("\n")
    settings = dict(_settings(lines[-1]))
    if len(settings) < FEWEST_SETTINGS:
        settings = {}
    else:
        lines.pop()
    start = next((number for number, line in enumerate(lines) if line.startswith(NEGATIVE)), len(lines))
    negative = "\n".join(lines[start:]).removeprefix(NEGATIVE)
    return Infotext("\n".join(lines[:start]).strip(), negative.strip(), settings)


def _settings(line: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(line) and (found := _SETTING.match(line, place)):
        yield found[1], _unquoted(found[2])
        place = found.end()


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value.strip()
    try:
        return str(json.loads(value))
    except ValueError:
        return value


def _comment(picture: Image.Image) -> str:
    """Of JPEG and WebP: the EXIF comment, in UTF-16 of either order, or in plain bytes."""
    said = picture.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    if not isinstance(said, bytes):
        return said if isinstance(said, str) else ""
    code, text = said[:_CODE], said[_CODE:]
    if not code.startswith(b"UNICODE"):
        return text.decode("utf-8", "replace")
    # Most texts begin with an ASCII character, whose zero byte says which order it is.
    return text.decode("utf-16-le" if text[1:2] == b"\0" else "utf-16-be", "replace")
