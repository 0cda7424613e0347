"""The documentation: written once as Markdown in this package, shown as pages and as it is."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from posixpath import dirname, join, normpath
from typing import Final

from fastapi import Request, Response
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from easel.billing.plans import PLANS
from easel.domain.errors import NotFound
from easel.site.describe import plan_row
from easel.site.site import Site
from easel.site.twins import Page, answer

GROUPS: Final = {
    "Start": ("quick-start", "playground", "prompts"),
    "APIs": ("modelslab", "openai", "automatic1111", "agents", "errors", "limits", "webhooks"),
    "Run it": (
        "self-hosting",
        "models",
        "training",
        "accounts",
        "reference/settings",
        "reference/cli",
        "reference/modelslab",
    ),
}
"""The pages in the order of reading, by the names of their files."""

TITLES: Final = {"reference/modelslab": "ModelsLab, field by field"}
"""Where a file's own heading would stand twice in the list."""

PLANS_TABLE: Final = "<!-- plans -->"
"""What stands in a text in place of the table of plans, whose numbers are billing's."""

LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Article:
    name: str
    title: str
    description: str
    text: str
    """Markdown, with links that work on this site."""

    @property
    def path(self) -> str:
        return f"/docs/{self.name}"

    @property
    def group(self) -> str:
        return next(group for group, names in GROUPS.items() if self.name in names)


@dataclass(frozen=True)
class Heading:
    id: str
    text: str


class Docs:
    def __init__(self, site: Site) -> None:
        self._site = site

    def index(self, request: Request) -> Response:
        page = Page(
            name="docs",
            title="Docs · Easel",
            description="How to draw through the API, in every dialect, and how to run Easel on machines of your own.",
            path="/docs",
            type="article",
            view={"groups": groups()},
        )
        return answer(self._site, request, page)

    def article(self, request: Request, name: str) -> Response:
        """Raises NotFound."""
        article = articles().get(name)
        if article is None:
            raise NotFound("The documentation has no such page. See which ones it has at /docs.")
        body, headings = drawn(article.text)
        page = Page(
            name="doc",
            title=f"{article.title} · Easel docs",
            description=article.description,
            path=article.path,
            type="article",
            component="Article",
            view={"article": article, "body": body, "headings": headings, "groups": groups()},
        )
        return answer(self._site, request, page)


@cache
def articles() -> dict[str, Article]:
    """Every page by its name, in the order of reading."""
    names = [name for names in GROUPS.values() for name in names]
    folder = resources.files("easel.site") / "articles"
    found = {name: (folder / f"{name}.md") for name in names}
    texts = {name: file.read_text("utf-8") for name, file in found.items() if file.is_file()}
    return {name: _article(name, text, frozenset(texts)) for name, text in texts.items()}


def groups() -> dict[str, list[Article]]:
    known = articles()
    return {group: [known[name] for name in names if name in known] for group, names in GROUPS.items()}


@cache
def drawn(text: str) -> tuple[Markup, list[Heading]]:
    """A page's Markdown as HTML, and its headings of the second level."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    headings: list[Heading] = []
    for token, inside in pairwise(tokens):
        if token.type == "heading_open" and token.tag in ("h2", "h3"):
            words = "".join(child.content for child in inside.children or [])
            token.attrSet("id", _unique(_slug(words), headings))
            headings.append(Heading(str(token.attrGet("id")), words if token.tag == "h2" else ""))
        elif token.type == "table_open":
            token.attrSet("class", "wide")
    html = reader.renderer.render(_framed(tokens), reader.options, {})
    # The reader escapes whatever is no Markdown, and takes no HTML.
    return Markup(html), [heading for heading in headings if heading.text]


def _framed(tokens: list[Token]) -> list[Token]:
    """Wide tables and code scroll within themselves, by keyboard as well."""
    framed: list[Token] = []
    for token in tokens:
        if token.type == "table_open":
            framed.append(_html('<div class="scroll" tabindex="0" role="group" aria-label="Table">'))
        framed.append(token)
        if token.type == "table_close":
            framed.append(_html("</div>"))
        if token.type in ("fence", "code_block"):
            framed[-1:] = [_html('<div class="code" data-code>'), token, _html("</div>")]
    return framed


def _html(text: str) -> Token:
    return Token("html_block", "", 0, content=text)


def _article(name: str, text: str, known: frozenset[str]) -> Article:
    title = TITLES.get(name) or text.partition("\n")[0].removeprefix("# ").strip()
    description = next(part for part in text.split("\n\n")[1:] if not part.startswith(("#", "|", "`")))
    whole = _without_frames(text).replace(PLANS_TABLE, plans_table())
    linked = LINK.sub(lambda found: _link(name, found[1], found[2], known), whole)
    return Article(name, title, _first_sentence(description), linked)


def plans_table() -> str:
    rows = [plan_row(plan) for plan in PLANS.values()]
    lines = [f"| {row.title} | {row.queue} | {row.beyond} | {row.fee} |" for row in rows]
    return "\n".join(["| plan | waiting or being drawn | pictures | fee |", "|---|---|---|---|", *lines])


def _without_frames(text: str) -> str:
    """A terminal's frames around options: half of a page's bytes, and no phone is as wide."""
    text = re.sub(r"^╭─ (.*?) ─*╮$", r"\1", text, flags=re.M)
    text = re.sub(r"^│ (.*?) *│$", r"  \1", text, flags=re.M)
    return re.sub(r"^╰─*╯\n", "", text, flags=re.M)


def _link(name: str, words: str, target: str, known: frozenset[str]) -> str:
    """A link to another file as one to its page; what is not on the site is named without a link."""
    if re.match(r"[a-z]+:|/|#", target):
        return f"[{words}]({target})"
    path, _, anchor = normpath(join(dirname(name), target)).partition("#")
    page = path.removesuffix(".md")
    if page not in known:
        return words
    return f"[{words}](/docs/{page}{'#' + anchor if anchor else ''})"


def _first_sentence(paragraph: str) -> str:
    plain = re.sub(r"[`*_]|\[([^\]]+)\]\([^)]*\)", r"\1", " ".join(paragraph.split()))
    return re.split(r"(?<=[.!?]) ", plain)[0]


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "part"


def _unique(slug: str, headings: list[Heading]) -> str:
    taken = {heading.id for heading in headings}
    return next(name for name in (slug, *(f"{slug}-{number}" for number in range(2, 1000))) if name not in taken)
