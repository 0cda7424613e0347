"""The paths, and what each does from the body to the answer."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from easel.accounts.tables import ApiKey, Scope
from easel.artifacts.infotext import read_embedded
from easel.domain.errors import NotFound
from easel.gateway.auth import as_key
from easel.gateway.dialects.automatic1111 import answers, documented, extras, options, progress
from easel.gateway.dialects.automatic1111.access import client_key
from easel.gateway.dialects.automatic1111.drawing import Placed, failure_of, pictures_of, place, settle, take_in
from easel.gateway.dialects.automatic1111.lists import CONTROL, LISTS
from easel.gateway.dialects.automatic1111.schemas import (
    Enlarging,
    ExtraBatch,
    ExtraSingle,
    Img2Img,
    PngInfo,
    Task,
    Txt2Img,
    check_plain,
)
from easel.gateway.errors import Refusal
from easel.gateway.idempotency import terms_of
from easel.gateway.incoming import Fields, read_incoming
from easel.gateway.previews import preview_of
from easel.gateway.services import Services, base_url_of
from easel.gateway.sources import Sources
from easel.gateway.waiting import wait_until_finished
from easel.jobs.states import JobState

PREFIX: Final = "/sdapi/v1"
AT_ONCE: Final = 4
YES: Final = ("true", "1", "yes", "on")

Handler = Callable[[Request], Awaitable[Response]]
Read = TypeVar("Read", Txt2Img, Img2Img)
Result = TypeVar("Result")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Studio:
    """Where pictures that clients send are read and worked on."""

    sources: Sources
    places: CapacityLimiter

    async def run(self, work: Callable[P, Result], *arguments: P.args, **options: P.kwargs) -> Result:
        """On a thread of a few: slow addresses and large pictures never hold those that answer everybody else."""
        return await run_sync(partial(work, *arguments, **options), limiter=self.places)


def automatic1111_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["AUTOMATIC1111"])
    studio = Studio(Sources(services), CapacityLimiter(AT_ONCE))

    def add(path: str, handler: Handler, about: documented.About, method: str = "POST") -> None:
        name = f"a1111_{method}_{path.rpartition('/')[2]}".lower().replace("-", "_")
        router.add_api_route(path, handler, methods=[method], operation_id=name, response_model=None, **about)

    add(f"{PREFIX}/txt2img", _draw(services, studio, Txt2Img), documented.TXT2IMG)
    add(f"{PREFIX}/img2img", _draw(services, studio, Img2Img), documented.IMG2IMG)
    add(f"{PREFIX}/progress", _progress(services), documented.PROGRESS, "GET")
    add(f"{PREFIX}/interrupt", _stop(services, only_one=False), documented.INTERRUPT)
    add(f"{PREFIX}/skip", _stop(services, only_one=True), documented.SKIP)
    add(f"{PREFIX}/options", _options(services), documented.OPTIONS, "GET")
    add(f"{PREFIX}/options", _set_options(services), documented.SET_OPTIONS)
    add(f"{PREFIX}/png-info", _png_info(services, studio), documented.PNG_INFO)
    add(f"{PREFIX}/extra-single-image", _extra_single(services, studio), documented.EXTRA_SINGLE)
    add(f"{PREFIX}/extra-batch-images", _extra_batch(services, studio), documented.EXTRA_BATCH)
    add(f"{PREFIX}/interrogate", _interrogate(services), documented.INTERROGATE)
    for name, listed in LISTS.items():
        add(f"{PREFIX}/{name}", _list(services, listed), documented.about(f"List: {name}"), "GET")
    for name in ("refresh-checkpoints", "refresh-vae", "refresh-loras", "refresh-embeddings"):
        add(f"{PREFIX}/{name}", _nothing(services, None), documented.NOTHING)
    for name in ("unload-checkpoint", "reload-checkpoint"):
        add(f"{PREFIX}/{name}", _nothing(services, {}), documented.NOTHING)
    for name, listed in CONTROL.items():
        add(f"/controlnet/{name}", _list(services, listed), documented.about(f"ControlNet: {name}"), "GET")
    add("/internal/progress", _task(services), documented.TASK)
    add("/internal/ping", _ping, documented.PING, "GET")
    return router


def answer_error(request: Request, refusal: Refusal) -> Response:
    """The shape of a refusal in this dialect. Whoever has no key is told how to send one."""
    status, body = answers.error(refusal)
    headers = refusal.headers | ({"WWW-Authenticate": 'Basic realm="Easel", charset="UTF-8"'} if status == 401 else {})
    return JSONResponse(body, status, headers)


def _draw(services: Services, studio: Studio, schema: type[Read]) -> Handler:
    async def draw(request: Request) -> Response:
        incoming = await read_incoming(request)
        key, asked = client_key(services, request), schema.read(incoming.body)
        terms = terms_of(services, request, incoming)
        base_url = base_url_of(services, request)
        settled = await as_key(
            services, key, Scope.GENERATE, lambda session, used: settle(session, services, used, asked)
        )
        inputs = await studio.run(take_in, services, studio.sources, asked, settled.size)

        def order(session: Session, used: ApiKey) -> Placed:
            return place(session, services, used, asked, settled, inputs, list(incoming.body), terms, base_url)

        placed = await as_key(services, key, Scope.GENERATE, order)
        views = [await wait_until_finished(services, view, services.blocking_wait_seconds) for view in placed.views]
        done = [view for view in views if view.state is JobState.DONE]
        if not done and (refusal := failure_of(views)):
            return answer_error(request, refusal)
        pictures = await run_in_threadpool(pictures_of, services, done)
        return JSONResponse(answers.drawn(asked, settled, views, pictures, placed.warnings))

    return draw


def _progress(services: Services) -> Handler:
    async def report(request: Request) -> Response:
        sight = await _as_client(services, request, Scope.READ, lambda s, used: progress.look(s, services.clock, used))
        image = None
        if sight.current and request.query_params.get("skip_current_image", "").lower() not in YES:
            image = await run_in_threadpool(preview_of, services.blobs, sight.current, "png")
        return JSONResponse(progress.progress(sight, answers.encoded(image) if image else None))

    return report


def _task(services: Services) -> Handler:
    async def task(request: Request) -> Response:
        asked = Task.read((await read_incoming(request)).body)
        sight = await _as_client(services, request, Scope.READ, lambda s, used: progress.look(s, services.clock, used))
        view = progress.task(sight, asked.id_task)
        said: dict[str, Any] = dict.fromkeys(("progress", "eta", "live_preview", "id_live_preview", "textinfo"))
        if view is None:
            return JSONResponse({"active": False, "queued": False, "completed": True, **said, "id_live_preview": -1})
        is_drawn = view.state is JobState.RUNNING
        said |= {"progress": progress.share_of(view), "eta": progress.eta_of(sight, view)}
        said |= {"textinfo": progress.waiting(view), "id_live_preview": view.step}
        if asked.live_preview and view.step != asked.id_live_preview:
            image = await run_in_threadpool(preview_of, services.blobs, view, "png")
            said["live_preview"] = f"data:image/png;base64,{answers.encoded(image)}" if image else None
        return JSONResponse({"active": is_drawn, "queued": not is_drawn, "completed": False, **said})

    return task


def _stop(services: Services, *, only_one: bool) -> Handler:
    async def stop(request: Request) -> Response:
        def act(session: Session, used: ApiKey) -> None:
            progress.stop(session, services.clock, used, only_one=only_one)

        await _as_client(services, request, Scope.GENERATE, act)
        return JSONResponse(None if only_one else {})

    return stop


def _options(services: Services) -> Handler:
    async def get(request: Request) -> Response:
        def look(session: Session, used: ApiKey) -> dict[str, Any]:
            chosen = options.settle(session, used, {})
            return options.shown(chosen, options.checkpoint_of(session, chosen, services.default_model))

        return JSONResponse(await _as_client(services, request, Scope.READ, look))

    return get


def _set_options(services: Services) -> Handler:
    async def post(request: Request) -> Response:
        body = await _body(request)
        said = await _as_client(services, request, Scope.GENERATE, lambda s, used: options.change(s, used, body))
        return JSONResponse({"warnings": said} if said else None)

    return post


def _png_info(services: Services, studio: Studio) -> Handler:
    async def png_info(request: Request) -> Response:
        asked = PngInfo.read(await _body(request))
        await _let_in(services, request, Scope.READ)
        data = await studio.run(studio.sources.read, "image", asked.image)
        return JSONResponse(answers.png_info(await studio.run(read_embedded, data, "image")))

    return png_info


def _extra_single(services: Services, studio: Studio) -> Handler:
    async def extra(request: Request) -> Response:
        asked = ExtraSingle.read(await _body(request))
        await _let_in(services, request, Scope.GENERATE)
        [image] = await studio.run(_enlarged, studio.sources, asked, [asked.image])
        return JSONResponse(
            {"html_info": extras.html_info(asked), "image": image if asked.show_extras_results else None}
        )

    return extra


def _extra_batch(services: Services, studio: Studio) -> Handler:
    async def extra(request: Request) -> Response:
        asked = ExtraBatch.read(await _body(request))
        await _let_in(services, request, Scope.GENERATE)
        images = await studio.run(_enlarged, studio.sources, asked, [one.data for one in asked.imageList])
        return JSONResponse(
            {"html_info": extras.html_info(asked), "images": images if asked.show_extras_results else []}
        )

    return extra


def _enlarged(sources: Sources, asked: Enlarging, images: Sequence[str]) -> list[str]:
    return [answers.encoded(extras.enlarge(sources.read("image", one), asked, "image")) for one in images]


def _interrogate(services: Services) -> Handler:
    async def interrogate(request: Request) -> Response:
        await _let_in(services, request, Scope.READ)
        raise NotFound("No interrogator is installed here, so that pictures cannot be put into words")

    return interrogate


def _list(services: Services, listed: Callable[[Session], Any]) -> Handler:
    async def answer(request: Request) -> Response:
        return JSONResponse(await _as_client(services, request, Scope.READ, lambda session, _: listed(session)))

    return answer


def _nothing(services: Services, answered: object) -> Handler:
    async def answer(request: Request) -> Response:
        await _let_in(services, request, Scope.READ)
        return JSONResponse(answered)

    return answer


async def _ping(_: Request) -> Response:
    return JSONResponse({})


async def _as_client(
    services: Services, request: Request, scope: Scope, act: Callable[[Session, ApiKey], Result]
) -> Result:
    return await as_key(services, client_key(services, request), scope, act)


async def _let_in(services: Services, request: Request, scope: Scope) -> None:
    """For what asks nothing of the database but who is there."""
    await _as_client(services, request, scope, lambda session, used: None)


async def _body(request: Request) -> Fields:
    body = (await read_incoming(request)).body
    check_plain(body)
    return body
