"""Numbers and sentences as people read them."""

import re
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup, escape

from easel.domain.money import Micros, format_dollars


def number(value: float) -> str:
    """`4.0` -> `4`, `7.5` -> `7.5`: no digit that says nothing."""
    return f"{value:g}"


def seconds(value: float) -> str:
    """`0.4` -> `0.4 s`, `72` -> `1 min 12 s`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def ahead(others: int | None) -> str:
    """How many requests are served first, as a sentence."""
    if not others:
        return "You are next."
    return "One request is ahead of you." if others == 1 else f"{others} requests are ahead of you."


MONEY: Final = {
    "hold": "Set aside for pictures",
    "capture": "Pictures delivered",
    "release": "Set aside, not needed",
    "credit": "Credit",
    "refund": "Given back",
    "payback": "Returned to the card",
    "fee": "Plan",
    "adjustment": "Correction",
}


def money_word(kind: str) -> str:
    """What a transfer of the ledger is called in a statement."""
    return MONEY.get(kind, kind.capitalize())


def plain_dollars(amount: Micros | None) -> str:
    """As a field of a form holds it: `10.00`; nothing for none."""
    return "" if amount is None else format_dollars(amount).removeprefix("$").replace(",", "")


BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def browser(agent: str) -> str:
    """What a browser calls itself, in a few words: `Firefox on Linux`. The order matters: most claim to be Safari."""
    name = next((name for sign, name in BROWSERS if sign + "/" in agent), "Another program")
    system = next((name for sign, name in SYSTEMS if sign in agent), "")
    return f"{name} on {system}" if system else name


def moment(time: datetime) -> str:
    """`21 Nov 2026, 11:52 UTC`."""
    return f"{time.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def with_code(sentence: str) -> Markup:
    """What stands between backticks, as code; everything else stays text."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))


def line(text: object) -> str:
    """Somebody's text in a line of Markdown: nothing in it is markup, ends a table's cell or begins a paragraph."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """Somebody's text between as many backticks as it takes."""
    said = " ".join(str(text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", said)), default=0))
    return f"{fence}{said}{fence}" if len(fence) == 1 else f"{fence} {said} {fence}"
