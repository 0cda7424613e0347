"""One transaction is all or nothing."""

import pytest
from sqlalchemy import text

from easel.db.session import Database


def rows(database: Database) -> int:
    with database.transaction() as session:
        return session.execute(text("SELECT count(*) FROM notes")).scalar_one()


@pytest.fixture(autouse=True)
def table(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE notes (id int)"))


def test_a_block_that_ends_is_committed(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("INSERT INTO notes VALUES (1)"))
    assert rows(database) == 1


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    def interrupted() -> None:
        with database.transaction() as session:
            session.execute(text("INSERT INTO notes VALUES (1)"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert rows(database) == 0
