"""NOTIFY, as part of a transaction: the message goes out when, and only when, the transaction commits."""

import json
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

JOBS: Final = "easel_jobs"
"""Something to claim; the payload is empty."""

GENERATIONS: Final = "easel_generations"
"""Something happened to a generation; the payload is JSON with `generation` (its id) and `event`."""


def notify(session: Session, channel: str, **payload: Any) -> None:
    session.execute(
        text("SELECT pg_notify(:channel, :payload)"),
        {"channel": channel, "payload": json.dumps(payload) if payload else ""},
    )
