"""Accept a request: resolve, check, quote, hold, write the order and its job. One transaction."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from easel.accounts.keys import refuse_suspended
from easel.accounts.queries import lock_standing
from easel.accounts.tables import Account
from easel.artifacts.inputs import StoredInput, record_inputs, use_inputs
from easel.billing import ledger
from easel.billing.plans import Plan, plan_named
from easel.billing.pricing import Quote, quote
from easel.billing.subscriptions import month_of
from easel.catalogue.adapters import Choice, check_adapters, choose
from easel.catalogue.companions import with_companions
from easel.catalogue.controls import with_controls
from easel.catalogue.limits import resolve
from easel.catalogue.tables import Model
from easel.db.direct import direct
from easel.domain.errors import QuotaUsedUp, TooManyQueued
from easel.domain.panorama import seen
from easel.domain.prompt import read_prompt
from easel.domain.request import SEED_LIMIT, GenerationDraft, GenerationRequest
from easel.generations.idempotency import Idempotency, find_repeated, remember
from easel.generations.tables import Generation
from easel.jobs import queue
from easel.jobs.states import JobState
from easel.jobs.tables import Job
from easel.kit.clock import Clock
from easel.kit.ids import new_uuid
from easel.webhooks.outbox import check_url
from easel.wording.screen import refuse_minors
from easel.wording.styles import enhanced

GENERATE = "generate"
RETRY_AFTER_SECONDS = 30
CONTROL_SHARE: Final = 0.5
"""Of a network call that a ControlNet takes: it is the first half of one."""

LONGEST_WAIT = timedelta(days=1)
"""A request that nobody could draw until then has failed, unless its customer said otherwise."""


def submit(
    session: Session,
    clock: Clock,
    account: Account,
    draft: GenerationDraft,
    *,
    base_url: str,
    webhook: str | None = None,
    track_id: str | int | None = None,
    temporary: bool = False,
    details: dict[str, Any] | None = None,
    idempotency: Idempotency | None = None,
    max_wait: timedelta = LONGEST_WAIT,
    api_key_id: int | None = None,
    inputs: Sequence[StoredInput] = (),
) -> Generation:
    """Write the order. Nothing is written, and nothing held, when it raises.

    `base_url` begins the links of its webhook; `details` is the dialect's own and comes back in the view. What an
    `idempotency` key has ordered before is answered instead, as it stands. After `max_wait` in the queue it fails.
    `inputs` are those of the draft's keys that were stored for it just now; others must have been used lately.

    `api_key_id` is the key that asked, under whose cap it counts; None is a person on the site.

    Raises InvalidRequest, ModelNotInstalled, NotAllowed, NotEnoughCredit, QuotaUsedUp, SpendingCapReached,
    TooManyQueued, or Conflict for an idempotency key that was sent with another request.
    """
    if idempotency and (earlier := find_repeated(session, clock, account.id, idempotency)):
        return earlier
    record_inputs(session, inputs, clock.now())
    choice, request = settle(session, clock, draft)
    if webhook:
        check_url(webhook)
    # Two submits of one account stand in line here; otherwise both could see the last free place in the queue, or that
    # a key is new. So does a suspension: it finds this order and cancels it, or this finds the account suspended.
    standing = lock_standing(session, account.id)
    refuse_suspended(standing)
    plan = plan_named(standing.plan)
    if idempotency and (earlier := find_repeated(session, clock, account.id, idempotency)):
        return earlier
    check_queue(session, account.id, plan)
    now = clock.now()
    check_quota(session, account.id, plan, request.samples, now)
    price = price_of(session, account.id, plan, choice.named, request, now)
    uuid = new_uuid()
    hold_id = ledger.hold(session, clock, account.id, price.total, key=f"hold:{uuid}", api_key_id=api_key_id)
    generation = Generation(
        uuid=uuid,
        account_id=account.id,
        model_id=choice.named.model_id,
        request=request.as_json(),
        details=details or {},
        temporary=temporary,
        api_key_id=api_key_id,
        quoted=price.total,
        per_picture=price.per_picture,
        included=price.included,
        hold_id=hold_id,
        webhook=webhook,
        track_id=track_id,
        base_url=base_url,
        notes=[],
        created_at=now,
    )
    write(session, generation)
    queue.enqueue(
        session,
        clock,
        kind=GENERATE,
        subject_id=generation.id,
        account_id=account.id,
        model_id=choice.checkpoint.model_id,
        priority=plan.priority,
        share=plan.share,
        work=work_of(request),
        expires_after=max_wait,
    )
    if idempotency:
        remember(session, clock, account.id, idempotency, generation.id)
    return generation


WRITE: Final = """
    INSERT INTO generations (uuid, account_id, model_id, request, details, temporary, api_key_id, quoted, per_picture,
        included, hold_id, webhook, track_id, base_url, notes, created_at)
    VALUES (%(uuid)s, %(account_id)s, %(model_id)s, %(request)s, %(details)s, %(temporary)s, %(api_key_id)s, %(quoted)s,
        %(per_picture)s, %(included)s, %(hold_id)s, %(webhook)s, %(track_id)s, %(base_url)s, %(notes)s, %(created_at)s)
    RETURNING id
