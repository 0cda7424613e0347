"""Cards of many models, with what the database knows of them all asked at once."""

from collections.abc import Collection, Sequence

from sqlalchemy.orm import Session

from easel.artifacts.links import LinkSigner
from easel.catalogue.adapters import drawn_on
from easel.catalogue.tables import Model
from easel.generations.popular import popular_models
from easel.site.describe import ModelCard, card_of
from easel.site.pictures import cover_of_each


def cards_of(
    session: Session, links: LinkSigner, models: Sequence[Model], popular: Collection[str] | None = None
) -> list[ModelCard]:
    """`popular` where it is known already."""
    popular = popular_models(session) if popular is None else popular
    covers = cover_of_each(session, links, [model.model_id for model in models])
    return [
        card_of(
            model,
            drawn_on(session, model),
            is_popular=model.model_id in popular,
            picture=covers.get(model.model_id),
        )
        for model in models
    ]
