"""The playground's form: read from a browser, shown again as it was typed."""

from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Final, Literal, Self, TypeAlias, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, TypeAdapter

from easel.catalogue.limits import Defaults
from easel.domain.errors import InvalidRequest
from easel.domain.prompt_tags import put_adapters
from easel.domain.request import AdapterUse, Extras, GenerationDraft, GenerationRequest, Replacement, SecondPass
from easel.domain.sampling import Sampler, Spacing
from easel.site.words import number

Value = TypeVar("Value")
Format: TypeAlias = Literal["png", "jpeg", "webp"]

LIKE_THE_PICTURE: Final = "picture"
CUSTOM: Final = "custom"
"""Sizes that are no pair of numbers: the picture's that is begun from, and what stands in `width` and `height`."""

AUTOMATIC: Final = "auto"
"""The style that goes with the prompt."""

FORMATS: Final = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
UPSCALES: Final = {"1": "No", "2": "2 times", "3": "3 times"}
PASSES: Final = {"": "No", "yes": "Yes"}
SAFETY: Final = {
    "": "Off",
    "sensitive_content_text": "Replace by a notice",
    "blur": "Blur",
    "pixelate": "Pixelate",
    "black": "Black out",
}
"""What becomes of a picture that is not fit to be seen; nobody looks where it is off."""

LABELS: Final = {
    "prompt": "Prompt",
    "negative_prompt": "Negative prompt",
    "lora": "LoRA",
    "size": "Size",
    "steps": "Steps",
    "guidance": "Guidance",
    "sampler": "Sampler",
    "spacing": "Spacing",
    "seed": "Seed",
    "samples": "Pictures",
    "clip_skip": "Clip skip",
    "style": "Enhancement",
    "second_pass": "Second pass",
    "upscale": "Enlarge",
    "safety": "Safety check",
    "format": "File format",
    "picture": "The picture",
    "mask": "The mask",
    "strength": "Change",
    "soft_edge": "Soft edge",
    "settings": "The picture",
}
# Refusals name fields as the API does.
FIELDS: Final = {
    "width": "size",
    "height": "size",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "lora_model": "lora",
    "lora_strength": "lora",
    "enhance_style": "style",
    "highres_fix": "second_pass",
    "init_image": "picture",
    "mask_image": "mask",
    "mask_blur": "soft_edge",
}

CHOSEN: Final = "one of those that can be chosen"
_SAFETY: Final = TypeAdapter[Replacement](Replacement)
_FORMAT: Final = TypeAdapter[Format](Format)
_PASS: Final = TypeAdapter[Literal["yes"]](Literal["yes"])


