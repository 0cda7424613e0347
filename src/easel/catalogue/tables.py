"""The catalogue: what a customer may name by `model_id`; and what is being installed into it."""

from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base
from easel.db.leased import Leased
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
    """What a draft may leave out: the fields of `limits.Defaults`, of a LoRA those of `limits.LoraDefaults`."""
    limits: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What a draft may ask for: the fields of `limits.Limits`; empty for what is no checkpoint."""
    source: Mapped[str | None]
    """Where the weights come from: `package:NAME`, `hf:OWNER/NAME`, or None where there is none to fetch."""
    weights: Mapped[str | None]
    """Where they are on this installation: `package:NAME` or an absolute folder; None while not installed."""

    withdrawn: Mapped[str | None]
    """Where they are while an operator has taken the model off offer; `weights` is None then."""

    # What `easel models install` found out about the weights; None where nobody has looked.
    sha256: Mapped[str | None]
    """Of the weights' one file, as other tools name it; of the list of their files' hashes where there are several."""
    format: Mapped[str | None]
    """`diffusers` for a folder, `single-file` for an LDM checkpoint; for other kinds what their installer says."""
    size_bytes: Mapped[int | None]
    parameters: Mapped[int | None]
    resolution: Mapped[int | None]
    """Pixels along a side of the pictures that it was trained on."""
    objective: Mapped[str | None]
    """What its network answers with: `epsilon`, `v_prediction`, ..."""
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default="{}")
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default="{}")
    """What else the weights say of themselves, by kind: a LoRA's rank and base, a file's title and author."""


class ModelLoad(Leased, Base):
    """A model that somebody asked for over HTTP, and what came of it: see catalogue/loads.py."""

    __tablename__ = "model_loads"
    __table_args__ = (
        Index(None, "model_id", "id"),
        Index("ix_model_loads_open", "model_id", unique=True, postgresql_where=text("finished_at IS NULL")),
    )

    model_id: Mapped[str]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    """Who asked."""
    wanted: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The fields of `loads.Wanted`."""
    webhook: Mapped[str | None]
    replaced: Mapped[str | None]
    """Where the weights are that it took the place of, if they were made here; None when they are let go of."""
