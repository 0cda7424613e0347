"""From the fields to an order: one mapping for every route that draws."""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Self

from sqlalchemy.orm import Session

from easel.accounts.tables import ApiKey
from easel.domain.errors import InvalidRequest
from easel.domain.request import AdapterUse, Extras, GenerationDraft, Replacement, SecondPass
from easel.domain.sampling import Spacing
from easel.gateway.dialects.modelslab import unserved, values
from easel.gateway.dialects.modelslab.control import Stored, said_of, steered
from easel.gateway.dialects.modelslab.paths import Door, Operation
from easel.gateway.dialects.modelslab.schedulers import choose, is_known, is_stochastic
from easel.gateway.dialects.modelslab.schemas import SEVERAL, ControlNet, Img2Img, Inpaint, Pictured, Text2Img
from easel.gateway.dialects.modelslab.unserved import Unserved
from easel.gateway.idempotency import Terms
from easel.gateway.incoming import Fields
from easel.gateway.services import Services
from easel.gateway.sources import is_address
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import submit
from easel.kit.clock import Clock

MERGED_SHARE: Final = 0.5
"""Of the tokens, with `tomesd`: what its authors recommend."""

SELF_ATTENTION: Final = 0.75
"""The scale of its guidance that its authors recommend."""

NOTHING: Final[Stored] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reading:
    """What the fields say, before anything is looked up."""

    door: Door
    asked: Pictured
    unserved: Unserved
    stored: Stored
    draft: GenerationDraft
    warnings: list[str]

    @property
    def details(self) -> dict[str, Any]:
        """What the answers need to know again when the pictures are fetched."""
        return {
            "dialect": "modelslab",
            "operation": self.door.operation.value,
            "realtime": self.door.realtime,
            "base64": self.asked.base64,
            "instant_response": self.asked.instant_response,
            "enhance_prompt": self.draft.enhance,
            "enhance_style": self.draft.style,
            "multi_lingual": self.asked.multi_lingual,
            "sent": sent(self.asked),
            "safety_checker_type": self.asked.safety_checker_type,
            "warnings": self.warnings,
            **({"control": said_of(self.asked, self.stored)} if isinstance(self.asked, ControlNet) else {}),
        }

    @classmethod
    def of(cls, fields: Fields, door: Door, services: Services, stored: Stored = NOTHING) -> Self:
        """Raises InvalidRequest about the first field that is wrong."""
        fields = {**services.modelslab_defaults, **values.without_unset(fields)}
        asked, further = door.schema.read(fields), Unserved.read(fields)
        if door.operation is Operation.TEXT2IMG and not asked.prompt.strip():
            raise InvalidRequest("prompt", "prompt is required")
        chosen = choose(asked.scheduler, asked.algorithm_type)
        extras, said_of_controls = _extras(asked, stored), list[str]()
        if isinstance(asked, ControlNet):
            found = steered(extras, asked, stored)
            extras, said_of_controls = found.extras, found.warnings
        has_size = door.operation is not Operation.IMG2IMG
        draft = GenerationDraft(
            model_id=(asked.model_id if door.chooses_model else None) or services.default_model,
            prompt=asked.prompt,
            negative_prompt=asked.negative_prompt,
            width=asked.width if has_size else None,
            height=asked.height if has_size else None,
            shape=asked.aspect_ratio if isinstance(asked, Text2Img) else None,
            samples=asked.samples,
            steps=asked.num_inference_steps,
            guidance=asked.guidance_scale,
            seed=asked.seed,
            sampler=chosen.sampler,
            spacing=_spacing(asked.use_karras_sigmas),
            extras=extras,
            enlarges=True,
            enhance=_is_enhanced(asked, services),
            style=asked.enhance_style,
        )
        warnings = [
            *([chosen.warning] if chosen.warning else []),
            *_without_effect(asked, draft),
            *_of_pictures(asked, stored),
            *said_of_controls,
            *unserved.warnings(further, asked),
        ]
        return cls(door, asked, further, stored, draft, warnings)


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
        inputs=tuple(reading.stored.values()),
    )
    return get_view(session, clock, key.account_id, generation.id)


def sent(asked: Pictured) -> dict[str, str]:
    """The addresses of pictures as they were sent; what came as bytes has none."""
    first = {field: pictures[0] for field in asked.PICTURES if (pictures := getattr(asked, field))}
    return {field: one for field, one in first.items() if isinstance(one, str) and is_address(one)}


def _extras(asked: Pictured, stored: Stored) -> Extras:
    keys = {field: one.key for field, one in stored.items()}
    extras = Extras(
        adapters=_adapters(asked),
        embeddings=tuple(asked.embeddings_model),
        vae=asked.vae,
        clip_skip=asked.clip_skip,
        init_image=keys.get("init_image"),
        mask_image=keys.get("mask_image"),
        upscale=round(asked.upscale),
        token_merging=MERGED_SHARE if asked.tomesd else 0.0,
        free_u=asked.free_u,
        self_attention=SELF_ATTENTION if asked.self_attention else 0.0,
        panorama=asked.panorama,
        safety=_safety(asked),
    )
    if isinstance(asked, Img2Img):
        return replace(extras, strength=asked.strength)
    return replace(extras, second_pass=SecondPass(grows=False)) if asked.highres_fix else extras


def _safety(asked: Pictured) -> Replacement | None:
    return asked.safety_checker_type if asked.safety_checker and asked.safety_checker_type != "none" else None


def _is_enhanced(asked: Pictured, services: Services) -> bool:
    said = services.enhances_prompts if asked.enhance_prompt is None else asked.enhance_prompt
    return said or asked.enhance_style is not None


def _spacing(karras: bool | None) -> Spacing | None:
    if karras is None:
        return None
    return Spacing.KARRAS if karras else Spacing.MODEL


def _adapters(asked: Pictured) -> tuple[AdapterUse, ...]:
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


def _without_effect(asked: Pictured, draft: GenerationDraft) -> list[str]:
    said: list[str] = []
    if asked.model_id and asked.model_id != draft.model_id:
        said.append(f"model_id has no effect on this path; {draft.model_id} was used.")
    if draft.shape and (draft.width or draft.height):
        said.append("aspect_ratio has no effect beside width and height.")
    if asked.lora_strength and not asked.lora_model:
        said.append("lora_strength has an effect with lora_model only.")
    if asked.highres_fix and isinstance(asked, Img2Img):
        said.append("highres_fix has an effect on pictures from text alone; this one was drawn in one pass.")
    if not is_known(asked.algorithm_type):
        said.append(f"algorithm_type {asked.algorithm_type} is not known here; the picture was drawn without it.")
    if is_stochastic(asked.algorithm_type) and asked.scheduler != "DPMSolverMultistepScheduler":
        said.append("algorithm_type has an effect with DPMSolverMultistepScheduler only.")
    return said


def _of_pictures(asked: Pictured, stored: Stored) -> list[str]:
    several = {field: len(getattr(asked, field) or ()) for field in asked.PICTURES if field not in SEVERAL}
    said = [f"Of {count} pictures in {field} the first was used." for field, count in several.items() if count > 1]
    picture = stored.get("init_image")
    if picture is None or isinstance(asked, Inpaint | ControlNet):
        return said
    if (asked.width or picture.width, asked.height or picture.height) != (picture.width, picture.height):
        said.append("width and height have no effect here: the picture has the size of init_image.")
    return said
