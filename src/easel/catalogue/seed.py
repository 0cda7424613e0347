"""Bring the catalogue's table up to the catalogue's file."""

from dataclasses import asdict

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.catalogue.entries import read_entries
from easel.catalogue.tables import Model
from easel.catalogue.weights import comes_with_the_package

OPERATORS_OWN = {"model_id", "price", "weights", "objective", "resolution"}
"""What the file says of these counts for a new row only; afterwards it is what the operator set or installed."""


def seed_catalogue(session: Session) -> None:
    """Add new models and renew the texts, defaults and limits of known ones. Models that left the file stay."""
    for entry in read_entries():
        weights = entry.source if comes_with_the_package(entry.source) else None
        row = asdict(entry) | {"weights": weights}
        renewed = {column: value for column, value in row.items() if column not in OPERATORS_OWN}
        if entry.family is None:
            del renewed["family"]  # whoever installed the weights found it out
        session.execute(insert(Model).values(row).on_conflict_do_update(index_elements=["model_id"], set_=renewed))
