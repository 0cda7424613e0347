"""Who a browser is: a signed cookie, and a form token bound to it."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from itsdangerous import BadSignature, Signer, URLSafeSerializer

from easel.kit.ids import new_token

COOKIE: Final = "easel_session"
LIFETIME: Final = timedelta(days=30)


@dataclass(frozen=True)
class BrowserSession:
    account_id: int
    nonce: str
    """Makes each sign-in a session of its own; form tokens are derived from it."""
    expires: datetime


class SessionSigner:
    """Issues and reads cookies. Nothing is stored: every gateway with the same secret reads the same cookie."""

    def __init__(self, secret: str) -> None:
        self._cookies = URLSafeSerializer(secret, salt="easel site session")
        self._forms = Signer(secret, salt="easel site form", key_derivation="hmac")

    def issue(self, account_id: int, now: datetime) -> str:
        expires = int((now + LIFETIME).timestamp())
        return self._cookies.dumps({"account": account_id, "nonce": new_token(128), "expires": expires})

    def read(self, cookie: str | None, now: datetime) -> BrowserSession | None:
        """The session of a cookie that we signed and that has not run out; None for any other."""
        if not cookie:
            return None
        try:
            said: dict[str, Any] = self._cookies.loads(cookie)
        except BadSignature:
            return None
        session = BrowserSession(said["account"], said["nonce"], datetime.fromtimestamp(said["expires"], UTC))
        return session if now < session.expires else None

    def form_token(self, session: BrowserSession) -> str:
        return self._forms.get_signature(session.nonce).decode()

    def is_form_token(self, session: BrowserSession, given: str) -> bool:
        return hmac.compare_digest(self.form_token(session).encode(), given.encode())
