"""Text to image: from the fields to an order, and from the order to what is said about it."""

from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy.orm import Session

from easel.accounts.tables import ApiKey
from easel.domain.errors import InvalidRequest
from easel.domain.request import AdapterUse, Extras, GenerationDraft
from easel.domain.sampling import Spacing
from easel.gateway.dialects.modelslab import unserved
from easel.gateway.dialects.modelslab.schedulers import choose, is_known, is_stochastic
from easel.gateway.dialects.modelslab.schemas import Text2Img
from easel.gateway.dialects.modelslab.unserved import Unserved
from easel.gateway.idempotency import Terms
from easel.gateway.incoming import Fields
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import submit
from easel.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class Reading:
    """What the fields say, before anything is looked up."""

    asked: Text2Img
    unserved: Unserved
    draft: GenerationDraft
    warnings: list[str]

    @property
    def details(self) -> dict[str, Any]:
        """What the answers need to know again when the pictures are fetched."""
        return {
            "dialect": "modelslab",
            "base64": self.asked.base64,
            "instant_response": self.asked.instant_response,
            "enhance_prompt": self.draft.enhance,
            "enhance_style": self.draft.style,
            "multi_lingual": self.asked.multi_lingual,
            "warnings": self.warnings,
        }

    @classmethod
    def of(cls, fields: Fields, default_model: str, *, chooses_model: bool, enhances: bool = False) -> Self:
        """`enhances`: what enhance_prompt is when it is left out. Raises InvalidRequest about the first wrong field."""
        asked, further = Text2Img.read(fields), Unserved.read(fields)
        if not asked.prompt.strip():
            raise InvalidRequest("prompt", "prompt is required")
        chosen = choose(asked.scheduler, asked.algorithm_type)
        draft = GenerationDraft(
            model_id=(asked.model_id if chooses_model else None) or default_model,
            prompt=asked.prompt,
            negative_prompt=asked.negative_prompt,
            width=asked.width,
            height=asked.height,
            samples=asked.samples,
            steps=asked.num_inference_steps,
            guidance=asked.guidance_scale,
            seed=asked.seed,
            sampler=chosen.sampler,
            spacing=_spacing(asked.use_karras_sigmas),
            extras=Extras(
                adapters=_adapters(asked),
                embeddings=tuple(asked.embeddings_model),
                vae=asked.vae,
                clip_skip=asked.clip_skip,
            ),
            enhance=(enhances if asked.enhance_prompt is None else asked.enhance_prompt) or bool(asked.enhance_style),
            style=asked.enhance_style,
        )
        warnings = [*_without_effect(asked, draft), *unserved.warnings(further)]
        return cls(asked, further, draft, [chosen.warning, *warnings] if chosen.warning else warnings)


def place(session: Session, clock: Clock, key: ApiKey, reading: Reading, base_url: str, terms: Terms) -> GenerationView:
    """The order, written and seen. Raises what `submit` raises."""
    unserved.refuse_what_changes_the_picture(session, reading.unserved)
    generation = submit(
        session,
        clock,
        key.account,
        reading.draft,
        base_url=base_url,
        webhook=reading.asked.webhook,
        track_id=reading.asked.track_id,
        temporary=reading.asked.temp,
        details=reading.details,
        idempotency=terms.idempotency,
        max_wait=terms.max_wait,
        api_key_id=key.id,
    )
    return get_view(session, clock, key.account_id, generation.id)


def _spacing(karras: bool | None) -> Spacing | None:
    if karras is None:
        return None
    return Spacing.KARRAS if karras else Spacing.MODEL


def _adapters(asked: Text2Img) -> tuple[AdapterUse, ...]:
    """One strength is that of all; of several, those that are missing are 1."""
    names, said = asked.lora_model, asked.lora_strength
    if len(said) == 1:
        said = said * len(names)
    if names and len(said) > len(names):
        raise InvalidRequest(
            "lora_strength",
            f"lora_strength has {len(said)} numbers, and lora_model names {len(names)}; send one for each",
        )
    missing = [1.0] * (len(names) - len(said))
    return tuple(AdapterUse(name, strength) for name, strength in zip(names, [*said, *missing], strict=False))


def _without_effect(asked: Text2Img, draft: GenerationDraft) -> list[str]:
    said: list[str] = []
    if asked.model_id and asked.model_id != draft.model_id:
        said.append(f"model_id has no effect on this path; {draft.model_id} was used.")
    if asked.lora_strength and not asked.lora_model:
        said.append("lora_strength has an effect with lora_model only.")
    if not is_known(asked.algorithm_type):
        said.append(f"algorithm_type {asked.algorithm_type} is not known here; the picture was drawn without it.")
    if is_stochastic(asked.algorithm_type) and asked.scheduler != "DPMSolverMultistepScheduler":
        said.append("algorithm_type has an effect with DPMSolverMultistepScheduler only.")
    return said
