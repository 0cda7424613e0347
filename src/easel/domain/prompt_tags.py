"""Tags in a prompt, `<name:arguments>`: what the field writes beside the words. They are never encoded.

`<lora:style:0.8>` asks for an adapter of the catalogue at a strength; `<lora:style:unet=0.8:te=0.5>` at one on the
network and another on the text encoder. Without names the places are AUTOMATIC1111's: the first number is the text
encoder's and, where no second is given, the network's as well.
"""

import re
from dataclasses import dataclass

from easel.domain.errors import InvalidRequest
from easel.domain.request import AdapterUse

_TAG = re.compile(r"<(\w+):([^>]+)>")


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    arguments: str

    def __str__(self) -> str:
        return f"<{self.name}:{self.arguments}>"


def take_adapters(prompt: str) -> tuple[str, tuple[AdapterUse, ...]]:
    """The prompt without its `<lora:...>` tags, and what they ask for. Raises InvalidRequest, quoting a broken tag."""
    prompt, tags = _take(prompt, "lora")
    return prompt, tuple(_adapter(tag) for tag in tags)


def take_tags(text: str) -> tuple[str, tuple[Tag, ...]]:
    """The text without any tag, and the tags."""
    return _take(text, None)


def put_adapters(prompt: str, adapters: tuple[AdapterUse, ...]) -> str:
    """The prompt with a tag for each adapter at its end: what `take_adapters` reads back."""
    return " ".join([prompt, *(_written(use) for use in adapters)])


def _take(text: str, name: str | None) -> tuple[str, tuple[Tag, ...]]:
    tags = tuple(Tag(found[1], found[2]) for found in _TAG.finditer(text) if name in (None, found[1]))
    if not tags:
        return text, ()
    without = _TAG.sub(lambda found: "" if name in (None, found[1]) else found[0], text)
    return without.strip(), tags


def _adapter(tag: Tag) -> AdapterUse:
    model_id, *rest = (argument.strip() for argument in tag.arguments.split(":"))
    placed = [argument for argument in rest if "=" not in argument]
    named = dict(argument.split("=", 1) for argument in rest if "=" in argument)
    if not model_id or len(placed) > 2 or not set(named) <= {"te", "unet"}:
        raise _broken(tag)
    on_text = _number(tag, named.get("te", placed[0] if placed else "1"))
    said = named.get("unet", placed[1] if len(placed) > 1 else None)
    on_network = on_text if said is None else _number(tag, said)
    return AdapterUse(model_id, on_network, None if on_text == on_network else on_text)


def _number(tag: Tag, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _broken(tag) from None


def _broken(tag: Tag) -> InvalidRequest:
    return InvalidRequest(
        "prompt", f"{tag} cannot be read; write <lora:NAME:0.8>, or <lora:NAME:unet=0.8:te=0.5> for two strengths"
    )


def _written(use: AdapterUse) -> str:
    if use.text_strength is None:
        return f"<lora:{use.model_id}:{use.strength:.10g}>"
    return f"<lora:{use.model_id}:unet={use.strength:.10g}:te={use.text_strength:.10g}>"
