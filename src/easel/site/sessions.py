"""What a browser keeps: a signed cookie with the token of its session, and form tokens bound to it.

The session itself is a row (accounts/sessions.py). The signature keeps what nobody was given away from the database.
"""

import hmac
from datetime import timedelta
from typing import Final

from itsdangerous import BadSignature, Signer

COOKIE: Final = "easel_session"
FORM_COOKIE: Final = "easel_form"
"""What binds a form to a browser before anybody has signed in."""
FORM_LIFETIME: Final = timedelta(days=1)


class SessionSigner:
    """Signs cookies and form tokens; every gateway with the same secret reads what another one wrote."""

    def __init__(self, secret: str) -> None:
        self._cookies = Signer(secret, salt="easel site session", key_derivation="hmac")
        self._forms = Signer(secret, salt="easel site form", key_derivation="hmac")

    def cookie(self, token: str) -> str:
        return self._cookies.sign(token).decode()

    def read(self, cookie: str | None) -> str | None:
        """The token of a cookie that we signed; None for any other."""
        if not cookie or not cookie.isascii():
            return None
        try:
            return self._cookies.unsign(cookie).decode()
        except (BadSignature, UnicodeDecodeError):
            return None

    def form_token(self, token: str) -> str:
        """What a form carries to prove that it was made for this browser."""
        return self._forms.get_signature(token).decode()

    def is_form_token(self, token: str, given: str) -> bool:
        return hmac.compare_digest(self.form_token(token).encode(), given.encode("utf-8", "surrogatepass"))
