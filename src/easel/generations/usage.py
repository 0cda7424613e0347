"""What an account has drawn and paid: by day or month, model and key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, DateTime, func, select
from sqlalchemy.orm import Session

from easel.accounts.tables import ApiKey
from easel.artifacts.tables import Artifact
from easel.domain.money import Micros, dollars
from easel.generations.tables import Generation
from easel.kit.csv import csv_text

Period = Literal["day", "month"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    begins: datetime
    """Of the day or month, UTC."""
    model_id: str
    key_name: str | None
    """None for what a person drew on the site."""
    generations: int
    pictures: int
    """Delivered ones."""
    cost: Micros


def usage(session: Session, account_id: int, *, since: datetime, until: datetime, per: Period) -> list[Usage]:
    """Newest period first, then by model and key. What is still under way counts without pictures and cost."""
    begins = func.date_trunc(per, Generation.created_at, "UTC", type_=DateTime(timezone=True)).label("begins")
    delivered = (
        select(func.count()).where(Artifact.generation_id == Generation.id).correlate(Generation).scalar_subquery()
    )
    rows = session.execute(
        select(
            begins,
            Generation.model_id,
            ApiKey.name,
            func.count(),
            func.coalesce(func.sum(delivered), 0).cast(BigInteger),
            func.coalesce(func.sum(Generation.captured), 0).cast(BigInteger),
        )
        .select_from(Generation)
        .outerjoin(ApiKey, ApiKey.id == Generation.api_key_id)
        .where(Generation.account_id == account_id, Generation.created_at >= since, Generation.created_at < until)
        .group_by(begins, Generation.model_id, ApiKey.id, ApiKey.name)
        .order_by(begins.desc(), Generation.model_id, ApiKey.name)
    )
    return [
        Usage(
            begins=moment,
            model_id=model_id,
            key_name=key_name,
            generations=generations,
            pictures=pictures,
            cost=Micros(cost),
        )
        for moment, model_id, key_name, generations, pictures, cost in rows
    ]


def usage_csv(session: Session, account_id: int, since: datetime, until: datetime) -> str:
    """The usage by day as a table; cost in dollars."""
    lines = usage(session, account_id, since=since, until=until, per="day")
    header = ("day", "model", "key", "generations", "pictures", "cost")
    rows = (
        (
            f"{line.begins:%Y-%m-%d}",
            line.model_id,
            line.key_name,
            line.generations,
            line.pictures,
            dollars(line.cost),
        )
        for line in reversed(lines)
    )
    return csv_text(header, rows)
