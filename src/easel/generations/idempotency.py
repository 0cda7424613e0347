"""A submit that is sent twice orders once: a client's key stands for the generation that it ordered first."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.domain.errors import Conflict, InvalidRequest
from easel.generations.tables import Generation, IdempotencyKey
from easel.kit.clock import Clock

KEPT: Final = timedelta(hours=24)
LONGEST_KEY: Final = 255


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's key and a fingerprint of what was asked with it. Raises InvalidRequest for an unfit key."""

    key: str
    request_sha256: str

    def __post_init__(self) -> None:
        if not 0 < len(self.key) <= LONGEST_KEY or not self.key.isascii() or not self.key.isprintable():
            raise InvalidRequest(
                "Idempotency-Key",
                f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID",
            )


def find_repeated(session: Session, clock: Clock, account_id: int, asked: Idempotency) -> Generation | None:
    """What the key has ordered already. Raises Conflict when that was something else.

    A twin that is being written at this moment is seen by whoever asks once more under the account's lock.
    """
    known = session.execute(
        select(IdempotencyKey.request_sha256, IdempotencyKey.generation_id).where(
            IdempotencyKey.account_id == account_id,
            IdempotencyKey.key == asked.key,
            IdempotencyKey.created_at > clock.now() - KEPT,
        )
    ).one_or_none()
    if known is None:
        return None
    if known.request_sha256 != asked.request_sha256:
        raise Conflict(
            f"This Idempotency-Key was sent with another request, which is number {known.generation_id}; "
            "send a new key with a new request."
        )
    return session.get_one(Generation, known.generation_id)


def remember(session: Session, clock: Clock, account_id: int, asked: Idempotency, generation_id: int) -> None:
    """To be called under the account's lock, after `find_repeated` has found nothing."""
    said = {"request_sha256": asked.request_sha256, "generation_id": generation_id, "created_at": clock.now()}
    new = insert(IdempotencyKey).values(account_id=account_id, key=asked.key, **said)
    # A key that is there all the same is one that has run out.
    session.execute(new.on_conflict_do_update(index_elements=["account_id", "key"], set_=said))


def forget_old(session: Session, clock: Clock) -> None:
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at <= clock.now() - KEPT))
