"""The migrations make exactly the tables that the code knows, can be undone, and wait for each other."""

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, inspect, text

from easel.db.base import Base
from easel.db.migrate import migrate, migration_config
from easel.db.session import Database

NOUNS = ("accounts", "artifacts", "billing", "catalogue", "generations", "jobs", "webhooks")


@pytest.fixture(autouse=True)
def all_tables() -> None:
    import_module("easel.db.identity")
    for noun in NOUNS:
        import_module(f"easel.{noun}.tables")


def test_the_migrations_and_the_mappings_agree(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        assert compare_metadata(context, Base.metadata) == []


def test_every_check_of_the_mappings_is_in_the_migrations(database: Database) -> None:
    """Alembic does not compare these."""
    mapped = {
        (table.name, str(constraint.name))
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    with database.engine.connect() as connection:
        known = inspect(connection)
        migrated = {
            (table, str(c["name"])) for table in known.get_table_names() for c in known.get_check_constraints(table)
        }
    assert mapped
    assert mapped - migrated == set()


def test_there_is_one_line_of_migrations() -> None:
    script = ScriptDirectory.from_config(migration_config())
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1


def test_they_can_be_undone_and_done_again(empty_database: Database) -> None:
    migrate(empty_database)
    with empty_database.engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        connection.execute(text("SET LOCAL ROLE NONE"))
        command.downgrade(config, "base")
        left = set(inspect(connection).get_table_names()) - {"alembic_version"}
        functions = connection.scalars(
            text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1")
        ).all()
    assert (left, functions) == (set(), [])
    migrate(empty_database)


def test_processes_that_start_at_once_migrate_once(empty_database: Database) -> None:
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: migrate(empty_database), range(5)))
    with empty_database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM wallets")).scalar_one() == 3
