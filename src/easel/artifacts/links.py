"""Signed links: whoever has the link may read the file, and every gateway with the same secret can check it.

The signature stands before the key, so that a link still ends in the file's extension, which clients go by.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

PREFIX = "/files"


class LinkSigner:
    def __init__(self, secret: str) -> None:
        self._secret = hashlib.sha256(b"easel link " + secret.encode()).digest()

    def path(self, key: str, expires: datetime | None = None) -> str:
        """`/files/<expiry>-<signature>/<key>`; without `expires` the link is good for as long as the file is there."""
        until = int(expires.timestamp()) if expires else 0
        return f"{PREFIX}/{until:x}-{self._sign(key, until)}/{key}"

    def verify(self, signature: str, key: str, now: datetime) -> bool:
        """Whether `signature` (the path's second part) was made by us for `key` and has not run out at `now`."""
        until_text, _, given = signature.partition("-")
        try:
            until = int(until_text, 16)
        except ValueError:
            return False
        if not hmac.compare_digest(given.encode(), self._sign(key, until).encode()):
            return False
        return until == 0 or now.astimezone(UTC).timestamp() < until

    def _sign(self, key: str, until: int) -> str:
        digest = hmac.new(self._secret, f"{until}:{key}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:18]).decode()
