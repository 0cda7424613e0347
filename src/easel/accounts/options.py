"""What a client has set for itself. Kept by key, so that two programs of one account do not change each other's."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.accounts.tables import ApiKey, KeyOptions


def options_of(session: Session, key: ApiKey, dialect: str) -> dict[str, Any]:
    """Nothing for a key that has set nothing."""
    found = session.get(KeyOptions, (key.id, dialect), populate_existing=True)
    return dict(found.options) if found else {}


def set_options(session: Session, key: ApiKey, dialect: str, changes: Mapping[str, Any]) -> None:
    """What is not among the changes stays. Two that come at once are both kept, option by option."""
    row = insert(KeyOptions).values(api_key_id=key.id, dialect=dialect, options=dict(changes))
    merged = KeyOptions.options.op("||")(row.excluded.options)
    session.execute(row.on_conflict_do_update(index_elements=["api_key_id", "dialect"], set_={"options": merged}))
