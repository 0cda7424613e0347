"""NOTIFY, as part of a transaction: the message goes out when, and only when, the transaction commits."""

import json
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

JOBS: Final = "easel_jobs"
"""Something to claim; the payload is empty."""

GENERATIONS: Final = "easel_generations"
"""Something happened to a generation; the payload is JSON with `generation` (its id) and `event`."""


MESSAGES: Final = "easel messages"
"""Where a session keeps them until it commits."""

SEND: Final = text("""
    SELECT count(pg_notify(channel, payload))
    FROM unnest(CAST(:channels AS text[]), CAST(:payloads AS text[])) AS message (channel, payload)
""")


def notify(session: Session, channel: str, **payload: Any) -> None:
    message = (channel, json.dumps(payload) if payload else "")
    session.info.setdefault(MESSAGES, {})[message] = None


def send_notifications(session: Session) -> None:
    """All that the transaction has to say, each once and in turn, as its last statement."""
    messages: dict[tuple[str, str], None] | None = session.info.pop(MESSAGES, None)
    if messages:
        session.flush()
        channels, payloads = zip(*messages, strict=True)
        session.execute(SEND, {"channels": list(channels), "payloads": list(payloads)})
