"""Templates to responses."""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from easel.domain.money import format_dollars
from easel.site import assets
from easel.site.covers import cover
from easel.site.pictures import blur
from easel.site.words import browser, code, line, moment, money_word, number, plain_dollars, seconds, with_code

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
    """Of one set of templates a process, compiled once."""

    def __init__(self) -> None:
        self._pages = _environment(autoescape=True)
        self._texts = _environment(autoescape=False)

    def warm(self) -> None:
        """Compile all templates, so that no visitor waits for it."""
        for name in self._pages.list_templates():
            (self._pages if name.endswith(".html") else self._texts).get_template(name)

    def fragment(self, name: str, **context: Any) -> str:
        """A part of a page, such as the output panel's inside."""
        return self._pages.get_template(name).render(**context)

    def page(self, name: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        return HTMLResponse(self.fragment(name, **context), status, HEADERS)

    def text(self, name: str, **context: Any) -> str:
        """Markdown or plain text."""
        return self._texts.get_template(name).render(**context).strip() + "\n"


@cache
def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("easel.site"),
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    # Jinja2 leaves its dictionaries of filters and globals untyped but for its own entries.
    filters: dict[str, Callable[..., object]] = environment.filters  # pyright: ignore[reportAssignmentType]
    filters |= {
        "dollars": format_dollars,
        "seconds": seconds,
        "number": number,
        "cover": cover,
        "blur": blur,
        "with_code": with_code,
        "browser": browser,
        "moment": moment,
        "money_word": money_word,
        "plain_dollars": plain_dollars,
        "line": line,
        "code": code,
    }
    helpers: dict[str, Callable[..., object]] = environment.globals  # pyright: ignore[reportAssignmentType]
    helpers |= {"static": assets.address, "sheets": assets.sheets, "scripts": assets.scripts}
    return environment
