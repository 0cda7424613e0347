"""One call of a tool: whose it is, how it reports progress, and what comes of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from mcp_types import ContentBlock
from pydantic import BaseModel
from sqlalchemy.orm import Session

from easel.accounts.tables import ApiKey, Scope
from easel.artifacts.inputs import StoredInput
from easel.gateway.auth import as_key
from easel.gateway.dialects.modelslab.sources import AT_ONCE, Sources
from easel.gateway.services import Services

Result = TypeVar("Result")

Report: TypeAlias = Callable[[float, float, str], Awaitable[None]]
"""Progress, of how much, and in words. Says nothing to a client that did not ask."""


class Inputs:
    """Takes in the pictures that calls bring along, on threads of their own: an address may be slow."""

    def __init__(self, services: Services) -> None:
        self._sources = Sources(services)
        self._places = CapacityLimiter(AT_ONCE)

    async def take_in(self, pictures: Mapping[str, str]) -> dict[str, StoredInput]:
        """By field. Raises InvalidRequest naming the field of the first picture that cannot be had or read."""
        return {
            field: await run_sync(self._sources.store, field, picture, limiter=self._places)
            for field, picture in pictures.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    services: Services
    inputs: Inputs
    key: str
    base_url: str
    report: Report

    async def as_key(self, scope: Scope, act: Callable[[Session, ApiKey], Result]) -> Result:
        """`act` in the name of the key, in one transaction. Raises NotAuthenticated or NotAllowed."""
        return await as_key(self.services, self.key, scope, act)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    told: BaseModel
    """The structured output."""
    text: str
    """The same for those who read."""
    content: Sequence[ContentBlock] = field(default_factory=tuple[ContentBlock, ...])
    """Pictures and links."""
    failed: bool = False
