"""What each row of a picture reads at each step. Plain data: no torch here."""

from dataclasses import dataclass
from typing import Self

from easel.domain.prompt import Reading, Subprompt, check_prompt, read_negative, read_prompt
from easel.domain.prompt_tags import Tag, take_tags
from easel.engine.request import PictureRequest


@dataclass(frozen=True, slots=True)
class Part:
    """One row's text through the steps."""

    readings: tuple[Reading, ...]
    """One for each step."""
    factor: float
    """How much of (this row's answer - the base row's) goes into the picture's answer."""

    def at(self, step: int) -> Reading:
        return self.readings[min(step, len(self.readings) - 1)]


@dataclass(frozen=True, slots=True)
class Script:
    """The rows of a picture: its prompts, and its negative prompt when it is guided.

    The answer of a guided picture is n + sum of weight * guidance * (p - n) over its prompts p, where n is the negative
    prompt's answer (arXiv:2206.01714; with one prompt of weight 1 it is classifier-free guidance). An unguided
    picture has no n; its prompts' answers are averaged by weight.
    """

    prompts: tuple[Part, ...]
    negative: Part | None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: PictureRequest, steps: int) -> Self:
        """`steps` are those that are taken: fewer than were asked for where the picture begins from another.

        Raises InvalidRequest, naming the field, for what `check_prompt` refuses.
        """
        prompt, tags = take_tags(request.prompt)
        check_prompt("prompt", prompt, steps, is_guided=request.is_guided)
        subprompts = read_prompt(prompt)
        factors = _factors(request, subprompts)
        prompts = [Part(one.readings(steps), factor) for one, factor in zip(subprompts, factors, strict=True)]
        notes = [_left_out("prompt", tag) for tag in tags]
        if not request.is_guided:
            return cls(tuple(prompts), None, tuple(notes))
        negative, tags = take_tags(request.negative_prompt)
        check_prompt("negative_prompt", negative, steps)
        notes += [_left_out("negative prompt", tag) for tag in tags]
        return cls(tuple(prompts), Part(read_negative(negative).readings(steps), 0.0), tuple(notes))

    @property
    def rows(self) -> int:
        return len(self.prompts) + (self.negative is not None)

    def texts(self) -> dict[str, tuple[Reading, ...]]:
        """The different readings of the prompts and of the negative prompt, by the names that a customer knows."""
        prompts = dict.fromkeys(reading for part in self.prompts for reading in part.readings)
        if self.negative is None:
            return {"prompt": tuple(prompts)}
        return {"prompt": tuple(prompts), "negative prompt": tuple(dict.fromkeys(self.negative.readings))}


def _factors(request: PictureRequest, subprompts: tuple[Subprompt, ...]) -> list[float]:
    weights = [subprompt.weight for subprompt in subprompts]
    if request.is_guided:
        return [weight * request.guidance for weight in weights]
    return [weight / sum(weights) for weight in weights]


def _left_out(name: str, tag: Tag) -> str:
    if tag.name == "lora":
        return f"{tag} was left out of the {name}: no such adapter goes with this picture."
    return f"{tag} was left out of the {name}: Easel has nothing of that kind."
