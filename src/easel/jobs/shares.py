"""Whose turn it is: weighted fair shares between the accounts of a class, and a bound on how long anybody waits.

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). Each job gets a virtual start: the virtual time at which
its account's last job ends, or the present virtual time if that is later, so that nobody saves up idle time. A job
lasts its work divided by its account's share. Jobs are taken by virtual start; over any stretch in which two accounts
both have jobs waiting, the work done for each, divided by its share, differs by at most one largest job of each.

The present virtual time is the smallest start in the line, and with an empty line the latest end that was promised.
All of it is decided once, when a job is queued: taking one from the line reads the head of an index.

A class with a higher priority goes first, and would let others wait for ever; so would a model that is never
resident. Therefore of every `AGE_EVERY` places that a worker offers one goes to the job that has waited longest, once
it has waited for PATIENCE. A job with n older ones before it is taken at the latest with the `AGE_EVERY * (n + 1)`th
place after that.
"""

from datetime import timedelta
from typing import Final

PATIENCE: Final = timedelta(seconds=30)

AGE_EVERY: Final = 4

LINE_UP: Final = """
    WITH present AS (
        SELECT coalesce(
            (SELECT virtual_start FROM jobs
             WHERE kind = %(kind)s AND priority = %(priority)s AND state = 'queued' AND NOT suspect
             ORDER BY virtual_start LIMIT 1),
            (SELECT virtual_finish FROM queue_shares
             WHERE kind = %(kind)s AND priority = %(priority)s ORDER BY virtual_finish DESC LIMIT 1),
            0) AS virtual_time
    ), share AS (
        INSERT INTO queue_shares AS mine (account_id, kind, priority, virtual_finish)
        SELECT %(account_id)s, %(kind)s, %(priority)s, virtual_time + %(length)s::float FROM present
        ON CONFLICT (account_id, kind, priority) DO UPDATE
        SET virtual_finish = greatest(mine.virtual_finish, excluded.virtual_finish - %(length)s) + %(length)s
        RETURNING virtual_finish - %(length)s AS virtual_start
    )
"""
"""The beginning of the statement that queues a job: its place in the line, in `share`."""


def places_by_age(offered: int, limit: int) -> int:
    """How many of the next `limit` places go by age alone, when a worker has offered `offered` before."""
    return (offered + limit) // AGE_EVERY - offered // AGE_EVERY
