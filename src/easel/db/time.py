"""The present by the database's clock: the one clock that all machines of an installation share."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, literal

from easel.kit.clock import Clock


def present(clock: Clock) -> ColumnElement[datetime]:
    """The time in SQL: that of the statement, or the one at which a test's clock is held."""
    return func.statement_timestamp() if clock.held is None else literal(clock.held)
