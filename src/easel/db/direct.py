"""Statements of the busiest paths, run on a session's own connection but past SQLAlchemy.

What SQLAlchemy does around a statement costs several times the statement itself where that finds one row by its key. A
submit makes a dozen of them, and hundreds of submits a second are wanted of two cores. Everything else is written with
SQLAlchemy: this is for statements that every submit runs.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session


def direct(session: Session, statement: str, parameters: Mapping[str, Any]) -> list[Any]:
    """The rows of one statement, as named tuples, in the session's transaction and after what it has to write.

    `statement` names its parameters as psycopg does, `%(name)s`. Raises what SQLAlchemy would raise.
    """
    session.flush()
    connection = session.connection()
    try:
        with connection.connection.cursor() as cursor:  # pyright: ignore[reportGeneralTypeIssues]
            cursor.row_factory = namedtuple_row
            cursor.execute(statement, parameters)
            # Not `description`, which describes every column anew.
            return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
    except psycopg.Error as error:
        is_disconnect: Any = connection.dialect.is_disconnect
        if lost := is_disconnect(error, connection.connection.driver_connection, None):
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=lost
        ) from error
