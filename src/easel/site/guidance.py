"""What a model's page says beside the model itself: questions, steps to run it, and a text for coding assistants."""

from dataclasses import dataclass

from easel.billing.plans import PLANS
from easel.catalogue.limits import limits_of
from easel.catalogue.tables import Model
from easel.site.describe import ModelCard
from easel.site.snippets import TEXT_TO_IMAGE
from easel.site.words import seconds as as_time

FREE = PLANS["free"]


@dataclass(frozen=True)
class Question:
    asked: str
    answer: str
    """Code stands between backticks."""


@dataclass(frozen=True)
class Step:
    title: str
    text: str
    command: str


def questions(card: ModelCard, base_url: str, seconds: float | None) -> list[Question]:
    speed = "Nobody has drawn with it here yet, so nothing is measured. An answer says how long it took."
    if seconds:
        speed = f"Its latest requests took {as_time(seconds)} each on this installation."
    installed = (
        "Write a prompt on this page, or send the same from a program."
        if card.can_draw
        else f"It is not ready to draw here yet. Whoever runs this installation types `{card.install_command}`."
        if card.install_command
        else f"Together with a checkpoint: name the checkpoint as `model_id` and this as `{card.asked_as}`."
    )
    return [
        Question(f"What is {card.name}?", f"{card.summary} It comes from {card.provider}."),
        Question(
            f"How do I draw with {card.name}?",
            f"{installed} The address is `{base_url}{TEXT_TO_IMAGE}`; the body is JSON with `key`, `model_id` and "
            "`prompt`.",
        ),
        Question(
            "What does a picture cost?",
            f"{card.price} pay as you go, for each picture that is delivered. What fails, is cancelled or is refused "
            "costs nothing. The Premium plan has no price per picture.",
        ),
        Question(
            "Can I try it without paying?",
            f"Yes: the {FREE.title} plan draws {FREE.daily_pictures} pictures a day at no cost.",
        ),
        Question("What is its model ID?", f"`{card.model_id}`. Send it as `{card.asked_as}`."),
        Question("How fast is it?", speed),
        Question(
            "Who sees my prompts and pictures?",
            "They stay on the machines of this installation. A picture is shown to others only after you publish it.",
        ),
        Question(
            "What may I do with it?",
            f"Its licence is {card.licence}. Read it before you sell pictures or offer the model to others.",
        ),
    ]


def own_steps(card: ModelCard) -> list[Step]:
    """How to run the model on machines of one's own."""
    install = card.install_command or f"easel models list  # {card.model_id} is installed here"
    return [
        Step("Install the model", "Once for each installation. Only safetensors files are loaded.", install),
        Step(
            "Start everything on one machine",
            "The gateway, the database and a worker; a GPU is used where there is one.",
            "EASEL_PUBLIC_URL=https://pictures.example.org easel serve",
        ),
        Step(
            "Add machines",
            "Each runs a worker that takes jobs from the same database and puts pictures into the same store.",
            "EASEL_DATABASE_URL=postgresql://... EASEL_STORAGE_URL=s3://... EASEL_SECRET=... easel worker",
        ),
    ]


def limits_table(draws: Model | None) -> list[tuple[str, str]]:
    """What a request may ask of the model; nothing where nothing draws it."""
    if draws is None or draws.kind != "checkpoint":
        return []
    limits = limits_of(draws)
    side = f"{limits.min_size} to {limits.max_size} pixels, in steps of {limits.multiple_of}"
    return [
        ("width", side),
        ("height", side),
        ("samples", f"1 to {limits.max_samples}"),
        ("num_inference_steps", f"{limits.min_steps} to {limits.max_steps}"),
        ("guidance_scale", f"{limits.min_guidance:g} to {limits.max_guidance:g}"),
        ("prompt", f"up to {limits.prompt_length:,} characters"),
    ]


def assistant_text(card: ModelCard, base_url: str, limits: list[tuple[str, str]], example: str) -> str:
    """What one pastes into a coding assistant, so that it writes working code at the first try."""
    ranges = "\n".join(f"- {field}: {said}" for field, said in limits)
    name = " ".join(card.name.split())
    return f"""Add image generation with {name} to this project.

API: POST {base_url}{TEXT_TO_IMAGE} with a JSON body. The API key goes into the field "key"; read it from the
environment variable EASEL_API_KEY and never write it into the code. {card.asked_as} is "{card.model_id}".

{ranges or "Its limits are those of the checkpoint that it is drawn on."}

The answer is JSON:
- "status" is "success": "output" is a list of links to pictures.
- "status" is "processing": wait "eta" seconds, POST {{"key": ...}} to the link in "fetch_result", again until done.
- "status" is "error": "message" is a sentence that says what to change. HTTP 429 comes with "retry_after" seconds.

Price: {card.price} for each delivered picture. Seeds make pictures repeatable.

Working example:

{example}

All details as Markdown: {base_url}{card.address}/api.md
Index for agents: {base_url}/llms.txt
OpenAPI: {base_url}/openapi.json
"""
