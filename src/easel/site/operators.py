"""The machines at work: workers and queue, as they are now. Who may look is the role's to say (accounts/roles.py)."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from easel.accounts.keys import refuse_suspended
from easel.accounts.oversight import list_actions
from easel.accounts.queries import names_of
from easel.accounts.roles import Power, require
from easel.billing.audit import audit as find_faults
from easel.billing.wallets import totals
from easel.generations import operators
from easel.generations.audit import audit as find_disagreements
from easel.jobs.backlog import backlog, running_of_each, unfinished
from easel.jobs.states import JobState
from easel.jobs.tables import WorkerRow
from easel.jobs.workers import list_workers
from easel.site.site import Site, Visitor
from easel.site.wallet import LINE_NUMBER

HERE: Final = "/operator"
ACTIONS: Final = 50
SILENT: Final = timedelta(seconds=30)
"""A worker that was not heard of for so long is likely gone."""


@dataclass(frozen=True)
class Hand:
    """A worker, how many jobs it has, and how long ago it was heard of."""

    worker: WorkerRow
    jobs: int
    seconds: float

    @property
    def is_silent(self) -> bool:
        return self.seconds > SILENT.total_seconds()


@contextmanager
def overseeing(site: Site, request: Request, power: Power) -> Generator[tuple[Session, Visitor]]:
    """A page for operators, in one transaction. Raises SignInFirst for a stranger, NotAllowed for a member."""
    with site.mine(request) as (session, visitor):
        refuse_suspended(visitor.account)
        require(visitor.account, power)
        yield session, visitor


class Operators:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request) -> Response:
        with overseeing(self._site, request, Power.SEE_ACCOUNTS) as (session, visitor):
            now = self._now(session)
        return self._site.page(request, "operator.html", visitor=visitor, **now)

    def now(self, request: Request) -> Response:
        """The part of the page that changes; its script asks for it every two seconds."""
        with overseeing(self._site, request, Power.SEE_ACCOUNTS) as (session, visitor):
            now = self._now(session)
        headers = {"Cache-Control": "private, no-store"}
        return HTMLResponse(self._site.renderer.fragment("operator_now.html", visitor=visitor, **now), headers=headers)

    def stop(self, request: Request, generation_id: int, csrf: Annotated[str, Form()] = "") -> Response:
        """Cancel somebody's request: it costs nothing."""
        with self._site.sent(request, csrf) as (session, visitor):
            operators.stop(session, self._site.services.clock, visitor.account, generation_id)
        return RedirectResponse(HERE, 303)

    def ledger(self, request: Request) -> Response:
        with overseeing(self._site, request, Power.CREDIT) as (session, visitor):
            money = totals(session)
        return self._site.page(request, "operator_ledger.html", visitor=visitor, totals=money, faults=None)

    def audit(self, request: Request, csrf: Annotated[str, Form()] = "") -> Response:
        """A form, because it reads every line of the ledger."""
        with self._site.sent(request, csrf) as (session, visitor):
            require(visitor.account, Power.CREDIT)
            money, faults = totals(session), find_faults(session) + find_disagreements(session)
        return self._site.page(request, "operator_ledger.html", visitor=visitor, totals=money, faults=faults)

    def log(self, request: Request, before: LINE_NUMBER = None) -> Response:
        with overseeing(self._site, request, Power.SEE_ACCOUNTS) as (session, visitor):
            actions = list_actions(session, before=before, limit=ACTIONS + 1)
        return self._site.page(
            request,
            "operator_log.html",
            visitor=visitor,
            actions=actions[:ACTIONS],
            next=actions[ACTIONS - 1][0].id if len(actions) > ACTIONS else None,
            is_first=before is None,
        )

    def _now(self, session: Session) -> dict[str, Any]:
        present = self._site.services.clock.now()
        jobs, running = unfinished(session), running_of_each(session)
        return {
            "now": present,
            "backlog": backlog(session),
            "jobs": jobs,
            "running": JobState.RUNNING,
            "names": names_of(session, {job.account_id for job in jobs}),
            "hands": [
                Hand(worker, running.get(worker.id, 0), max(0.0, (present - worker.heartbeat_at).total_seconds()))
                for worker in list_workers(session)
            ],
        }
