"""E-mail addresses in one spelling each, so that one address never has two accounts."""

from typing import Final

import idna

from easel.domain.errors import InvalidRequest

LIMIT: Final = 254
"""RFC 5321, section 4.5.3.1."""
LOCAL_LIMIT: Final = 64

# RFC 5321's atoms and dots, which is what mail servers give out; quoted local parts exist on paper.
ATOMS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~.")
LABELS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")


def normalise(email: str) -> str:
    """Lower case, its domain as DNS has it. Raises InvalidRequest for what is no address.

    The local part is ASCII: letters of other scripts that look alike, or become alike in lower case, would make one
    address pass for another. All of the result is printable ASCII without spaces, and normalising it changes nothing.
    """
    local, _, domain = email.strip().rpartition("@")
    address = f"{_fit_local(local)}@{_fit_domain(domain)}"
    if len(address) > LIMIT:
        raise _unfit()
    return address


def _fit_local(local: str) -> str:
    local = local.lower() if local.isascii() else ""
    if not 0 < len(local) <= LOCAL_LIMIT or not ATOMS.issuperset(local) or "" in local.split("."):
        raise _unfit()
    return local


def _fit_domain(domain: str) -> str:
    try:
        domain = idna.encode(domain, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise _unfit() from None
    if not LABELS.issuperset(domain) or "" in domain.split("."):
        raise _unfit()
    return domain


def _unfit() -> InvalidRequest:
    return InvalidRequest("email", "email must look like name@example.org")
