"""A claimed generation on its way through the engine, and its translation into the engine's words."""

import math
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from easel.catalogue.queries import find_model
from easel.catalogue.weights import adapter_file, weights_folder
from easel.domain.errors import DomainError, ModelNotInstalled
from easel.domain.request import AdapterUse, GenerationRequest
from easel.engine.request import AdapterMix, Alteration, Checkpoint, Control, PictureRequest, SecondPass, WeightsFile
from easel.generations.finish import generation_of
from easel.jobs.queue import Lease
from easel.jobs.tables import Job
from easel.worker.sources import Sources

HASH_DIGITS = 10

MOST_PREVIEWS = 16
"""Of one picture: for one that takes a minute, one every four seconds."""


@dataclass(slots=True)
class Shown:
    """The previews of one generation. Numbers count from 1."""

    key: str | None = None
    """Of the newest that is stored."""
    announced: str | None = None
    number: int = 0
    deleted: int = 0
    is_busy: bool = False
    not_before: float = 0.0

    def is_news(self) -> bool:
        """Whether nobody was told of the newest; the next time somebody was."""
        is_news, self.announced = self.key != self.announced, self.key
        return is_news


@dataclass(slots=True, kw_only=True)
class Assignment:
    """One generation in this worker's hands. `images` fills as the engine finishes its pictures."""

    lease: Lease
    generation_id: int
    uuid: str
    temporary: bool
    request: GenerationRequest
    checkpoint: Checkpoint
    adapters: tuple[AdapterMix, ...] = ()
    embeddings: tuple[WeightsFile, ...] = ()
    vae: WeightsFile | None = None
    controls: tuple[WeightsFile, ...] = ()
    """The networks of the request's ControlNets, in their order."""
    control_hashes: dict[str, str] = field(default_factory=dict[str, str])
    """SHA-256 of their files, by name."""
    upscaler: WeightsFile | None = None
    model_hash: str | None = None
    """The first digits of its weights' SHA-256, as the field writes them into pictures."""
    images: dict[int, Any] = field(default_factory=dict[int, Any])
    notes: list[str] = field(default_factory=list[str])
    steps_done: int = 0
    sources: Sources | None = None
    """What its pictures begin from, once it was fetched."""
    failure: DomainError | None = None
    """Why it could not be."""
    previews: Shown = field(default_factory=Shown)
    is_over: bool = False
    """Given up or dropped: nothing more is begun for it."""

    @property
    def is_complete(self) -> bool:
        return len(self.images) == self.request.samples

    @property
    def steps_in_all(self) -> int:
        return self.request.steps_taken * self.request.samples

    def picture_ids(self) -> list[str]:
        return [f"{self.lease.job_id}/{self.lease.attempt}/{index}" for index in range(self.request.samples)]

    def picture_requests(self) -> list[PictureRequest]:
        request, extras, sources = self.request, self.request.extras, self.sources or Sources()
        return [
            PictureRequest(
                id=id,
                checkpoint=self.checkpoint,
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                width=request.width,
                height=request.height,
                steps=request.steps,
                guidance=request.guidance,
                seed=request.seed_of(index),
                sampler=request.sampler,
                spacing=request.spacing,
                adapters=self.adapters,
                embeddings=self.embeddings,
                vae=self.vae,
                clip_skip=extras.clip_skip,
                init=sources.init,
                mask=sources.mask,
                strength=extras.strength,
                again=second_pass_of(request),
                controls=self._controls(sources),
                alteration=alteration_of(request),
                window=extras.window,
                # One picture of several is enough to see that they come.
                preview_every=math.ceil(request.steps_taken / MOST_PREVIEWS) if extras.previews and not index else 0,
            )
            for index, id in enumerate(self.picture_ids())
        ]

    def _controls(self, sources: Sources) -> tuple[Control, ...]:
        return tuple(
            Control(network=network, hint=hint, scale=use.scale, start=use.start, end=use.end, guess=use.guess)
            for use, network, hint in zip(self.request.extras.controls, self.controls, sources.hints, strict=True)
        )


def second_pass_of(request: GenerationRequest) -> SecondPass | None:
    """In the engine's words."""
    again, (width, height) = request.extras.second_pass, request.drawn_size
    if again is None:
        return None
    return SecondPass(width=width, height=height, steps=again.steps or request.steps, strength=again.strength)


def alteration_of(request: GenerationRequest) -> Alteration:
    """In the engine's words."""
    extras = request.extras
    return Alteration(token_merging=extras.token_merging, free_u=extras.free_u, self_attention=extras.self_attention)


def assignment_of(session: Session, job: Job) -> Assignment:
    """Raises ModelNotInstalled when weights were removed after the job was accepted."""
    generation = generation_of(session, job)
    model = find_model(session, job.model_id)
    if model.weights is None or model.family is None:
        raise ModelNotInstalled(model.model_id)
    request = GenerationRequest.from_json(generation.request)
    return Assignment(
        lease=Lease(job.id, job.worker_id or "", job.attempts),
        generation_id=generation.id,
        uuid=generation.uuid,
        temporary=generation.temporary,
        request=request,
        checkpoint=Checkpoint(name=model.model_id, family=model.family, folder=weights_folder(model.weights)),
        model_hash=model.sha256[:HASH_DIGITS] if model.sha256 else None,
        adapters=tuple(_adapter(session, use) for use in request.extras.adapters),
        embeddings=tuple(_weights(session, "embeddings_model", name) for name in request.extras.embeddings),
        vae=_weights(session, "vae", request.extras.vae) if request.extras.vae else None,
        controls=tuple(_weights(session, "controlnet_model", use.model_id) for use in request.extras.controls),
        control_hashes={
            use.model_id: sha256
            for use in request.extras.controls
            if (sha256 := find_model(session, use.model_id).sha256)
        },
        upscaler=_weights(session, "upscaler", request.extras.upscaler) if request.extras.upscaler else None,
    )


def _adapter(session: Session, use: AdapterUse) -> AdapterMix:
    model = find_model(session, use.model_id)
    if model.weights is None:
        raise ModelNotInstalled(model.model_id, field="lora_model")
    return AdapterMix(
        adapter=WeightsFile(name=model.model_id, file=adapter_file(model.weights)),
        strength=use.strength,
        text_strength=use.strength if use.text_strength is None else use.text_strength,
    )


def _weights(session: Session, field: str, model_id: str) -> WeightsFile:
    model = find_model(session, model_id)
    if model.weights is None:
        raise ModelNotInstalled(model.model_id, field=field)
    return WeightsFile(name=model.model_id, file=weights_folder(model.weights))


def lease_and_index(picture_id: str, worker_id: str) -> tuple[Lease, int]:
    """What `Assignment.picture_requests` put into the picture's id."""
    job_id, attempt, index = picture_id.split("/")
    return Lease(int(job_id), worker_id, int(attempt)), int(index)
