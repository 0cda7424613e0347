"""Routes beside drawing: what has been drawn, what is left of money and queue, and texts that are looked at."""

from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import AliasChoices, Field
from sqlalchemy.orm import Session

from easel.accounts.attempts import Limit, take
from easel.accounts.roles import Power, require
from easel.accounts.tables import Account
from easel.billing.plans import Plan, plan_named
from easel.domain.errors import InvalidRequest
from easel.gateway.dialects.modelslab import answers, listing
from easel.gateway.dialects.modelslab.calls import Act, Call, unavailable
from easel.gateway.dialects.modelslab.links import Links
from easel.gateway.dialects.modelslab.schemas import Asked, Label, Name, Text, Whole
from easel.gateway.dialects.modelslab.shapes import (
    Assets,
    LookedAt,
    Processed,
    Product,
    Said,
    SubscribedProducts,
    SystemDetails,
    SystemLoad,
)
from easel.generations import assets
from easel.generations.cancel import cancel_all
from easel.generations.delete import delete_pictures
from easel.generations.queries import estimate_seconds
from easel.generations.submit import count_pictures, left_of_the_month
from easel.jobs.queue import count_queued, count_unfinished
from easel.jobs.workers import list_workers
from easel.wording.screen import look_at

COUNTS: Final = Limit("request counts of an account", 30, timedelta(seconds=2))
"""30 a minute, as the original."""

MOST_ASSETS: Final = 30


class Deleted(Asked):
    request_id: Label = Field(description="The id of a submit's answer.")
    type: Name = Field(default="image", description="image; nothing else is here.")


class Generated(Asked):
    type: Name = Field(default="image", description="image; nothing else is here.")
    per_page: Whole = Field(default=10, description=f"1 to {MOST_ASSETS}.")
    page: Whole = 1


class Screened(Asked):
    prompt: Annotated[Text, Field(validation_alias=AliasChoices("prompt", "text"))]


def delete_image(session: Session, account: Account, call: Call) -> Said:
    asked = Deleted.read(call.fields)
    _check_type(asked.type)
    delete_pictures(session, call.services.clock, call.services.blobs, account.id, assets.id_of(asked.request_id))
    return answers.said("image deleted")


def assets_generated(session: Session, account: Account, call: Call) -> Assets:
    asked = Generated.read(call.fields)
    _check_type(asked.type)
    per_page, page = min(max(asked.per_page, 1), MOST_ASSETS), max(asked.page, 1)
    views = assets.drawn(session, call.services.clock, account.id, limit=per_page, offset=(page - 1) * per_page)
    total = assets.count_drawn(session, account.id)
    links = Links(call.base_url, "", call.services.links)
    return {
        "status": "success",
        "type": "image",
        "data": [{"id": view.id, "output": links.pictures(view)} for view in views],
        "pagination": listing.pagination(page=page, per_page=per_page, total=total, shown=len(views)),
    }


def request_count(session: Session, account: Account, call: Call) -> Processed:
    take(session, call.services.clock, COUNTS, account.id)
    text = "Current processing request count retrieved successfully"
    return {
        "status": "success",
        "processing_count": count_unfinished(session, account.id),
        "message": text,
        "messege": text,
    }


def subscribed_products(session: Session, account: Account, call: Call) -> SubscribedProducts:
    """A plan that counts no pictures has nulls."""
    plan = plan_named(account.plan)
    total, left = _pictures_of(session, account, plan, call)
    used = 0 if not total or left is None else round(100 * (total - left) / total)
    product: Product = {"total_api_call": total, "api_call_remaining": left, "percentage_used": used}
    return {"status": "success", "data": {"imagen": product}}


def _pictures_of(session: Session, account: Account, plan: Plan, call: Call) -> tuple[int | None, int | None]:
    """How many the plan gives in its time, and how many are left of them."""
    now = call.services.clock.now()
    if plan.monthly_pictures:
        return plan.monthly_pictures, left_of_the_month(session, account.id, plan, now)
    if plan.daily_pictures is None:
        return None, None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return plan.daily_pictures, max(0, plan.daily_pictures - count_pictures(session, account.id, midnight))


def system_load(session: Session, account: Account, call: Call) -> SystemLoad:
    return {
        "queue_num": count_queued(session),
        "queue_time": _queue_seconds(session, call),
        "status": "ok",
    }


def system_details(session: Session, account: Account, call: Call) -> SystemDetails:
    """Models that are in the memory of a worker, and how long the queue is, in seconds."""
    resident = {model for worker in list_workers(session) for model in worker.resident}
    return {"model_count": len(resident), "queue_time": _queue_seconds(session, call), "status": "ok"}


def _queue_seconds(session: Session, call: Call) -> float:
    hands = max(1, len(list_workers(session)))
    return round(count_queued(session) * estimate_seconds(session, call.services.default_model) / hands, 2)


def clear_cache(session: Session, account: Account, call: Call) -> Said:
    """Nothing is kept between requests that an account could want cleared."""
    return answers.said("Cache cleared")


def clear_server_cache(session: Session, account: Account, call: Call) -> Said:
    return answers.said("Cache cleared successfully")


def clear_queue(session: Session, account: Account, call: Call) -> Said:
    """The account's own requests; what others wait for is theirs."""
    count = cancel_all(session, call.services.clock, account.id)
    return answers.said(f"Queue cleared, {count} of your requests were cancelled")


def check_nsfw(session: Session, account: Account, call: Call) -> LookedAt:
    prompt = Screened.read(call.fields).prompt
    finding = look_at(prompt)
    return {
        "status": "success",
        "is_cp": finding.with_minors,
        "is_nsfw": finding.is_sexual,
        "original_prompt": prompt,
        "filtered_prompt": finding.filtered,
    }


def _of_operators(reason: str) -> Act:
    """Nobody but an operator hears more than that it is not theirs to do."""
    refuse = unavailable(reason)

    def act(session: Session, account: Account, call: Call) -> Any:
        require(account, Power.MANAGE_MODELS)
        return refuse(session, account, call)

    return act


restart_server = _of_operators("restart `easel serve` where it runs; requests in the queue are kept.")
update_server = _of_operators("install another version of Easel and restart `easel serve`.")
update_s3 = _of_operators("set EASEL_STORAGE_URL and restart `easel serve`.")
buy = unavailable("plans are chosen, and credit is bought, on the pages of this installation.")
train = unavailable("training is not offered over HTTP; LoRAs are installed with: easel models install.")


def _check_type(kind: str) -> None:
    if kind != "image":
        raise InvalidRequest("type", "type must be image; nothing else is made here")
