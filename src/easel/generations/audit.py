"""Proof, on a live database, that requests, jobs, pictures, money and webhooks agree.

Each check is one statement and thus sees one moment of the database, so an audit may run beside traffic.
"""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import text
from sqlalchemy.orm import Session

CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "Generation {0} has {1} jobs instead of one": """
            SELECT g.id, count(j.id) FROM generations g
            LEFT JOIN jobs j ON j.kind = 'generate' AND j.subject_id = g.id
            GROUP BY g.id HAVING count(j.id) <> 1 ORDER BY g.id""",
        "Job {0} is about generation {1}, which there is not": """
            SELECT j.id, j.subject_id FROM jobs j
            WHERE j.kind = 'generate' AND NOT EXISTS (SELECT FROM generations g WHERE g.id = j.subject_id)
            ORDER BY j.id""",
        "Generation {0} is {1}, but its hold {2} is {3}": """
            SELECT g.id, j.state, h.id, h.state FROM generations g
            JOIN jobs j ON j.kind = 'generate' AND j.subject_id = g.id JOIN holds h ON h.id = g.hold_id
            WHERE h.state <> CASE j.state WHEN 'done' THEN 'captured'
                WHEN 'failed' THEN 'released' WHEN 'cancelled' THEN 'released' ELSE 'held' END
            ORDER BY g.id""",
        "Generation {0} says that {1} micro-dollars were paid, but of its hold of {3} were {2}": """
            SELECT g.id, coalesce(g.captured::text, 'no'), h.captured, h.amount FROM generations g
            JOIN holds h ON h.id = g.hold_id
            WHERE coalesce(g.captured, 0) <> h.captured OR (g.captured IS NULL) <> (h.state = 'held')
                OR g.quoted <> h.amount
            ORDER BY g.id""",
        "Hold {0} of account {1} is for generation {2}, which is another account's": """
            SELECT h.id, h.account_id, g.id FROM generations g JOIN holds h ON h.id = g.hold_id
            WHERE h.account_id <> g.account_id ORDER BY g.id""",
        "Hold {0} stands for {1} generations": """
            SELECT hold_id, count(*) FROM generations GROUP BY hold_id HAVING count(*) > 1 ORDER BY hold_id""",
        "Generation {0} is done with {1} pictures instead of {2}": """
            SELECT g.id, count(a.id), (g.request ->> 'samples')::bigint FROM generations g
            JOIN jobs j ON j.kind = 'generate' AND j.subject_id = g.id AND j.state = 'done'
            LEFT JOIN artifacts a ON a.generation_id = g.id
            GROUP BY g.id HAVING count(a.id) <> (g.request ->> 'samples')::bigint ORDER BY g.id""",
        "Generation {0} has ended, and {1} webhooks tell of it instead of {2}": """
            SELECT g.id, count(w.id), (g.webhook IS NOT NULL)::int FROM generations g
            JOIN jobs j ON j.kind = 'generate' AND j.subject_id = g.id
            LEFT JOIN webhook_deliveries w ON w.generation_id = g.id
            GROUP BY g.id, j.state
            HAVING count(w.id) <> (g.webhook IS NOT NULL AND j.state IN ('done', 'failed', 'cancelled'))::int
            ORDER BY g.id""",
        "Job {0} went from {1} to {2}, which is no legal move": """
            SELECT e.job_id, coalesce(e.from_state, 'nothing'), e.to_state FROM job_events e
            WHERE CASE WHEN e.from_state IS NULL THEN e.to_state <> 'queued' ELSE NOT EXISTS (
                SELECT FROM job_moves m WHERE m.from_state = e.from_state AND m.to_state = e.to_state) END
            ORDER BY e.id""",
        "The guard jobs_guard_moves is missing or switched off; restore it from migration 0005": """
            SELECT WHERE NOT EXISTS (
                SELECT FROM pg_trigger WHERE tgname = 'jobs_guard_moves' AND tgenabled IN ('O', 'A'))""",
    }
)


def audit(session: Session) -> list[str]:
    """What disagrees, a sentence each; empty when everything is as it should be."""
    return [sentence.format(*row) for sentence, query in CHECKS.items() for row in session.execute(text(query))]
