"""What operators did, written down in the transaction that did it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.accounts.tables import Account, OperatorAction
from easel.kit.clock import Clock


def note(session: Session, clock: Clock, operator: Account, sentence: str, *, account_id: int | None = None) -> None:
    """`sentence` goes on after the operator's name: "suspended Ada"; `account_id` is whom it was done to."""
    action = OperatorAction(operator_id=operator.id, account_id=account_id, sentence=sentence, created_at=clock.now())
    session.add(action)


def list_actions(
    session: Session, *, account_id: int | None = None, before: int | None = None, limit: int = 50
) -> list[tuple[OperatorAction, str]]:
    """The newest first, each with its operator's name; those done to one account, or all."""
    newest = select(OperatorAction, Account.name).join(Account, Account.id == OperatorAction.operator_id)
    if account_id is not None:
        newest = newest.where(OperatorAction.account_id == account_id)
    if before is not None:
        newest = newest.where(OperatorAction.id < before)
    rows = session.execute(newest.order_by(OperatorAction.id.desc()).limit(limit))
    return [(action, name) for action, name in rows]
