"""Between a request and its answer: what is decided first, the orders, and the pictures that come of them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image
from sqlalchemy.orm import Session

from easel.accounts.tables import ApiKey
from easel.artifacts.encode import encode
from easel.artifacts.infotext import read_embedded
from easel.billing.plans import plan_named
from easel.gateway.dialects.automatic1111 import control, options
from easel.gateway.dialects.automatic1111.answers import Picture
from easel.gateway.dialects.automatic1111.control import units_of
from easel.gateway.dialects.automatic1111.drafts import Inputs, Settled, orders_of, size_of
from easel.gateway.dialects.automatic1111.inputs import Paste, Size, prepare
from easel.gateway.dialects.automatic1111.options import DIALECT
from easel.gateway.dialects.automatic1111.schemas import Drawing, Img2Img
from easel.gateway.errors import Refusal
from easel.gateway.idempotency import Terms
from easel.gateway.ordering import place_all
from easel.gateway.services import Services
from easel.gateway.sources import Sources
from easel.generations.queries import GenerationView
from easel.jobs.states import JobState
from easel.kit.ids import new_uuid

FAILED: Final = 500
STILL_WAITING: Final = 504


@dataclass(frozen=True, slots=True)
class Placed:
    views: list[GenerationView]
    warnings: list[str]


def settle(session: Session, services: Services, used: ApiKey, asked: Drawing) -> Settled:
    """Model, options and size. Raises InvalidRequest."""
    chosen = options.settle(session, used, asked.override_settings)
    if asked.override_settings and not asked.override_settings_restore_afterwards:
        options.change(session, used, asked.override_settings)
    model = options.checkpoint_of(session, chosen, services.default_model)
    return Settled(model, chosen, size_of(asked, model), plan_named(used.account.plan).queue_limit)


def take_in(services: Services, sources: Sources, asked: Drawing, size: Size) -> Inputs:
    """The pictures that came with a request, made to the size that is drawn. Raises InvalidRequest naming the field."""
    units = units_of(asked.alwayson_scripts)
    begun = prepare(services.blobs, sources, asked, size) if isinstance(asked, Img2Img) else []
    return Inputs(begun, units, control.take_in(services.blobs, sources, units, size))


def place(
    session: Session,
    services: Services,
    used: ApiKey,
    asked: Drawing,
    settled: Settled,
    inputs: Inputs,
    sent: Sequence[str],
    terms: Terms,
    base_url: str,
) -> Placed:
    """All orders of a request, or none. Raises as `submit`."""
    orders = orders_of(asked, settled, inputs, sent)
    shared = {
        "dialect": DIALECT,
        "key": used.id,
        "request": new_uuid(),
        "job": "scripts_img2img" if isinstance(asked, Img2Img) else "scripts_txt2img",
        "of": len(orders.drafts),
        "task": asked.force_task_id,
        "warnings": orders.warnings,
    }
    views = place_all(
        session,
        services,
        used,
        orders.drafts,
        details=[
            {**shared, "number": number, "paste": paste.as_json() if paste else None}
            for number, paste in enumerate(orders.pastes)
        ],
        terms=terms,
        base_url=base_url,
        inputs=inputs.stored,
        temporary=not asked.save_images,
    )
    return Placed(views, orders.warnings)


def failure_of(views: Sequence[GenerationView]) -> Refusal | None:
    """Why there is no picture at all; None where its client ended the request itself."""
    for view in views:
        if view.state is JobState.FAILED:
            return Refusal(FAILED, view.error or "The picture could not be drawn.")
        if not view.is_final:
            return Refusal(STILL_WAITING, f"The picture is not done yet; it goes on as request {view.id}.")
    return None


def pictures_of(services: Services, done: Sequence[GenerationView]) -> list[Picture]:
    """As they are sent: a part that was drawn alone is put back into its picture."""
    return [
        _picture(services, view, services.blobs.get(key), view.request.seed_of(index))
        for view in done
        for index, key in enumerate(view.artifact_keys)
    ]


def _picture(services: Services, view: GenerationView, data: bytes, seed: int) -> Picture:
    infotext = read_embedded(data, "image").infotext
    if view.details.get("paste"):
        whole = Paste.from_json(view.details["paste"]).put_back(
            services.blobs, Image.open(io.BytesIO(data)).convert("RGB")
        )
        data = encode(whole, infotext, view.request.extras.output_format, view.request.extras.output_quality)
    return Picture(data, infotext, seed)
