"""The role that the program works in: it may add to the ledger, and can neither change nor remove a line of it.

The triggers say the same (migration 0003); the role holds even where somebody has switched a trigger off. Migrations
run as whoever the URL names, who owns the tables. Where that user may not create roles, there is none, and the
triggers stand alone.
"""

from sqlalchemy import Connection, text

ROLE = "easel_service"
"""Shared by all databases of a server: a role belongs to the server."""

APPEND_ONLY = ("ledger_entries", "ledger_transfers", "refunds", "plan_changes", "payment_events", "operator_actions")
STAYING = ("wallets", "holds")
"""Rows that change in place, but are never removed."""

CREATE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        CREATE ROLE {ROLE} NOLOGIN;
    END IF;
    IF NOT pg_has_role(current_user, '{ROLE}', 'MEMBER') THEN
        GRANT {ROLE} TO CURRENT_USER;
    END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
    NULL;
END $$
"""

USABLE = f"SELECT count(*) > 0 FROM pg_roles WHERE rolname = '{ROLE}' AND pg_has_role(current_user, oid, 'MEMBER')"

# Whether a table came since the last time.
INCOMPLETE = f"""
SELECT NOT bool_and(has_table_privilege('{ROLE}', c.oid, 'INSERT'))
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
"""

GRANTS = (
    f"GRANT USAGE ON SCHEMA public TO {ROLE}",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}",
    f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {ROLE}",
    f"REVOKE UPDATE, DELETE ON {', '.join(APPEND_ONLY)} FROM {ROLE}",
    f"REVOKE DELETE ON {', '.join(STAYING)} FROM {ROLE}",
)


def prepare_role(connection: Connection) -> bool:
    """Make the role, and give it what it may do. False where this user cannot. One process at a time, please."""
    connection.execute(text(CREATE))
    if not connection.scalar(text(USABLE)):
        return False
    if connection.scalar(text(INCOMPLETE)):
        for grant in GRANTS:
            connection.execute(text(grant))
    return True
