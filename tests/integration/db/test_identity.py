import pytest

from easel.db.identity import claim_database
from easel.db.session import Database
from easel.domain.errors import Conflict


def test_a_database_keeps_to_its_first_secret(database: Database) -> None:
    for _ in range(2):
        with database.transaction() as session:
            claim_database(session, "a" * 32)
    with pytest.raises(Conflict, match="EASEL_SECRET"), database.transaction() as session:
        claim_database(session, "b" * 32)
