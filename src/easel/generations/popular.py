"""What is drawn most here, and how fast."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from easel.generations.queries import LATEST_SECONDS

LATEST: Final = 5000
"""Deliveries that are counted: enough to tell, few enough to count for every page."""
MOST: Final = 3
FROM: Final = 10
"""A model with fewer of them is not called popular, however little the others are used."""

COUNTED: Final = text("""
    SELECT model_id FROM (
        SELECT model_id FROM generations WHERE seconds IS NOT NULL ORDER BY id DESC LIMIT :latest) AS latest
    GROUP BY model_id HAVING count(*) >= :at_least ORDER BY count(*) DESC, model_id LIMIT :most
""")


def popular_models(session: Session) -> frozenset[str]:
    """The models that most of the latest deliveries of this installation were drawn with."""
    return frozenset(session.scalars(COUNTED, {"latest": LATEST, "at_least": FROM, "most": MOST}))


def measured_seconds(session: Session, model_id: str) -> float | None:
    """From claim to delivery, the mean of the model's latest deliveries here; None before the first."""
    return session.scalar(text(LATEST_SECONDS.format(model=":model")), {"model": model_id})
