"""The playground's form: read from a browser, shown again as it was typed."""

from collections.abc import Callable
from typing import Final, Self, TypeVar

from pydantic import BaseModel

from easel.catalogue.limits import Defaults
from easel.domain.errors import InvalidRequest
from easel.domain.prompt_tags import put_adapters
from easel.domain.request import GenerationDraft, GenerationRequest
from easel.site.words import number

Value = TypeVar("Value")

LABELS: Final = {
    "prompt": "Prompt",
    "size": "Size",
    "steps": "Steps",
    "guidance": "Guidance",
    "seed": "Seed",
    "samples": "Pictures",
}
# Refusals name fields as the API does.
FIELDS: Final = {"width": "size", "height": "size", "num_inference_steps": "steps", "guidance_scale": "guidance"}


class PlaygroundForm(BaseModel):
    """Everything as text, because what was typed wrongly must be shown again too."""

    csrf: str = ""
    prompt: str = ""
    size: str = ""
    steps: str = ""
    guidance: str = ""
    seed: str = ""
    samples: str = ""

    def draft(self, model_id: str) -> GenerationDraft:
        """Raises InvalidRequest for a field that is no number; whether it fits the model is the catalogue's to say."""
        width, height = self._size()
        samples = _read("samples", self.samples, int, "a whole number, like 1")
        return GenerationDraft(
            model_id=model_id,
            prompt=self.prompt,
            width=width,
            height=height,
            samples=1 if samples is None else samples,
            steps=_read("steps", self.steps, int, "a whole number, like 25"),
            guidance=_read("guidance", self.guidance, float, "a number, like 4 or 7.5"),
            seed=_read("seed", self.seed, int, "a whole number, or empty for a random one"),
        )

    def filled(self, defaults: Defaults) -> Self:
        """What was left out, from the model's defaults; an empty seed stays empty, it means a random one."""
        said = {name: value for name, value in self.model_dump().items() if value}
        usual = {
            "size": f"{defaults.width}x{defaults.height}",
            "steps": str(defaults.steps),
            "guidance": number(defaults.guidance),
            "samples": "1",
        }
        return self.model_validate({**usual, **said})

    @classmethod
    def again(cls, model_id: str, request: GenerationRequest, seed: str) -> Self:
        """The form on the page of `model_id` that asked for `request`; `seed` as it was typed."""
        tagged = tuple(use for use in request.extras.adapters if use.model_id != model_id)
        return cls(
            prompt=put_adapters(request.prompt, tagged),
            size=f"{request.width}x{request.height}",
            steps=str(request.steps),
            guidance=number(request.guidance),
            samples=str(request.samples),
            seed=seed,
        )

    def _size(self) -> tuple[int | None, int | None]:
        if not self.size.strip():
            return None, None
        width, _, height = self.size.partition("x")
        sides = [_read("size", side or "?", int, "width x height, like 256x256") for side in (width, height)]
        return sides[0], sides[1]


def problem_of(refusal: InvalidRequest) -> tuple[str, str] | None:
    """The field of the form that a refusal is about, and the sentence in the form's words; None for no such field."""
    field = FIELDS.get(refusal.field, refusal.field)
    if field not in LABELS:
        return None
    return field, LABELS.get(refusal.field, LABELS[field]) + refusal.message.removeprefix(refusal.field)


def _read(field: str, text: str, kind: Callable[[str], Value], wanted: str) -> Value | None:
    if not text.strip():
        return None
    try:
        return kind(text.strip())
    except ValueError:
        raise InvalidRequest(field, f"{field} must be {wanted}") from None
