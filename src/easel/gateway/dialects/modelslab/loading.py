"""Routes that have a model installed: `load_model`, as its several versions and doors name its fields.

The first request begins it, and repeating the same request answers what it came to. A worker carries it out.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import AliasChoices, Field
from sqlalchemy.orm import Session

from easel.accounts.roles import Power, require
from easel.accounts.tables import Account
from easel.catalogue.loads import LoadState, Wanted, state_of
from easel.catalogue.origins import check_format, source_of
from easel.catalogue.tables import Model, ModelLoad
from easel.domain.errors import InvalidRequest
from easel.gateway.dialects.modelslab.calls import Call
from easel.gateway.dialects.modelslab.schemas import Asked, Name, Switch, Text, WebAddress
from easel.gateway.dialects.modelslab.shapes import Loaded
from easel.generations.loading import ask_for_model
from easel.kit.fetch import AddressRefused, check_literal_address
from easel.webhooks.outbox import check_is_public

KINDS: Final[Mapping[str, tuple[str, str | None]]] = {
    "stable_diffusion": ("checkpoint", None),
    "stable_diffusion_xl": ("checkpoint", "sdxl"),
    "huggingface": ("checkpoint", None),
    "custom_ckpt": ("checkpoint", None),
    "lora": ("lora", None),
    "embeddings": ("embedding", None),
    "embedding": ("embedding", None),
    "controlnet": ("controlnet", None),
    "vae": ("vae", None),
}
"""By model_category, or model_type as it once was: the kind of the catalogue, and the family if it says one."""

WITHOUT_EFFECT: Final[Mapping[str, str]] = {
    "model_image": "the model's page shows what is drawn with it",
    "hf_upload": "nothing is sent to Hugging Face",
}


class LoadModel(Asked):
    model_id: Name = Field(
        validation_alias=AliasChoices("model_id", "vae_id"),
        description="Under which id it is to be had: lower-case letters, digits, dots, dashes. Alias: vae_id.",
    )
    url: Text | None = Field(
        default=None,
        validation_alias=AliasChoices("url", "vae_url"),
        description="A repository of Hugging Face, like owner/name, or the address of a .safetensors file; where the "
        "catalogue says otherwise. Alias: vae_url.",
    )
    model_name: Text | None = Field(default=None, description="As people read it.")
    model_format: Name | None = Field(
        default=None,
        validation_alias=AliasChoices("model_format", "vae_type"),
        description="diffusers or safetensors; ckpt and pt are pickles, which are refused. Alias: vae_type.",
    )
    model_category: Name | None = Field(
        default=None,
        validation_alias=AliasChoices("model_category", "model_type"),
        description=f"{', '.join(KINDS)}; what the catalogue says otherwise. Alias: model_type.",
    )
    model_subcategory: Name | None = Field(default=None, description="lora, embeddings or controlnet of the category.")
    model_visibility: Name = Field(default="public", description="public; every model here is everybody's.")
    force_load: Switch | None = Field(
        default=None, description="yes begins again what has ended; otherwise the answer says what it came to."
    )
    from_safetensors: Switch | None = Field(default=None, description="no names a pickle, which is refused.")
    revision: Name | None = Field(default=None, description="Taken: a device loads weights in the precision it draws.")
    model_image: object = Field(default=None, description="Not used, and warning says so.")
    hf_upload: Switch = Field(default=False, description="Not available, and warning says so.")
    webhook: WebAddress = Field(default=None, description="Where to POST what it came to.")


def load_model(session: Session, account: Account, call: Call) -> Loaded:
    return _load(session, account, call, None)


def load_vae(session: Session, account: Account, call: Call) -> Loaded:
    return _load(session, account, call, "vae")


def _load(session: Session, account: Account, call: Call, kind: str | None) -> Loaded:
    require(account, Power.MANAGE_MODELS)
    asked = LoadModel.read(call.fields)
    source = source_of(asked.url.strip()) if asked.url else None
    _refuse(asked, source)
    if not call.services.allow_private_urls:
        _check_public(asked, source)
    model = session.get(Model, asked.model_id)
    if kind is None and asked.model_category is None and model is not None:
        found, family = model.kind, None
    else:
        found, family = _kind(asked, kind)
    wanted = Wanted(model_id=asked.model_id, kind=found, source=source, family=family, name=asked.model_name)
    load, begun = ask_for_model(
        session, call.services.clock, account, wanted, webhook=asked.webhook, anew=bool(asked.force_load)
    )
    return _answer(load, begun, _warnings(asked))


def _refuse(asked: LoadModel, source: str | None) -> None:
    """Raises InvalidRequest for what is never loaded, and for what would not be as it was asked for."""
    if asked.model_format:
        check_format("model_format", asked.model_format, source)
    if asked.from_safetensors is False:
        check_format("from_safetensors", "ckpt", source)
    if asked.model_visibility.casefold() != "public":
        raise InvalidRequest(
            "model_visibility",
            "model_visibility must be public: every model of this installation is offered to all of its accounts",
        )


def _check_public(asked: LoadModel, source: str | None) -> None:
    if asked.webhook:
        check_is_public(asked.webhook)
    if source and source.startswith(("http://", "https://")):
        try:
            check_literal_address(source)
        except AddressRefused as refused:
            raise InvalidRequest("url", f"url: {refused}") from None


def _kind(asked: LoadModel, kind: str | None) -> tuple[str, str | None]:
    category = (asked.model_category or "stable_diffusion").casefold()
    if kind is not None:
        return kind, None
    if category not in KINDS:
        raise InvalidRequest(
            "model_category", f"model_category {category[:50]} is not one that is drawn here; it is {', '.join(KINDS)}"
        )
    found, family = KINDS[category]
    below = (asked.model_subcategory or "").casefold()
    return (KINDS[below][0], family) if below in ("lora", "embeddings", "controlnet") else (found, family)


def _warnings(asked: LoadModel) -> list[str]:
    return [f"{field} has no effect: {said}." for field, said in WITHOUT_EFFECT.items() if getattr(asked, field)]


def _answer(load: ModelLoad, begun: bool, warnings: list[str]) -> Loaded:
    states: Mapping[LoadState, tuple[Any, str]] = {
        LoadState.WAITING: ("processing", "model load is waiting for a worker"),
        LoadState.LOADING: ("processing", "model is loading"),
        LoadState.LOADED: ("success", "model loaded"),
        LoadState.FAILED: ("error", f"model load failed: {load.error}; send force_load yes to begin again"),
    }
    status, text = ("success", "model load started") if begun else states[state_of(load)]
    answer: Loaded = {"status": status, "message": text, "messege": text, "model_id": load.model_id}
    return {**answer, "warning": " ".join(warnings)} if warnings else answer
