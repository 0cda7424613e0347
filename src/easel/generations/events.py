"""What live listeners hear about a generation. The row is the truth; a lost event costs nothing but promptness."""

from typing import Any, Literal

from sqlalchemy.orm import Session

from easel.db.notify import GENERATIONS, notify

Event = Literal["queued", "started", "step", "preview", "done", "failed", "cancelled"]


def announce(session: Session, generation_id: int, event: Event, **details: Any) -> None:
    """Heard when, and only when, the caller's transaction commits."""
    notify(session, GENERATIONS, generation=generation_id, event=event, **details)
