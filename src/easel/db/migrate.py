"""Bring a database to this version's tables."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine, text

from easel.db.role import ROLE, prepare_role
from easel.db.session import Database, sqlalchemy_url

FOLDER = Path(__file__).parent / "migrations"

# One process migrates, the others wait; any constant serves as the name of the lock.
LOCK = 0xEA5E1


def migration_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


def migrate(database: Database) -> None:
    """Apply all migrations that the database does not have yet. From then on the program works in its own role."""
    # A connection of its own: the pool's are all to be in the role.
    owner = create_engine(sqlalchemy_url(database.url), poolclass=NullPool, hide_parameters=True)
    with owner.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        has_role = prepare_role(connection)
    if has_role:
        database.take_role(ROLE)