"""


def write(session: Session, generation: Generation) -> None:
    """Insert a new generation and give it its number. It is not the session's, which would cost twice as much."""
    columns = vars(generation)
    as_json = {name: Jsonb(columns[name]) for name in ("request", "details", "track_id", "notes")}
    [(generation.id,)] = direct(session, WRITE, columns | as_json)


def settle(session: Session, clock: Clock, draft: GenerationDraft) -> tuple[Choice, GenerationRequest]:
    """The models that a draft names, and what would be drawn. Raises InvalidRequest or ModelNotInstalled."""
    refuse_minors(draft.prompt, draft.negative_prompt)
    choice = choose(session, with_rich_prompts(draft))
    check_adapters(choice.draft.extras.adapters, choice.adapters, choice.checkpoint)
    draft = with_companions(session, choice.draft, choice.checkpoint)
    draft = with_controls(session, draft, choice.checkpoint)
    sizes = use_inputs(session, draft.extras.inputs, clock.now())
    return choice, resolve(choice.checkpoint, draft, new_seed, sizes)


def price_of(
    session: Session, account_id: int, plan: Plan, model: Model, request: GenerationRequest, now: datetime
) -> Quote:
    included_left = left_of_the_month(session, account_id, plan, now)
    return quote(plan, model.price, request.samples, included_left=included_left)


def with_rich_prompts(draft: GenerationDraft) -> GenerationDraft:
    """The draft with its prompts as they are drawn. Raises InvalidRequest for a style that nobody knows."""
    if not draft.enhance:
        return draft
    prompt, negative_prompt = enhanced(draft.prompt, draft.negative_prompt, style=draft.style)
    return replace(draft, prompt=prompt, negative_prompt=negative_prompt)


def check_queue(session: Session, account_id: int, plan: Plan) -> None:
    """Raises TooManyQueued when the plan's queue is full."""
    if queue.count_unfinished(session, account_id) >= plan.queue_limit:
        raise TooManyQueued(plan.queue_limit, RETRY_AFTER_SECONDS)


def check_quota(session: Session, account_id: int, plan: Plan, samples: int, now: datetime) -> None:
    """Raises QuotaUsedUp when the plan gives a number of pictures a day (UTC) and too few are left of it."""
    if plan.daily_pictures is None:
        return
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    left = plan.daily_pictures - count_pictures(session, account_id, midnight)
    if samples > left:
        raise QuotaUsedUp(
            f"The {plan.title} plan draws {plan.daily_pictures} pictures a day and {max(left, 0)} are left of them; "
            "ask again after midnight UTC, or change to another plan."
        )


def left_of_the_month(session: Session, account_id: int, plan: Plan, now: datetime) -> int:
    """How many of the plan's monthly pictures the account has not used."""
    if not plan.monthly_pictures:
        return 0
    return max(0, plan.monthly_pictures - count_pictures(session, account_id, month_of(session, account_id, now)))


def count_pictures(session: Session, account_id: int, since: datetime) -> int:
    """How many pictures the account has asked for since then, but for those that failed or were cancelled."""
    samples = Generation.request["samples"].as_integer()
    ours = select(func.sum(samples)).join(Job, (Job.kind == GENERATE) & (Job.subject_id == Generation.id))
    ours = ours.where(Generation.account_id == account_id, Generation.created_at >= since)
    return session.scalar(ours.where(Job.state.not_in([JobState.FAILED, JobState.CANCELLED]))) or 0


def work_of(request: GenerationRequest) -> float:
    """How much drawing it is beside other requests: megapixels times rows of network calls."""
    extras, (width, height), again = request.extras, request.drawn_size, request.steps_taken_again
    prompts = len(read_prompt(request.prompt))
    rows = prompts + (request.guidance > 1)
    steered = sum(
        CONTROL_SHARE * (control.end - control.start) * (prompts if control.guess else rows)
        for control in extras.controls
    )
    pixels = (request.steps_taken - again) * seen(request.width, request.height, extras.window)
    pixels += again * seen(width, height, extras.window)
    return request.samples * (rows + steered + (extras.self_attention > 0)) * pixels / 2**20


def new_seed() -> int:
    return secrets.randbelow(SEED_LIMIT)
