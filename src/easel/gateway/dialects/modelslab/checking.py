"""`nsfw_image_check`: whether a picture is fit to be seen, as a worker's safety checker sees it."""

from functools import partial

from pydantic import Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from easel.accounts.tables import Account, Scope
from easel.domain.errors import InvalidRequest, Unavailable
from easel.gateway.auth import as_account, key_of
from easel.gateway.dialects.modelslab import answers
from easel.gateway.dialects.modelslab.calls import Handler
from easel.gateway.dialects.modelslab.schemas import Asked, Images, Number
from easel.gateway.incoming import read_incoming
from easel.gateway.services import Services, base_url_of
from easel.gateway.sources import Sources
from easel.gateway.waiting import wait_until_checked
from easel.generations.checking import CheckView, admit_check, ask_for_check
from easel.generations.expire import TEMPORARY


class Checked(Asked):
    init_image: Images = Field(
        description="The picture: an address, base64 text, a data URI or a file of a form. Of a list the first is used."
    )
    threshold: Number = Field(
        default=0.5,
        description="0 to 1: the picture is flagged when its score is above it. 0.5 is where the safety checker itself "
        "draws the line; each 0.1 less flags what is 0.02 (of a cosine) less like anything that it looks for.",
    )


def checking(services: Services, sources: Sources) -> Handler:
    def admit(session: Session, account: Account) -> None:
        admit_check(session, services.clock, account)

    async def check(request: Request) -> Response:
        incoming = await read_incoming(request)
        key, base_url = key_of(request, incoming), base_url_of(services, request)
        # Nobody has us fetch or decode anything who may not ask.
        await as_account(services, key, Scope.GENERATE, admit)
        asked = Checked.read(incoming.fields)
        if not 0 <= asked.threshold <= 1:
            raise InvalidRequest("threshold", "threshold must be between 0 and 1")
        stored = await sources.run(partial(sources.store, "init_image", asked.init_image[0]))

        def ask(session: Session, account: Account) -> CheckView:
            return ask_for_check(session, services.clock, account.id, stored)

        found = await wait_until_checked(services, await as_account(services, key, Scope.GENERATE, ask))
        link = base_url + services.links.path(stored.key, services.clock.now() + TEMPORARY)
        return JSONResponse(answers.checked(link, is_flagged=_score_of(found) > asked.threshold))

    return check


def _score_of(found: CheckView) -> float:
    """Raises Unavailable: an answer without a finding could be taken for a good one."""
    if found.score is None:
        raise Unavailable(
            found.error or "The picture has not been checked yet; send it again, and the answer will be there."
        )
    return found.score
