"""Where things are."""

import re
from urllib.parse import quote, urlencode

from easel.catalogue.tables import Model


def model_address(model: Model, **query: str | int) -> str:
    path = f"/models/{model.provider}/{model.model_id}"
    return f"{path}?{urlencode(query)}" if query else path


def provider_address(provider: str) -> str:
    return f"/models/{quote(provider, safe='')}"


def twin_of(path: str) -> str:
    """Where a page is as Markdown."""
    return "/index.md" if path == "/" else f"{path}.md"


def own_path(wanted: str) -> str | None:
    """`wanted` if it is a path of this site; None for anything that a browser could take for another one."""
    return wanted if re.fullmatch(r"/([A-Za-z0-9._~%?&=+-][A-Za-z0-9._~%?&=+/-]*)?", wanted) else None
