"""Prompts made richer: `enhance_prompt` and `enhance_style`, by templates that stand in styles.toml.

What comes out is the request's prompt from then on: it is drawn, shown in answers and written into pictures.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Final, Self

from easel.domain.errors import InvalidRequest

PLACE: Final = "{prompt}"
NAMES_A_PHOTOGRAPH: Final = re.compile(r"\b(photo\w*|selfie|dslr|\d+ ?mm|film still|portrait of)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Style:
    prompt: str
    """With PLACE where what was asked for goes."""
    negative: str

    def applied(self, prompt: str, negative_prompt: str) -> tuple[str, str]:
        """The prompt in its place, and the negative prompts one after the other."""
        return self.prompt.replace(PLACE, prompt), ", ".join(text for text in (negative_prompt, self.negative) if text)


@dataclass(frozen=True, slots=True)
class Styles:
    by_name: Mapping[str, Style]
    photograph: Style
    """For a prompt that names one, where no style was asked for."""
    picture: Style
    """For any other."""

    @classmethod
    def read(cls) -> Self:
        """Raises KeyError or ValueError where the file is wrong."""
        tables = tomllib.loads((resources.files("easel.wording") / "styles.toml").read_text("utf-8"))
        own = {name: Style(**texts) for name, texts in tables["enhance"].items()}
        return cls({name: Style(**texts) for name, texts in tables["style"].items()}, own["photograph"], own["picture"])


styles = cache(Styles.read)


def style_named(name: str) -> Style:
    """Raises InvalidRequest, naming `enhance_style`, with the names that are most like it."""
    known = styles().by_name
    asked = re.sub(r"[\s_]+", "-", name.strip().lower())
    if asked in known:
        return known[asked]
    like = get_close_matches(asked, known, n=3, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(like)}?" if like else "leave it out, or send one like enhance, cinematic or anime."
    )
    raise InvalidRequest("enhance_style", f"enhance_style {name} is not known; {hint}")


def enhanced(prompt: str, negative_prompt: str, *, style: str | None) -> tuple[str, str]:
    """The prompt and the negative prompt, in that style or merely made richer. Raises InvalidRequest for no style."""
    if style is not None:
        return style_named(style).applied(prompt, negative_prompt)
    plain = styles().photograph if NAMES_A_PHOTOGRAPH.search(prompt) else styles().picture
    return plain.applied(prompt, negative_prompt)
