"""Whose key a request has.

A1111 knows HTTP Basic, or nothing at all. Here the password of Basic is an API key, whatever the user's name; a Bearer
token and `X-API-Key` work as everywhere. Without a key a request is refused, unless `EASEL_A1111_OPEN` says that it is
the owner's.

A browser sends a password that it once was told, and reaches this machine, for any page that asks it to. So a page of
another site must show that it knows the key itself: in a header that no browser sends on its own.
"""

import base64
import binascii
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from easel.domain.errors import NotAllowed, NotAuthenticated
from easel.gateway.auth import key_of
from easel.gateway.incoming import Incoming
from easel.gateway.services import Services

PRIVATE_NAMES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")
"""Names that nobody can register: a strange site never has one."""


def client_key(services: Services, request: Request) -> str:
    """Raises NotAuthenticated without a key, NotAllowed for a page of another site that does not show one."""
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        _refuse_other_sites(request)
        return _password(said)
    try:
        return key_of(request, Incoming(dict(request.query_params), {}))
    except NotAuthenticated:
        if services.keyless is None or _says_something(request):
            raise
    _refuse_other_sites(request)
    _refuse_strange_names(services, request)
    return services.keyless


def _password(said: str) -> str:
    """Of `user:password`; a key alone, without a password, is taken as well."""
    try:
        user, _, password = base64.b64decode(said.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise NotAuthenticated("Invalid API key") from None
    key = password or user
    if not key or not key.isascii() or not key.isprintable():
        raise NotAuthenticated("Invalid API key")
    return key


def _says_something(request: Request) -> bool:
    """Whether a key was sent, if a bad one: nobody who names one means the owner's."""
    return any(request.headers.get(name) for name in ("key", "x-api-key", "authorization"))


def _refuse_other_sites(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin and origin.partition("://")[2] != request.headers.get("host"):
        raise NotAllowed("A page of another site must send its API key as a Bearer token or in X-API-Key")


def _refuse_strange_names(services: Services, request: Request) -> None:
    """A site can have its own name lead to this machine (DNS rebinding), and its pages are no other site's then."""
    name = _host_of(f"//{request.headers.get('host', '')}")
    own = _host_of(services.public_url or "")
    if not (name == own or "." not in name or name.endswith(PRIVATE_NAMES) or _is_address(name)):
        raise NotAllowed(
            f"Without an API key this server is not called {name[:100]}: call it by its address or as localhost, or "
            "have its operator set EASEL_PUBLIC_URL"
        )


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return "."


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
