"""Where weights that somebody asks for come from: how an address of them is read, and which ones are never fetched.

Pure: where an address leads is judged when it is fetched.
"""

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from easel.catalogue.weights import HUB
from easel.domain.errors import InvalidRequest
from easel.kit.fetch import BadUrl, check_url_syntax

HUB_HOSTS: Final = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})

PICKLES: Final = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
PICKLE_FORMATS: Final = frozenset({"ckpt", "pt"})

_PART: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REPOSITORY: Final = re.compile(f"{_PART}/{_PART}")
_IN_REPOSITORY: Final = re.compile(rf"/(?P<repository>{_PART}/{_PART})(?P<rest>/.*)?")


def source_of(said: str) -> str:
    """`hf:OWNER/NAME` for a repository of the Hugging Face hub, or the address of one file.

    Raises InvalidRequest for what is neither, and for a file that can only be a pickle.
    """
    if _REPOSITORY.fullmatch(said):
        return HUB + said
    try:
        check_url_syntax(said)
    except BadUrl as bad:
        raise InvalidRequest(
            "url",
            f"url is neither a repository of Hugging Face, like owner/name, nor the address of a file: {bad}",
        ) from None
    parts = urlsplit(said)
    if parts.hostname in HUB_HOSTS and (found := _IN_REPOSITORY.fullmatch(unquote(parts.path).rstrip("/"))):
        rest = found["rest"] or ""
        if not rest or rest == "/tree/main":
            return HUB + found["repository"]
        said = said.replace("/blob/", "/resolve/", 1)  # the page about a file is not the file
    if parts.path.casefold().endswith(PICKLES):
        raise refused_pickle("url", parts.path.rpartition("/")[2])
    return said


def check_format(field: str, said: str, source: str | None) -> None:
    """Raises InvalidRequest for weights that are said to be a pickle, unless their file's name says otherwise."""
    if said.casefold() in PICKLE_FORMATS and not (source or "").casefold().endswith(".safetensors"):
        raise refused_pickle(field, f"a {said} file")


def refused_pickle(field: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        field,
        f"{field}: {what} is a pickle, which can run code when it is loaded and is never read here; send weights in "
        "safetensors or diffusers' layout. Where you trust it, load it elsewhere with "
        "torch.load(FILE, weights_only=True) and save it with safetensors.torch.save_file",
    )


def is_pickle(beginning: bytes) -> bool:
    """By a file's first bytes: those of torch's archives, of pickles, and of archives of pickles."""
    return beginning.startswith((b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"))
