"""Templates to responses."""

from collections.abc import Callable
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from easel.domain.money import format_dollars
from easel.site.covers import cover
from easel.site.words import browser, moment, number, seconds, with_code

HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "img-src 'self' data: blob:",
            "style-src 'self'",
            "script-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        )
    ),
    # A page shows one person's state, and its address may carry a sign-in token.
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Renderer:
    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("easel.site"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        # Jinja2 leaves its dictionary of filters untyped but for its own entries.
        filters: dict[str, Callable[..., object]] = self._templates.filters  # pyright: ignore[reportAssignmentType]
        filters |= {
            "dollars": format_dollars,
            "seconds": seconds,
            "number": number,
            "cover": cover,
            "with_code": with_code,
            "browser": browser,
            "moment": moment,
        }

    def fragment(self, name: str, **context: Any) -> str:
        """A part of a page, such as the output panel's inside."""
        return self._templates.get_template(name).render(**context)

    def page(self, name: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        return HTMLResponse(self.fragment(name, **context), status, HEADERS)
