"""Settings out of a picture, or out of the text that a picture carries, into the form.

Text is what AUTOMATIC1111 writes, and most tools after it; Easel's own pictures carry it as well.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from easel.artifacts.encode import SAMPLER_TITLES, SPACING_TITLES
from easel.artifacts.infotext import parse_infotext, read_embedded
from easel.catalogue.limits import MOST_SCALE, Limits, nearest_size
from easel.domain.errors import InvalidRequest
from easel.domain.prompt_tags import put_adapters, take_adapters
from easel.domain.request import AdapterUse, SecondPass
from easel.domain.sampling import Spacing
from easel.site.form import UPSCALES, PlaygroundForm
from easel.site.words import number

NOTHING: Final = "carries no settings. Pictures drawn here and by most other tools do, unless a site has removed them"

SAMPLERS: Final[dict[str, str]] = {title.lower(): sampler.value for sampler, title in SAMPLER_TITLES.items()}
SPACINGS: Final[dict[str, str]] = {title.lower(): spacing.value for spacing, title in SPACING_TITLES.items() if title}

SIZE: Final = re.compile("([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")

NUMBERS: Final = {
    "Steps": "steps",
    "CFG scale": "guidance",
    "Seed": "seed",
    "Clip skip": "clip_skip",
    "Denoising strength": "strength",
    "Mask blur": "soft_edge",
}


@dataclass(frozen=True)
class Restored:
    form: PlaygroundForm
    notes: tuple[str, ...]
    """What could not be taken over, in sentences."""


def text_in(data: bytes) -> str:
    """The settings that a picture carries. Raises InvalidRequest naming `settings`."""
    text = read_embedded(data, "settings").infotext
    if not text.strip():
        raise InvalidRequest("settings", f"settings {NOTHING}")
    return text


def restored(text: str, model_names: Collection[str], loras: Collection[str], limits: Limits) -> Restored:
    """`model_names` are those of the model whose page it is, `loras` those that can be chosen on it.

    Raises InvalidRequest naming `settings` for a text that has no settings.
    """
    found = parse_infotext(text)
    if not found.settings:
        raise InvalidRequest("settings", f"settings {NOTHING}")
    said, notes = found.settings, list[str]()
    prompt, uses = _adapters(found.prompt, loras, notes)
    sampler, spacing = _sampling(said.get("Sampler", ""), said.get("Schedule type", ""), notes)
    size, again = _passes(said, limits, notes)
    # Of two passes it is the second one's.
    numbers = {name: field for name, field in NUMBERS.items() if not (again and field == "strength")}
    model = said.get("Model", "")
    if model and model.lower() not in {name.lower() for name in model_names}:
        notes.append(f"It was drawn with {model[:100]}; here the same settings draw another picture.")
    form = PlaygroundForm(
        prompt=prompt,
        negative_prompt=found.negative_prompt,
        lora=[use.model_id for use in uses],
        lora_strength=[number(use.strength) for use in uses],
        size=_size(size, limits, notes),
        sampler=sampler,
        spacing=spacing,
        second_pass=again,
        upscale=_upscale(said.get("Postprocess upscale by", ""), notes),
        **{field: said[name] for name, field in numbers.items() if _is_number(said.get(name, ""))},
    )
    return Restored(form, tuple(notes))


def _adapters(prompt: str, loras: Collection[str], notes: list[str]) -> tuple[str, list[AdapterUse]]:
    try:
        without, uses = take_adapters(prompt)
    except InvalidRequest:
        return prompt, []
    here = [use for use in uses if use.model_id in loras and use.text_strength is None]
    tagged = tuple(use for use in uses if use.model_id in loras and use not in here)
    missing = [use.model_id for use in uses if use.model_id not in loras]
    if missing:
        notes.append(f"Left out, because they are not here for this model: {', '.join(missing)}.")
    return put_adapters(without, tagged), here


def _sampling(sampler: str, spacing: str, notes: list[str]) -> tuple[str, str]:
    """Older texts name both as one: `DPM++ 2M Karras`."""
    name, wanted = sampler.lower(), spacing.lower()
    for title in SPACINGS:
        if name.endswith(f" {title}") and name not in SAMPLERS:
            name, wanted = name.removesuffix(f" {title}"), title
    if name and name not in SAMPLERS:
        notes.append(f"The sampler {sampler[:60]} is not known here; the model's own is chosen.")
    if wanted in ("", "automatic"):
        return SAMPLERS.get(name, ""), Spacing.MODEL.value
    if wanted not in SPACINGS:
        notes.append(f"The spacing {spacing[:60]} is not known here; the model's own is chosen.")
    return SAMPLERS.get(name, ""), SPACINGS.get(wanted, "")


def _passes(said: Mapping[str, str], limits: Limits, notes: list[str]) -> tuple[str, str]:
    """The size that comes of all passes, and whether there is a second one. The text says how large the first was."""
    first, scale = said.get("Size", "").strip(), said.get("Hires upscale", "")
    sides = SIZE.fullmatch(first)
    if not sides or not _is_number(scale) or not 1 <= float(scale) <= MOST_SCALE:
        return first, ""
    usual = SecondPass()
    last = [round(int(side) * float(scale)) for side in sides.groups()]
    half = "x".join(map(str, nearest_size(limits, *(max(1, round(side / usual.scale)) for side in last))))
    strength, steps = said.get("Denoising strength", ""), said.get("Hires steps", "0")
    as_strong = not _is_number(strength) or float(strength) == usual.strength
    if half != first or not as_strong or steps not in ("0", said.get("Steps")):
        notes.append("Its second pass was another than the one here, which begins at half the size.")
    return "x".join(map(str, last)), "yes"


def _upscale(said: str, notes: list[str]) -> str:
    if not _is_number(said) or float(said) == 1:
        return ""
    times = number(float(said))
    if times not in UPSCALES:
        notes.append(f"It was enlarged {times} times afterwards, which cannot be chosen here.")
        return ""
    return times


def _size(said: str, limits: Limits, notes: list[str]) -> str:
    found = SIZE.fullmatch(said)
    if not found:
        return ""
    width, height = nearest_size(limits, int(found[1]), int(found[2]))
    if f"{width}x{height}" != said:
        notes.append(f"Its size, {said}, is none of this model's; {width}x{height} is the nearest.")
    return f"{width}x{height}"


def _is_number(said: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,20}(\.[0-9]{1,10})?", said.strip()) is not None
