"""An account at a glance: its plan, its money, what it has drawn this month and what comes next."""

from datetime import datetime

from fastapi import Request, Response

from easel.accounts.keys import list_keys
from easel.billing import wallets
from easel.domain.money import Micros
from easel.generations.submit import count_pictures
from easel.generations.usage import usage
from easel.jobs.queue import count_unfinished
from easel.site.site import Site


class Overview:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request) -> Response:
        now = self._site.services.clock.now()
        with self._site.mine(request) as (session, visitor):
            account_id = visitor.account.id
            month = usage(session, account_id, since=_month(now), until=now, per="month")
            today = count_pictures(session, account_id, _midnight(now)) if visitor.plan.daily_pictures else 0
            return self._site.page(
                request,
                "overview.html",
                visitor=visitor,
                money=wallets.balance(session, account_id),
                pictures=sum(line.pictures for line in month),
                cost=Micros(sum(line.cost for line in month)),
                today=today,
                in_flight=count_unfinished(session, account_id),
                keys=sum(key.revoked_at is None for key in list_keys(session, account_id)),
                start=self._site.start(session),
            )


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _month(now: datetime) -> datetime:
    return _midnight(now).replace(day=1)
