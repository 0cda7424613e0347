"""The shape of a secret and the form in which it is stored."""

import base64
import hashlib
import hmac

from easel.kit.ids import new_token

KEY_PREFIX = "easel_"
SHOWN_CHARACTERS = len(KEY_PREFIX) + 6


def new_key() -> str:
    """`easel_` and 43 URL-safe characters (256 random bits)."""
    return KEY_PREFIX + new_token()


def derived_key(installation_secret: str, counter: int) -> str:
    """A key of the same shape as `new_key`'s that can be made again from the installation's secret."""
    digest = hmac.digest(installation_secret.encode(), f"easel owner key {counter}".encode(), "sha256")
    return KEY_PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def shown_part(key: str) -> str:
    return key[:SHOWN_CHARACTERS]


def sha256_of(secret: str) -> str:
    """A plain hash will do: 256 random bits cannot be guessed, so there is nothing for a slow hash to protect.

    Text that is no valid Unicode hashes as well, to something that nobody has.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
