"""Whose database this is: processes with another secret would sign links that nobody can open, and are refused."""

import hashlib

from sqlalchemy import CheckConstraint, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from easel.db.base import Base
from easel.domain.errors import Conflict


class InstallationRow(Base):
    """One row: the fingerprint of the secret that the installation's processes share."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    secret_sha256: Mapped[str]


def claim_database(session: Session, secret: str) -> None:
    """The first secret to come is the database's; any other raises Conflict."""
    fingerprint = fingerprint_of(secret)
    session.execute(insert(InstallationRow).values(id=1, secret_sha256=fingerprint).on_conflict_do_nothing())
    if session.scalar(select(InstallationRow.secret_sha256)) != fingerprint:
        raise Conflict(
            "This database belongs to an installation with another secret; "
            "set EASEL_SECRET to what stands in the file `secret` of its data folder, as its gateway has it."
        )


def fingerprint_of(secret: str) -> str:
    return hashlib.sha256(b"easel installation " + secret.encode()).hexdigest()
