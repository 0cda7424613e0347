"""Tools that order pictures, wait for them and stop them.

A call that waits tells of each step. When the wait is over before the pictures are there it answers where things
stand, and `fetch` takes up the waiting; a client that goes away meanwhile loses nothing but its place at the telephone.
"""

import hashlib
from contextlib import aclosing

import anyio
from mcp_types import ContentBlock
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from easel.accounts.tables import ApiKey, Scope
from easel.artifacts.inputs import StoredInput
from easel.billing.plans import plan_named
from easel.domain.errors import NotFound
from easel.domain.money import dollars, format_dollars
from easel.gateway.dialects.mcp import pictures as content
from easel.gateway.dialects.mcp import shapes
from easel.gateway.dialects.mcp.calls import Answer, Call
from easel.gateway.dialects.mcp.drafts import draft_of
from easel.gateway.dialects.mcp.schemas import Cancel, Fetch, ImageToImage, Inpaint, Sized, TextToImage
from easel.generations import cancel as cancelling
from easel.generations.idempotency import Idempotency
from easel.generations.live import News, follow
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import check_queue, submit
from easel.jobs.states import JobState
from easel.webhooks.outbox import check_is_public


async def draw(call: Call, asked: TextToImage | ImageToImage) -> Answer:
    """The order, and its pictures if they come in time."""
    services = call.services
    if asked.webhook and not services.allow_private_urls:
        await run_in_threadpool(check_is_public, asked.webhook)
    inputs: dict[str, StoredInput] = {}
    if pictures := _pictures_of(asked):
        # Nobody has us fetch or decode anything who may not order. An order that was made before is found later.
        await call.as_key(Scope.GENERATE, _no_check if asked.idempotency_key else _check_place)
        inputs = await call.sources.take_in({field: [picture] for field, picture in pictures.items()})

    def order(session: Session, used: ApiKey) -> GenerationView:
        generation = submit(
            session,
            services.clock,
            used.account,
            draft_of(asked, services.default_model, inputs),
            base_url=call.base_url,
            webhook=asked.webhook,
            track_id=asked.track_id,
            details={"dialect": "mcp"},
            idempotency=_idempotency(asked),
            max_wait=services.max_wait,
            api_key_id=used.id,
            inputs=tuple(inputs.values()),
        )
        return get_view(session, services.clock, used.account_id, generation.id)

    placed = await call.as_key(Scope.GENERATE, order)
    return await _answer(call, await _wait(call, placed, asked.wait))


async def fetch(call: Call, asked: Fetch) -> Answer:
    def see(session: Session, used: ApiKey) -> GenerationView:
        return get_view(session, call.services.clock, used.account_id, asked.id)

    return await _answer(call, await _wait(call, await call.as_key(Scope.READ, see), asked.wait))


async def cancel(call: Call, asked: Cancel) -> Answer:
    def stop(session: Session, used: ApiKey) -> GenerationView:
        cancelling.cancel(session, call.services.clock, used.account_id, asked.id)
        return get_view(session, call.services.clock, used.account_id, asked.id)

    return await _answer(call, await call.as_key(Scope.GENERATE, stop), is_failure=False)


def _check_place(session: Session, used: ApiKey) -> None:
    check_queue(session, used.account_id, plan_named(used.account.plan))


def _no_check(session: Session, used: ApiKey) -> None:
    pass


def _pictures_of(asked: Sized | ImageToImage) -> dict[str, str]:
    match asked:
        case Inpaint():
            return {"init_image": asked.init_image, "mask_image": asked.mask_image}
        case ImageToImage():
            return {"init_image": asked.init_image}
        case Sized():
            return {}


def _idempotency(asked: TextToImage | ImageToImage) -> Idempotency | None:
    """Waiting longer the second time is the same request."""
    if asked.idempotency_key is None:
        return None
    said = f"{type(asked).__name__} {asked.model_dump_json(exclude={'wait'})}"
    return Idempotency(asked.idempotency_key, hashlib.sha256(said.encode()).hexdigest())


async def _wait(call: Call, placed: GenerationView, seconds: float) -> GenerationView:
    """The generation at its end, or as it stands when the wait is over or the process about to end."""
    if placed.is_final or not seconds:
        return placed
    services, last = call.services, placed

    def look() -> GenerationView:
        with services.database.transaction() as session:
            return get_view(session, services.clock, placed.account_id, placed.id)

    told = -1.0
    with anyio.move_on_after(seconds):
        async with aclosing(follow(services.hub, placed.id, look)) as all_news:
            async for news in all_news:
                if news is None:
                    continue
                last = news.view
                done, words = _progress(news)
                if done > told:  # the protocol wants each to be more than the one before
                    told = done
                    await call.report(done, 1.0, words)
    if last.is_final:
        return last
    return await run_in_threadpool(look)


def _progress(news: News) -> tuple[float, str]:
    """A share of the whole, and what is happening."""
    match news.name:
        case "queued":
            return 0.0, f"waiting, with {news.view.queue_position or 0} before it"
        case "started":
            return 0.01, "a worker has it"
        case "step" | "preview":
            share = news.step / max(news.steps, 1)
            return 0.02 + 0.96 * share, f"step {news.step} of {news.steps}"
        case "done" | "failed" | "cancelled":
            return 1.0, news.name


async def _answer(call: Call, view: GenerationView, *, is_failure: bool = True) -> Answer:
    links = [call.base_url + call.services.links.path(key) for key in view.artifact_keys]
    is_done = view.state is JobState.DONE
    parts = await run_in_threadpool(_content, call, view, links) if is_done else []
    return Answer(
        told=_told(view, links if is_done else []),
        text=_text(view),
        content=parts,
        failed=is_failure and view.is_final and not is_done,
    )


def _content(call: Call, view: GenerationView, links: list[str]) -> list[ContentBlock]:
    parts: list[ContentBlock] = []
    for number, (key, url) in enumerate(zip(view.artifact_keys, links, strict=True), start=1):
        try:
            parts.append(content.shown(call.services.blobs, key))
        except NotFound:  # deleted, for results are kept for a time only
            return []
        parts.append(content.link(key, url, number))
    return parts


def _told(view: GenerationView, links: list[str]) -> shapes.Drawn:
    request = view.request
    return shapes.Drawn(
        id=view.id,
        state=view.state.value,
        pictures=[
            shapes.DrawnPicture(url=url, width=request.width, height=request.height, seed=request.seed_of(index))
            for index, url in enumerate(links)
        ],
        model_id=view.model_id,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        sampler=request.sampler.value,
        step=view.step,
        steps=view.steps,
        queue_position=view.queue_position,
        eta_seconds=view.eta_seconds,
        seconds=view.seconds,
        cost=float(dollars(view.cost)),
        warnings=view.notes,
        error=view.error,
    )


def _text(view: GenerationView) -> str:
    notes = "".join(f" {note}" for note in view.notes)
    match view.state:
        case JobState.DONE if view.expired:
            return f"The pictures of request {view.id} were deleted; draw them again with the same seed."
        case JobState.DONE:
            return f"Request {view.id} is done and cost {format_dollars(view.cost)}.{notes}"
        case JobState.FAILED:
            return f"Request {view.id} failed and cost nothing: {view.error or 'try again'}"
        case JobState.CANCELLED:
            return f"Request {view.id} was cancelled and cost nothing."
        case JobState.QUEUED | JobState.RUNNING:
            return (
                f"Request {view.id} is {view.state.value}, about {view.eta_seconds:g} seconds are left. "
                f"Call fetch with id {view.id} and a wait to get the pictures."
            )
