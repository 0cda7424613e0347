"""One call of a tool: whose it is, how it reports progress, and what comes of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from mcp_types import ContentBlock
from pydantic import BaseModel
from sqlalchemy.orm import Session

from easel.accounts.tables import ApiKey, Scope
from easel.gateway.auth import as_key
from easel.gateway.services import Services
from easel.gateway.sources import Sources

Result = TypeVar("Result")

Report: TypeAlias = Callable[[float, float, str], Awaitable[None]]
"""Progress, of how much, and in words. Says nothing to a client that did not ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    services: Services
    sources: Sources
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
