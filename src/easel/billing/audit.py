"""Proof, on a live database, that no money was made, lost or charged twice.

Each check is one statement and thus sees one moment of the database, so an audit may run beside traffic.
"""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import text
from sqlalchemy.orm import Session

CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "All entries together sum to {0} micro-dollars instead of zero": """
            SELECT sum(amount) FROM ledger_entries HAVING sum(amount) <> 0""",
        "Transfer {0} sums to {1} micro-dollars instead of zero": """
            SELECT t.id, coalesce(sum(e.amount)::text, 'nothing')
            FROM ledger_transfers t LEFT JOIN ledger_entries e ON e.transfer_id = t.id
            GROUP BY t.id HAVING sum(e.amount) IS DISTINCT FROM 0 ORDER BY t.id""",
        "Wallet {0} says {1} micro-dollars, but its entries sum to {2}": """
            SELECT w.id, w.balance, coalesce(sum(e.amount), 0)
            FROM wallets w LEFT JOIN ledger_entries e ON e.wallet_id = w.id
            WHERE w.account_id IS NOT NULL
            GROUP BY w.id HAVING w.balance <> coalesce(sum(e.amount), 0) ORDER BY w.id""",
        "Wallet {0} is overdrawn: {1} micro-dollars": """
            SELECT id, balance FROM wallets WHERE balance < 0 ORDER BY id""",
        "Account {0} has {1} micro-dollars reserved, but its open holds sum to {2}": """
            SELECT coalesce(w.account_id, h.account_id), coalesce(w.balance, 0), coalesce(h.held, 0)
            FROM (SELECT account_id, balance FROM wallets WHERE kind = 'reserved') w
            FULL JOIN (SELECT account_id, sum(amount) AS held FROM holds WHERE state = 'held' GROUP BY account_id) h
                USING (account_id)
            WHERE coalesce(w.balance, 0) <> coalesce(h.held, 0) ORDER BY 1""",
        "Hold {0} is {1}, but the ledger has {2} transfers that reserve it and {3} that end it": """
            SELECT h.id, h.state, count(t.id) FILTER (WHERE t.kind = 'hold'),
                count(t.id) FILTER (WHERE t.kind IN ('capture', 'release'))
            FROM holds h LEFT JOIN ledger_transfers t ON t.key IN ('hold:' || h.id, 'end:' || h.id)
            WHERE h.amount > 0
            GROUP BY h.id
            HAVING count(t.id) FILTER (WHERE t.kind = 'hold') <> 1
                OR count(t.id) FILTER (WHERE t.kind IN ('capture', 'release')) <> (h.state <> 'held')::int
            ORDER BY h.id""",
        "Captured holds less refunds, and fees, sum to {0} micro-dollars, but the house has earned {1}": """
            SELECT h.captured - r.refunded + f.charged, e.earned
            FROM (SELECT coalesce(sum(captured), 0) AS captured FROM holds) h,
                (SELECT coalesce(sum(amount), 0) AS refunded FROM refunds) r,
                (SELECT coalesce(-sum(e.amount), 0) AS charged
                 FROM ledger_entries e JOIN ledger_transfers t ON t.id = e.transfer_id
                    JOIN wallets w ON w.id = e.wallet_id
                 WHERE t.kind = 'fee' AND w.kind = 'available') f,
                (SELECT coalesce(sum(amount), 0) AS earned
                 FROM ledger_entries JOIN wallets w ON w.id = wallet_id WHERE w.kind = 'revenue') e
            WHERE h.captured - r.refunded + f.charged <> e.earned""",
        "Hold {0} captured {1} micro-dollars, and {2} of it were refunded": """
            SELECT h.id, h.captured, sum(r.amount) FROM holds h JOIN refunds r ON r.hold_id = h.id
            GROUP BY h.id HAVING sum(r.amount) > h.captured ORDER BY h.id""",
        "Refund {0} of {1} micro-dollars is not in the ledger": """
            SELECT r.id, r.amount FROM refunds r
            WHERE NOT EXISTS (SELECT 1 FROM ledger_transfers t WHERE t.key = 'refund:' || r.key) ORDER BY r.id""",
        "Payment {0} of {1} micro-dollars is {2}, but the ledger has {3} credits for it": """
            SELECT p.id, p.amount, p.state, count(t.id)
            FROM top_ups p LEFT JOIN ledger_transfers t ON t.key = 'credit:top-up:' || p.uuid
            GROUP BY p.id HAVING count(t.id) <> (p.state = 'paid')::int ORDER BY p.id""",
        "The guard {0} is missing or switched off; restore it from migration 0003 or 0010": """
            SELECT guard FROM unnest(ARRAY[
                'ledger_entries_add_to_balance', 'wallets_guard', 'wallets_stay', 'holds_guard', 'holds_stay',
                'ledger_entries_append_only', 'ledger_transfers_append_only',
                'ledger_entries_sum_to_zero', 'ledger_transfers_sum_to_zero',
                'refunds_guard', 'refunds_append_only', 'payment_events_append_only']) AS guard
            WHERE NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = guard AND tgenabled IN ('O', 'A'))
            ORDER BY guard""",
    }
)


def audit(session: Session) -> list[str]:
    """What is wrong, a sentence each; empty when every invariant holds."""
    return [sentence.format(*row) for sentence, query in CHECKS.items() for row in session.execute(text(query))]
