"""What a webhook says of a generation: each in the words of the dialect that it was ordered in."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy.orm import Session

from easel.artifacts.links import LinkSigner
from easel.gateway.dialects.modelslab import answers as modelslab
from easel.gateway.dialects.modelslab.links import Links
from easel.generations.queries import GenerationView, view_by_id
from easel.kit.clock import Clock
from easel.webhooks.deliver import Render

Tell: TypeAlias = Callable[[GenerationView, LinkSigner], Mapping[str, Any]]


def _modelslab(view: GenerationView, signer: LinkSigner) -> Mapping[str, Any]:
    return modelslab.told(view, Links(view.base_url, "", signer))


DIALECTS: Final[Mapping[str, Tell]] = {"modelslab": _modelslab}
"""By the `dialect` in a generation's details."""


def teller(clock: Clock, signer: LinkSigner) -> Render:
    """What `webhooks.courier` writes bodies with."""

    def tell(session: Session, generation_id: int) -> Mapping[str, Any]:
        view = view_by_id(session, clock, generation_id)
        return DIALECTS.get(view.details.get("dialect", ""), _modelslab)(view, signer)

    return tell
