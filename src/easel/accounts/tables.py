"""Who asks, and the secrets they ask with. Of a secret only its SHA-256 is stored, of a password its Argon2 hash."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from easel.db.base import Base


class Role(StrEnum):
    """What each may do stands in accounts/roles.py."""

    OWNER = "owner"
    """Whoever runs the installation; there is one."""
    ADMIN = "admin"
    MEMBER = "member"


class Scope(StrEnum):
    """What a key may be used for."""

    GENERATE = "generate"
    """Order pictures and cancel them."""
    READ = "read"
    """Look: at pictures, models and money."""
    ADMIN = "admin"
    """What the role of the key's account allows beyond its own pictures; of no use to a member."""


class Purpose(StrEnum):
    """What a one-time token is good for."""

    SIGN_IN = "sign_in"
    SIGN_UP = "sign_up"
    """Proves an address that has no account yet."""
    RESET = "reset"
    """Choose a new password."""
    EMAIL = "email"
    """Proves the address that an account wants to change to."""


class Account(Base):
    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        Index("uq_accounts_owner", "role", unique=True, postgresql_where=text("role = 'owner'")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    """As `emails.normalise` writes it."""
    email_verified_at: Mapped[datetime | None]
    """When somebody proved that they read this address; None while nobody has."""
    password_hash: Mapped[str | None]
    """None for an account that signs in by link or through a provider only."""
    role: Mapped[str] = mapped_column(server_default=Role.MEMBER)
    plan: Mapped[str] = mapped_column(server_default="pay-as-you-go")
    created_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]


class ApiKey(Base):
    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint(
            "cardinality(scopes) > 0 AND scopes <@ ARRAY['generate', 'read', 'admin']::text[]", name="scopes"
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    """The first characters, for people to tell keys apart."""
    sha256: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    """Right to the minute."""
    revoked_at: Mapped[datetime | None]

    account: Mapped[Account] = relationship(lazy="raise", viewonly=True)
    """Loaded by `keys.authenticate`."""


class KeyOptions(Base):
    """What a client has set for itself: a client is known by its key, so its settings are the key's."""

    __tablename__ = "key_options"

    api_key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id"), primary_key=True)
    dialect: Mapped[str] = mapped_column(primary_key=True)
    options: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """In the dialect's own words; opaque here."""


class BrowserSession(Base):
    """One browser that is signed in. Signing out deletes the row, so a copied cookie is worth nothing afterwards."""

    __tablename__ = "browser_sessions"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    agent: Mapped[str]
    """What the browser calls itself, for people to tell their sessions apart."""
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    """Right to some minutes."""
    expires_at: Mapped[datetime]


class OneTimeToken(Base):
    """A secret that was handed or mailed to somebody, good for one act within its time."""

    __tablename__ = "one_time_tokens"
    __table_args__ = (
        CheckConstraint("purpose IN ('sign_in', 'sign_up', 'reset', 'email')", name="purpose"),
        CheckConstraint("account_id IS NOT NULL OR purpose = 'sign_up'", name="account"),
        CheckConstraint("email IS NOT NULL OR purpose IN ('sign_in', 'reset')", name="email"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    purpose: Mapped[str] = mapped_column(server_default=Purpose.SIGN_IN)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    email: Mapped[str | None]
    """The address that the token was mailed to; using the token proves that somebody reads it."""
    sha256: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ProvidedIdentity(Base):
    """Somebody as an OpenID Connect provider knows them."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    issuer: Mapped[str]
    subject: Mapped[str]
    """The provider's own name for the person: the only one that never changes hands."""
    created_at: Mapped[datetime]


class OperatorAction(Base):
    """What somebody did with power over others. Only added to."""

    __tablename__ = "operator_actions"
    __table_args__ = (Index(None, "account_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    """Whom it was done to; None: to the installation."""
    sentence: Mapped[str]
    """Goes on after the operator's name: "suspended Ada"."""
    created_at: Mapped[datetime]


class Allowance(Base):
    """How much of a limit on attempts is used up, as one moment in time; see accounts/attempts.py."""

    __tablename__ = "allowances"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    """Of what is counted: addresses and e-mails are not kept."""
    used_until: Mapped[datetime] = mapped_column(index=True)
