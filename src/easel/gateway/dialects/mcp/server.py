"""The tools as the official SDK serves them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import structlog
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel
from starlette.requests import Request

from easel import __version__
from easel.db.session import DATABASE_IS_DOWN
from easel.domain.errors import DomainError
from easel.gateway.auth import key_of
from easel.gateway.dialects.mcp import drawing, looking, schemas, shapes
from easel.gateway.dialects.mcp.calls import Answer, Call, Report
from easel.gateway.errors import refusal_of
from easel.gateway.incoming import Incoming
from easel.gateway.services import Services, base_url_of
from easel.gateway.sources import Sources

INSTRUCTIONS: Final = (
    "Draws pictures with the models of this installation. Begin with list_models; quote says what a request costs "
    "before anything is spent, and wallet_balance what is left. A drawing tool waits for its pictures and answers them "
    "as images with links; when it answers that a request is still queued or running, call fetch with its id."
)

ALIASES: Final[Mapping[str, str]] = {"inpaint_image": "inpaint", "fetch_image": "fetch"}
"""Names of other servers of the field, which also write dashes."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    title: str
    description: str
    takes: type[schemas.Arguments]
    answers: type[BaseModel]
    act: Callable[[Call, Any], Awaitable[Answer]]
    looks: bool = False
    """Whether it changes nothing."""

    def describe(self, name: str) -> Tool:
        return Tool(
            name=name,
            title=self.title,
            description=self.description,
            input_schema=self.takes.model_json_schema(),
            output_schema=self.answers.model_json_schema(mode="serialization"),
            annotations=ToolAnnotations(
                title=self.title, read_only_hint=self.looks, destructive_hint=False, open_world_hint=False
            ),
        )


TOOLS: Final[Mapping[str, Served]] = {
    "list_models": Served(
        title="List models",
        description="The models that pictures can be drawn with, and what a picture costs.",
        takes=schemas.ListModels,
        answers=shapes.ModelList,
        act=looking.list_models,
        looks=True,
    ),
    "describe_model": Served(
        title="Describe a model",
        description="One model: what it is for, its licence, its defaults and what may be asked of it.",
        takes=schemas.DescribeModel,
        answers=shapes.DescribedModel,
        act=looking.describe_model,
        looks=True,
    ),
    "quote": Served(
        title="Quote a price",
        description="What text_to_image would cost and take with these arguments. Orders and spends nothing.",
        takes=schemas.Quote,
        answers=shapes.Price,
        act=looking.quote,
        looks=True,
    ),
    "text_to_image": Served(
        title="Text to image",
        description="Draw pictures from a prompt. Spends money: quote says how much.",
        takes=schemas.TextToImage,
        answers=shapes.Drawn,
        act=drawing.draw,
    ),
    "image_to_image": Served(
        title="Image to image",
        description="Draw pictures that begin from another picture. Costs what text_to_image costs.",
        takes=schemas.ImageToImage,
        answers=shapes.Drawn,
        act=drawing.draw,
    ),
    "inpaint": Served(
        title="Inpaint",
        description="Draw the white part of a mask anew and keep the rest. Costs what text_to_image costs.",
        takes=schemas.Inpaint,
        answers=shapes.Drawn,
        act=drawing.draw,
    ),
    "fetch": Served(
        title="Fetch a request",
        description="Where a request stands, with its pictures once they are there; waits for them if asked to.",
        takes=schemas.Fetch,
        answers=shapes.Drawn,
        act=drawing.fetch,
        looks=True,
    ),
    "cancel": Served(
        title="Cancel a request",
        description="Stop a request that is not done. What is not delivered costs nothing.",
        takes=schemas.Cancel,
        answers=shapes.Drawn,
        act=drawing.cancel,
    ),
    "wallet_balance": Served(
        title="Money left",
        description="What the account has, and what this key may spend of it.",
        takes=schemas.Nothing,
        answers=shapes.Balance,
        act=looking.wallet_balance,
        looks=True,
    ),
}


def build(services: Services) -> Server[Any]:
    sources = Sources(services)
    described = {name: served.describe(name) for name, served in TOOLS.items()}

    async def list_tools(_: ServerRequestContext[Any], __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=list(described.values()))

    async def call_tool(context: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        served = TOOLS.get(_plain(params.name))
        if served is None:
            return _refused(f"There is no tool {params.name}; there are {', '.join(TOOLS)}.")
        request = cast(Request, context.request)
        call = Call(
            services=services,
            sources=sources,
            key=key_of(request, Incoming({}, {})),
            base_url=base_url_of(services, request),
            report=_reporter(context),
        )
        try:
            answer = await served.act(call, served.takes.read(params.arguments or {}))
        except Exception as error:
            if not isinstance(error, (DomainError, *DATABASE_IS_DOWN)):
                # Not for the SDK, which would log its text: that may quote a prompt.
                log.error("unexpected error", tool=served.title, error=type(error).__name__)
            return _refused(refusal_of(error).message)
        return _result(answer)

    return Server(
        "easel",
        version=__version__,
        title="Easel",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=lambda name: described[name].input_schema if name in described else None,
    )


def _plain(name: str) -> str:
    plain = name.replace("-", "_")
    return ALIASES.get(plain, plain)


def _reporter(context: ServerRequestContext[Any]) -> Report:
    async def report(progress: float, total: float, words: str) -> None:
        await context.session.report_progress(progress, total, words)

    return report


def _result(answer: Answer) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(text=answer.text), *answer.content],
        structured_content=answer.told.model_dump(mode="json"),
        is_error=answer.failed,
    )


def _refused(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=sentence)], is_error=True)
