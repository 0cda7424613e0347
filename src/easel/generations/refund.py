"""Give back what a delivered generation has cost."""

from sqlalchemy.orm import Session

from easel.billing import ledger
from easel.domain.errors import Conflict, NotFound
from easel.domain.money import Micros
from easel.generations.tables import Generation
from easel.kit.clock import Clock


def refund(session: Session, clock: Clock, generation_id: int, amount: Micros | None, key: str, reason: str) -> Micros:
    """The amount given back: all that is left of the cost unless said. `captured` stays what was paid at first.

    Raises NotFound, Conflict where nothing was paid, InvalidRequest for more than is left.
    """
    generation = session.get(Generation, generation_id)
    if generation is None:
        raise NotFound(f"There is no generation {generation_id}")
    if not generation.captured:
        raise Conflict(f"Generation {generation_id} has cost nothing; there is nothing to give back")
    known = ledger.refund_under(session, key)
    if amount is None and known is not None and known.hold_id == generation.hold_id:
        return known.amount
    left = Micros(generation.captured - ledger.refunded(session, generation.hold_id))
    if amount is None and not left:
        raise Conflict(f"All that generation {generation_id} has cost was given back before")
    given = left if amount is None else amount
    ledger.refund(session, clock, generation.hold_id, given, key, reason)
    return given
