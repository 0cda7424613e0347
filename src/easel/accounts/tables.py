"""Who asks, and the secrets they ask with. Of a secret only its SHA-256 is stored."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base


class Role(StrEnum):
    OWNER = "owner"
    """Whoever runs the installation; there is one."""
    ADMIN = "admin"
    MEMBER = "member"


class Account(Base):
    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        Index("uq_accounts_owner", "role", unique=True, postgresql_where=text("role = 'owner'")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    """In lower case."""
    role: Mapped[str] = mapped_column(server_default=Role.MEMBER)
    plan: Mapped[str] = mapped_column(server_default="pay-as-you-go")
    created_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]


class ApiKey(Base):
    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    """The first characters, for people to tell keys apart."""
    sha256: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    """Right to the minute."""
    revoked_at: Mapped[datetime | None]


class SignInToken(Base):
    __tablename__ = "sign_in_tokens"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
