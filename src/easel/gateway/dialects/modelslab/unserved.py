"""Fields that are known but not honoured yet. None is ignored in silence.

One that would make another picture is refused, because drawing without it would draw the wrong thing. One that would
only make the picture finer, or check it, is named in the answer's `warning`.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy.orm import Session

from easel.catalogue.queries import find_model
from easel.domain.errors import InvalidRequest
from easel.gateway.dialects.modelslab.schemas import Asked, Name, Pictured, Switch, Text

NAMES_A_MODEL: Final = ("ip_adapter_id",)


FLUX: Final = (
    "injected_noise_alpha",
    "sigma_threshold",
    "true_cfg_scale",
    "use_cfg_zero_star",
    "use_zero_init",
    "zero_steps",
)


class Unserved(Asked):
    ip_adapter_id: Name | None = None
    ip_adapter_image: Text | None = None

    watermark: Switch = False
    aspect_ratio: Name | None = None
    injected_noise_alpha: object = None
    sigma_threshold: object = None
    true_cfg_scale: object = None
    use_cfg_zero_star: object = None
    use_zero_init: object = None
    zero_steps: object = None
    init_image: object = None
    mask_image: object = None
    control_image: object = None
    controlnet_model: object = None
    controlnet_type: object = None


SAID: Final[Mapping[str, str]] = {
    "watermark": "the picture carries none",
    "aspect_ratio": "the picture has the shape of the one that it begins from",
    **dict.fromkeys(FLUX, "it is for models of the Flux family, and was not used"),
    "init_image": "the picture was drawn without it",
    "mask_image": "the picture was drawn without it",
    "control_image": "the picture was drawn without it",
    "controlnet_model": "the picture was drawn without it",
    "controlnet_type": "the picture was drawn without it",
}

ELSEWHERE: Final = frozenset(
    {"init_image", "mask_image", "control_image", "controlnet_model", "controlnet_type", "aspect_ratio", *FLUX}
)
"""Fields of other routes, and of other families of models."""

WITHOUT_A_WORD: Final[Mapping[str, str]] = {
    "loadbalancer": "the installation's workers share all requests anyway",
    "ip_adapter_scale": "it has an effect with an IP-Adapter only",
    "strength": "without a picture to begin from there is nothing to be strong about",
    "auto_hint": "it has an effect with a ControlNet only",
    "guess_mode": "it has an effect with a ControlNet only",
    "controlnet_conditioning_scale": "it has an effect with a ControlNet only",
}
"""Fields that need no answer, and why."""


def refuse_what_changes_the_picture(session: Session, asked: Unserved) -> None:
    """Raises InvalidRequest: for a model that is unknown, or for the field itself."""
    for field in NAMES_A_MODEL:
        given: list[str] | str | None = getattr(asked, field)
        for model_id in [given] if isinstance(given, str) else given or []:
            find_model(session, model_id)
            raise _cannot(field)
    if asked.ip_adapter_image:
        raise _cannot("ip_adapter_image")


def warnings(asked: Unserved, honoured: Pictured) -> list[str]:
    """A sentence for each field that asks for something and gets nothing, but for those that this route honours."""
    plain = Unserved()
    return [
        f"{field} is not available {'here' if field in ELSEWHERE else 'yet'}: {said}."
        for field, said in SAID.items()
        if field not in type(honoured).model_fields and getattr(asked, field) != getattr(plain, field)
    ]


def _cannot(field: str) -> InvalidRequest:
    return InvalidRequest(
        field, f"{field} is not available yet, and without it another picture would come out; leave it out."
    )