class PlaygroundForm(BaseModel):
    """Everything as text, because what was typed wrongly must be shown again too."""

    csrf: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    base: str = ""
    """The checkpoint that draws; empty for what the page itself draws with."""
    lora: list[str] = []
    lora_strength: list[str] = []
    size: str = ""
    width: str = ""
    height: str = ""
    steps: str = ""
    guidance: str = ""
    sampler: str = ""
    spacing: str = ""
    seed: str = ""
    samples: str = ""
    clip_skip: str = ""
    style: str = ""
    """Of the prompt's enhancement; empty for none."""
    second_pass: str = ""
    """Whether it is drawn small, enlarged, and drawn again from there; the size is what comes of it."""
    upscale: str = ""
    safety: str = ""
    """What takes the place of a picture that is not fit to be seen; empty does not look."""
    format: str = ""
    picture: str = ""
    """To begin from: a stored input's key, or `1234.0` for a picture of an earlier generation (site/beginnings.py)."""
    mask: str = ""
    strength: str = ""
    soft_edge: str = ""

    @classmethod
    def of(cls, said: Iterable[tuple[str, str]]) -> Self:
        """From a form or an address; of a name that is said again the last counts, but for the LoRAs."""
        pairs = list(said)
        several = {name: [value for key, value in pairs if key == name] for name in ("lora", "lora_strength")}
        return cls.model_validate({**dict(pairs), **several})

    def draft(self, model_id: str) -> GenerationDraft:
        """Raises InvalidRequest for a field that is no number; whether it fits the model is the catalogue's to say."""
        width, height = self._size()
        samples = _read("samples", self.samples, int, "a whole number, like 1")
        return GenerationDraft(
            model_id=self.base or model_id,
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            width=width,
            height=height,
            samples=1 if samples is None else samples,
            steps=_read("steps", self.steps, int, "a whole number, like 25"),
            guidance=_read("guidance", self.guidance, float, "a number, like 4 or 7.5"),
            seed=_read("seed", self.seed, int, "a whole number, or empty for a random one"),
            sampler=_read("sampler", self.sampler, Sampler, CHOSEN),
            spacing=_read("spacing", self.spacing, Spacing, CHOSEN),
            extras=self._extras(),
            enhance=bool(self.style),
            style=self.style if self.style not in ("", AUTOMATIC) else None,
        )

    def filled(self, defaults: Defaults) -> Self:
        """What was left out, from the model's defaults; an empty seed stays empty, it means a random one."""
        said = {name: value for name, value in self.model_dump().items() if value}
        usual = {
            "size": f"{defaults.width}x{defaults.height}",
            "steps": str(defaults.steps),
            "guidance": number(defaults.guidance),
            "sampler": defaults.sampler.value,
            "spacing": defaults.spacing.value,
            "samples": "1",
            "clip_skip": "1",
            "upscale": "1",
            "format": "png",
            "strength": number(Extras().strength),
            "soft_edge": number(Extras().mask_blur),
        }
        return self.model_validate({**usual, **said})

    @classmethod
    def again(cls, model_id: str, request: GenerationRequest, seed: str, *, named: str = "") -> Self:
        """The form on the page of `model_id` that asked for `request`; `seed` as it was typed.

        `named` is the model that the order was for, where it is another than the page's.
        """
        extras = request.extras
        # Two strengths of one LoRA have no place in the form; a tag in the prompt says both.
        plain = [use for use in extras.adapters if use.text_strength is None or use.model_id == model_id]
        tagged = tuple(use for use in extras.adapters if use not in plain)
        return cls(
            prompt=put_adapters(request.prompt, tagged),
            negative_prompt=request.negative_prompt,
            base="" if named in ("", model_id) else request.model_id,
            lora=[use.model_id for use in plain],
            lora_strength=[number(use.strength) for use in plain],
            size="x".join(map(str, request.drawn_size)),
            steps=str(request.steps),
            guidance=number(request.guidance),
            sampler=request.sampler.value,
            spacing=request.spacing.value,
            samples=str(request.samples),
            seed=seed,
            clip_skip=str(extras.clip_skip),
            second_pass="yes" if extras.second_pass else "",
            upscale=str(extras.upscale),
            safety=extras.safety or "",
            format=extras.output_format,
            picture=extras.init_image or "",
            mask=extras.mask_image or "",
            strength=number(extras.strength) if extras.init_image else "",
            soft_edge=number(extras.mask_blur) if extras.mask_image else "",
        )

    def query(self, *without: str) -> str:
        """The form as the query of an address."""
        said = self.model_dump(exclude={"csrf", *without}, exclude_defaults=True)
        return "?" + urlencode(said, doseq=True)

    def _size(self) -> tuple[int | None, int | None]:
        match self.size.strip():
            case "" | "picture":
                return None, None
            case "custom":
                width, height = self.width, self.height
            case size:
                width, _, height = size.partition("x")
        sides = [_read("size", side or "?", int, "width x height, like 256x256") for side in (width, height)]
        return sides[0], sides[1]

    def _extras(self) -> Extras:
        usual = Extras()
        clip_skip = _read("clip_skip", self.clip_skip, int, "a whole number, like 1 or 2")
        strength = _read("strength", self.strength, float, "a number from 0 to 1")
        soft_edge = _read("soft_edge", self.soft_edge, float, "a number of pixels, like 4")
        upscale = _read("upscale", self.upscale, int, "a whole number, like 2")
        format: Format | None = _read("format", self.format, _FORMAT.validate_python, CHOSEN)
        again = _read("second_pass", self.second_pass, _PASS.validate_python, CHOSEN)
        return Extras(
            adapters=self._adapters(),
            clip_skip=usual.clip_skip if clip_skip is None else clip_skip,
            init_image=self.picture or None,
            mask_image=(self.picture and self.mask) or None,
            strength=usual.strength if strength is None else strength,
            mask_blur=usual.mask_blur if soft_edge is None else soft_edge,
            second_pass=SecondPass(grows=False) if again else None,
            upscale=usual.upscale if upscale is None else upscale,
            safety=_read("safety", self.safety, _SAFETY.validate_python, CHOSEN),
            output_format=format or usual.output_format,
            previews=True,
        )

    def _adapters(self) -> tuple[AdapterUse, ...]:
        rows = zip_longest(self.lora, self.lora_strength, fillvalue="")
        return tuple(AdapterUse(model_id, _strength(said)) for model_id, said in rows if model_id)


def problem_of(refusal: InvalidRequest) -> tuple[str, str] | None:
    """The field of the form that a refusal is about, and the sentence in the form's words; None for no such field."""
    field = FIELDS.get(refusal.field, refusal.field)
    if field not in LABELS:
        return None
    if not refusal.message.startswith(refusal.field):
        return field, refusal.message
    return field, LABELS.get(refusal.field, LABELS[field]) + refusal.message.removeprefix(refusal.field)


def _strength(said: str) -> float:
    value = _read("lora_strength", said, float, "a number, like 0.8")
    return 1.0 if value is None else value


def _read(field: str, text: str, kind: Callable[[str], Value], wanted: str) -> Value | None:
    if not text.strip():
        return None
    try:
        return kind(text.strip())
    except ValueError:
        raise InvalidRequest(field, f"{field} must be {wanted}") from None
