"""Passwords: which ones are fit, and the only form in which they are kept.

Argon2id with the parameters that OWASP's Password Storage Cheat Sheet names (19 MiB, 2 passes, 1 lane). Hashing is
slow on purpose, so it is done outside of transactions, and by few threads at a time: more would only fill the memory.
"""

import unicodedata
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from easel.domain.errors import InvalidRequest

SHORTEST: Final = 10
LONGEST: Final = 200

# Long enough to be taken, and among the first that anybody tries.
COMMON: Final = frozenset(
    "1234567890 12345678910 0123456789 0987654321 1q2w3e4r5t 1qaz2wsx3edc qwertyuiop qwerty12345 qwerty123456 "
    "asdfghjkl1 asdfghjkl; password12 password123 password1234 passw0rd123 iloveyou123 welcome123 letmein123 "
    "administrator abcdefghij abc1234567 football123 baseball123 superman123 princess123 changeme123".split()
)

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_AT_ONCE: Final = BoundedSemaphore(4)

NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$fbYmRDJo0kc/iJDd7TWrzA$n+a+m5/+jvUf6owPUHwziinf0foLY71wCOiVFuVgXOc"
"""What is checked when there is no account, so that the answer takes as long; no password is known to match it."""


def check_fitness(password: str, email: str | None = None) -> str:
    """The password as it is hashed. Raises InvalidRequest saying what would be better.

    Length counts and kinds of characters do not, as NIST SP 800-63B says; so does that it is none of the known ones.
    """
    password = _composed(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidRequest("password", f"password must be {SHORTEST} to {LONGEST} characters; some words will do")
    plain = password.casefold()
    if plain in COMMON or len(set(plain)) < 5:
        raise InvalidRequest("password", "password is one of the first that anybody would try; choose another one")
    if email and plain in (email, email.partition("@")[0]):
        raise InvalidRequest("password", "password must not be your e-mail; choose another one")
    return password


def hashed(password: str) -> str:
    with _AT_ONCE:
        return _HASHER.hash(_composed(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether `stored` is the hash of the password. Takes as long where there is none."""
    if len(password) > LONGEST * 4:  # nobody has one like this, and hashing it would cost
        password = ""
    with _AT_ONCE:
        try:
            return _HASHER.verify(stored or NOBODYS, _composed(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with parameters of another time."""
    return _HASHER.check_needs_rehash(stored)


def _composed(password: str) -> str:
    """One spelling of what looks the same, whatever keyboard it came from (NIST SP 800-63B, section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()
