"""Options: what a client sets for all its requests, and what `override_settings` sets for one.

In A1111 they are the server's, so that one client changes the model under another. Here they belong to the API key that
sets them, and nobody else sees them.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field
from sqlalchemy.orm import Session

from easel.accounts.options import options_of, set_options
from easel.accounts.tables import ApiKey
from easel.catalogue.queries import find_model, list_models
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest
from easel.gateway.dialects.automatic1111.schemas import Asked, Name

DIALECT: Final = "automatic1111"
OWN_VAE: Final = ("", "automatic", "none")
HASH_DIGITS: Final = 10

FACTS: Final[Mapping[str, object]] = {
    "samples_save": True,
    "return_grid": False,
    "randn_source": "CPU",
    "eta_noise_seed_delta": 0,
    "emphasis": "Original",
    "img2img_fix_steps": False,
    "img2img_color_correction": False,
    "initial_noise_multiplier": 1.0,
    "show_progress_type": "Approx cheap",
    "live_previews_image_format": "png",
    "token_merging_ratio_hr": 0.0,
}
"""Options that cannot be set: what is the case here."""

MergedShare: TypeAlias = Annotated[float, Field(ge=0, le=0.9)]
"""As far as A1111's own page lets it go."""

_TITLE: Final = re.compile(r"(?P<name>.*?)\s*(?:\[(?P<hash>[0-9a-fA-F]{8,64})\])?\s*")
_ENDING: Final = re.compile(r"\.(safetensors|ckpt|pt)$", re.IGNORECASE)


class Options(Asked):
    """Those that have an effect."""

    sd_model_checkpoint: Name | None = Field(
        default=None, description="A checkpoint by its title, name or hash; the installation's default otherwise."
    )
    sd_vae: Name = Field(default="Automatic", description="A VAE of the catalogue; Automatic is the model's own.")
    CLIP_stop_at_last_layers: Annotated[int, Field(ge=1, le=12)] = Field(default=1, description="Clip skip.")
    token_merging_ratio: MergedShare = Field(default=0.0, description="Share of the tokens that are merged.")
    token_merging_ratio_img2img: MergedShare = Field(default=0.0, description="The same for img2img; 0 is no other.")
    samples_format: Literal["png", "jpg", "jpeg", "webp"] = Field(default="png", description="Of the pictures.")
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = Field(default=80, description="Of JPEG and WebP.")
    live_previews_enable: bool = Field(default=True, description="Whether progress shows the picture on its way.")

    @property
    def vae(self) -> str | None:
        name = without_ending(self.sd_vae)
        return None if name.lower() in OWN_VAE else name

    @property
    def output_format(self) -> Literal["png", "jpeg", "webp"]:
        return "jpeg" if self.samples_format == "jpg" else self.samples_format


def settle(session: Session, used: ApiKey, overrides: Mapping[str, object]) -> Options:
    """What counts for one request. Raises InvalidRequest naming the option."""
    stored = options_of(session, used, DIALECT)
    try:
        return Options.read({**stored, **_known(overrides)})
    except InvalidRequest as refusal:
        raise InvalidRequest(f"override_settings.{refusal.field}", refusal.message) from None


def change(session: Session, used: ApiKey, changes: Mapping[str, object]) -> list[str]:
    """Set options of the key; answers a sentence for each that has no effect. Raises InvalidRequest for a bad one."""
    known = _known(changes)
    options = Options.read(known)
    if options.sd_model_checkpoint is not None:
        find_checkpoint(session, options.sd_model_checkpoint)
    if known:
        set_options(session, used, DIALECT, options.model_dump(mode="json", include=set(known)))
    return without_effect(changes)


def without_effect(asked: Mapping[str, object]) -> list[str]:
    """A sentence for each option that is not honoured. One that says what is the case anyway needs none."""
    return [
        f"Option {name[:60]} has no effect here."
        for name, value in asked.items()
        if name not in Options.model_fields and value is not None and (name, value) not in FACTS.items()
    ]


def shown(options: Options, model: Model) -> dict[str, Any]:
    said = options.model_dump() | {"sd_model_checkpoint": title_of(model)}
    return {**said, "sd_checkpoint_hash": model.sha256 or "", **FACTS}


def checkpoint_of(session: Session, options: Options, default_model: str) -> Model:
    """Raises InvalidRequest for one that is not in the catalogue any more."""
    if options.sd_model_checkpoint is None:
        return find_model(session, default_model)
    return find_checkpoint(session, options.sd_model_checkpoint)


def find_checkpoint(session: Session, said: str) -> Model:
    """By id, display name, title ("name.safetensors [hash]") or hash. Raises InvalidRequest."""
    found = _TITLE.fullmatch(said.strip())
    name = without_ending(found["name"] if found else said).lower()
    hash = (found["hash"] or "").lower() if found else ""
    checkpoints = [model for model in list_models(session) if model.kind == "checkpoint"]
    for model in checkpoints:
        if name in (model.model_id, model.name.lower()):
            return model
    for model in checkpoints:
        if model.sha256 and any(part and model.sha256.startswith(part) for part in (hash, _hash(name))):
            return model
    return find_model(session, name)


def title_of(model: Model) -> str:
    return f"{model.model_id} [{model.sha256[:HASH_DIGITS]}]" if model.sha256 else model.model_id


def without_ending(name: str) -> str:
    """Clients name files; the catalogue has names."""
    return _ENDING.sub("", name.strip())


def without_hash(title: str) -> str:
    """`name.safetensors [0123abcd]` -> `name`"""
    found = _TITLE.fullmatch(title.strip())
    return without_ending(found["name"] if found else title)


def _known(said: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in said.items() if name in Options.model_fields and value is not None}


def _hash(name: str) -> str:
    return name if re.fullmatch(r"[0-9a-f]{8,64}", name) else ""
