"""People: passwords, browser sessions, tokens for every purpose, identities of providers; scopes of keys; limits."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("accounts", sa.Column("email_verified_at", TIME))
    op.add_column("accounts", sa.Column("password_hash", sa.Text))

    # Keys that are there could order and look; the owner's may do whatever the owner may.
    op.add_column("api_keys", sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False, server_default="{generate,read}"))
    op.alter_column("api_keys", "scopes", server_default=None)
    op.execute(
        "UPDATE api_keys SET scopes = '{generate,read,admin}' FROM accounts "
        "WHERE accounts.id = account_id AND role = 'owner'"
    )
    op.create_check_constraint(
        op.f("ck_api_keys_scopes"),
        "api_keys",
        "cardinality(scopes) > 0 AND scopes <@ ARRAY['generate', 'read', 'admin']::text[]",
    )

    op.rename_table("sign_in_tokens", "one_time_tokens")
    op.execute("ALTER INDEX ix_sign_in_tokens_account_id RENAME TO ix_one_time_tokens_account_id")
    op.execute("ALTER TABLE one_time_tokens RENAME CONSTRAINT uq_sign_in_tokens_sha256 TO uq_one_time_tokens_sha256")
    op.add_column("one_time_tokens", sa.Column("purpose", sa.Text, nullable=False, server_default="sign_in"))
    op.add_column("one_time_tokens", sa.Column("email", sa.Text))
    op.alter_column("one_time_tokens", "account_id", nullable=True)
    for name, rule in (
        ("purpose", "purpose IN ('sign_in', 'sign_up', 'reset', 'email')"),
        ("account", "account_id IS NOT NULL OR purpose = 'sign_up'"),
        ("email", "email IS NOT NULL OR purpose IN ('sign_in', 'reset')"),
    ):
        op.create_check_constraint(op.f(f"ck_one_time_tokens_{name}"), "one_time_tokens", rule)

    op.create_table(
        "browser_sessions",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.UniqueConstraint("sha256", name="uq_browser_sessions_sha256"),
    )
    op.create_table(
        "identities",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
    )
    op.create_table(
        "allowances",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("used_until", TIME, nullable=False, index=True),
    )


def downgrade() -> None:
    op.drop_table("allowances")
    op.drop_table("identities")
    op.drop_table("browser_sessions")
    op.execute("DELETE FROM one_time_tokens WHERE purpose <> 'sign_in'")
    for name in ("purpose", "account", "email"):
        op.drop_constraint(op.f(f"ck_one_time_tokens_{name}"), "one_time_tokens")
    op.alter_column("one_time_tokens", "account_id", nullable=False)
    op.drop_column("one_time_tokens", "email")
    op.drop_column("one_time_tokens", "purpose")
    op.execute("ALTER TABLE one_time_tokens RENAME CONSTRAINT uq_one_time_tokens_sha256 TO uq_sign_in_tokens_sha256")
    op.execute("ALTER INDEX ix_one_time_tokens_account_id RENAME TO ix_sign_in_tokens_account_id")
    op.rename_table("one_time_tokens", "sign_in_tokens")
    op.drop_constraint(op.f("ck_api_keys_scopes"), "api_keys")
    op.drop_column("api_keys", "scopes")
    op.drop_column("accounts", "password_hash")
    op.drop_column("accounts", "email_verified_at")
