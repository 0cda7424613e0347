"""NOTIFY for what a transaction has done: the message goes out when, and only when, it has committed.

Not as part of it: PostgreSQL lets only one transaction that notifies commit at a time, through its write to the disk,
and so no two submits could share one. A herald sends the messages right after the commit instead. One is lost if the
process dies in between; whoever listens looks at the rows from time to time anyway (see db/listener).
"""

import json
import queue
import threading
from typing import Any, Final, TypeAlias

import psycopg
import structlog
from sqlalchemy.orm import Session

JOBS: Final = "easel_jobs"
"""Something to claim; the payload is empty."""

GENERATIONS: Final = "easel_generations"
"""Something happened to a generation; the payload is JSON with `generation` (its id) and `event`."""

CHECKS: Final = "easel_checks"
"""A picture that somebody asked about has been looked at; the payload is JSON with `check` (its id)."""

Message: TypeAlias = tuple[str, str]
"""Channel and payload."""

UNSENT: Final = "easel messages"
"""Where a session keeps them until it has committed."""

SEND: Final = """
    SELECT count(pg_notify(channel, payload))
    FROM unnest(%s::text[], %s::text[]) AS message (channel, payload)
"""

log = structlog.get_logger()


def notify(session: Session, channel: str, **payload: Any) -> None:
    message = (channel, json.dumps(payload) if payload else "")
    session.info.setdefault(UNSENT, {})[message] = None


def unsent_of(session: Session) -> list[Message]:
    """What the transaction has to say, each once and in turn."""
    return list(session.info.pop(UNSENT, ()))


class Herald:
    """Sends messages from a thread and a connection of its own, all that have come together at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._messages: queue.SimpleQueue[list[Message] | None] = queue.SimpleQueue()
        self._connection: psycopg.Connection | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def tell(self, messages: list[Message]) -> None:
        """Returns at once."""
        if not messages:
            return
        self._messages.put(messages)
        if self._thread is None:
            self._start()

    def close(self) -> None:
        """Returns when everything is sent."""
        if self._thread:
            self._messages.put(None)
            self._thread.join(timeout=10)
            self._thread = None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="herald", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch = [self._messages.get()]
            while not self._messages.empty():
                batch.append(self._messages.get_nowait())
            is_last = None in batch
            self._send(list(dict.fromkeys(message for messages in batch for message in messages or ())))
        self._leave()

    def _send(self, messages: list[Message]) -> None:
        """Twice at most: the connection may be from before the database was started anew."""
        for is_second in (False, True):
            try:
                if messages:
                    self._connect().execute(SEND, [list(part) for part in zip(*messages, strict=True)])
                return
            except psycopg.Error as error:
                self._leave()
                if is_second:
                    log.warning("messages lost", messages=len(messages), error=type(error).__name__)

    def _leave(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connect(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, autocommit=True)
            # A message writes nothing that has to outlive a crash.
            self._connection.execute("SET synchronous_commit = off")
        return self._connection
