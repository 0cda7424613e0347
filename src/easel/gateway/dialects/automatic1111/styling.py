"""Prompt styles: A1111's are a file of its owner's, here they are the installation's own, those of enhance_style."""

from collections.abc import Sequence
from typing import Any

from easel.gateway.dialects.automatic1111.schemas import Drawing
from easel.wording.styles import Style, styles

NO_STYLE = ("", "none")


def styled(asked: Drawing) -> tuple[str, str]:
    """Prompt and negative prompt with the styles that were asked for, one after the other."""
    prompt, negative_prompt = asked.prompt, asked.negative_prompt
    for name in asked.styles:
        if style := _named(name):
            prompt, negative_prompt = style.applied(prompt, negative_prompt)
    return prompt, negative_prompt


def unknown_styles(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.lower() not in NO_STYLE and _named(name) is None]


def listed_styles() -> list[dict[str, Any]]:
    return [
        {"name": name, "prompt": style.prompt, "negative_prompt": style.negative}
        for name, style in styles().by_name.items()
    ]


def _named(name: str) -> Style | None:
    return styles().by_name.get("-".join(name.lower().replace("_", " ").split()))
