"""The catalogue: what a customer may name by `model_id`."""

from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base
from easel.domain.money import Micros


class Model(Base):
    __tablename__ = "models"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('checkpoint', 'lora', 'embedding', 'vae', 'controlnet', 'upscaler')",
            name="kind",
        ),
        CheckConstraint("price >= 0", name="price"),
    )

    model_id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    kind: Mapped[str]
    family: Mapped[str | None]
    """None where the caller chooses the base, as for a LoRA."""
    name: Mapped[str]
    summary: Mapped[str]
    """One line."""
    description: Mapped[str]
    """Paragraphs of plain text, parted by empty lines."""
    licence: Mapped[str]
    price: Mapped[Micros]
    """Per picture. Seeded once; afterwards the operator's."""
    defaults: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What a draft may leave out: the fields of `limits.Defaults`; empty for what is no checkpoint."""
    limits: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What a draft may ask for: the fields of `limits.Limits`; empty for what is no checkpoint."""
    source: Mapped[str | None]
    """Where the weights come from: `package:NAME`, `hf:OWNER/NAME`, or None where there is none to fetch."""
    weights: Mapped[str | None]
    """Where they are on this installation: `package:NAME` or an absolute folder; None while not installed."""
