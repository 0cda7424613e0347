"""Sign-in through an OpenID Connect provider: the protocol. Who then is which account stands in identities.py.

The authorization code flow with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636). State, nonce and verifier stay
with the browser that began, in a signed cookie: an answer to what another browser began is refused.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeVar

from easel.domain.errors import NotAuthenticated, Unavailable
from easel.kit.clock import Clock
from easel.kit.ids import new_token

SCOPE: Final = "openid email profile"
TIMEOUT: Final = 10.0
LEEWAY: Final = 60
"""Seconds by which the provider's clock may differ from ours."""
SIGNATURES: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Public keys only: with a shared secret, or with `none`, anybody who knows the client could sign."""

ENDPOINTS: Final = frozenset({"authorization_endpoint", "token_endpoint", "jwks_uri"})

DENIED: Final = "The sign-in was not finished at the provider; begin it once more"
STRANGE: Final = (
    "The provider's answer cannot be trusted; begin the sign-in once more, and tell the operator if it recurs"
)
DOWN: Final = "The provider cannot be reached at present; try again later, or sign in another way"

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Provider:
    issuer: str
    client_id: str
    client_secret: str
    name: str
    """What the button calls it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What a browser keeps while it is at the provider."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider vouches for."""

    issuer: str
    subject: str
    email: str | None
    """None unless the provider says that it has verified it."""
    name: str | None


class OidcClient:
    """Authlib does the protocol; it is imported when somebody first signs in this way. Any thread may use it."""

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self.provider = provider
        self._clock = clock
        self._lock = Lock()
        self._metadata: dict[str, Any] | None = None
        self._keys: Any = None

    def begin(self, redirect_uri: str) -> tuple[str, Begun]:
        """Where to send the browser, and what it must bring back. Raises Unavailable."""
        begun = Begun(new_token(), new_token(), new_token(384))
        with self._session(redirect_uri) as session:
            address, _ = session.create_authorization_url(
                self._discovered()["authorization_endpoint"],
                state=begun.state,
                nonce=begun.nonce,
                code_verifier=begun.verifier,
            )
        return address, begun

    def finish(self, redirect_uri: str, begun: Begun, answer: Mapping[str, str]) -> Person:
        """Whom the answer names. Raises NotAuthenticated for one that is not to be trusted, Unavailable."""
        if not hmac.compare_digest(answer.get("state", "").encode(), begun.state.encode()):
            raise NotAuthenticated(STRANGE)
        # RFC 9207: an answer that another issuer gave must not reach ours.
        if answer.get("iss", self.provider.issuer) != self.provider.issuer:
            raise NotAuthenticated(STRANGE)
        if not answer.get("code"):
            raise NotAuthenticated(DENIED)
        token = self._exchange(redirect_uri, begun, answer["code"])
        claims = self._checked(token, begun.nonce)
        if not {"email", "email_verified"} <= claims.keys() and "userinfo_endpoint" in self._discovered():
            claims |= self._userinfo(token, str(claims["sub"]))
        verified = claims.get("email_verified") in (True, "true")
        email, name = claims.get("email"), claims.get("name")
        return Person(
            issuer=self.provider.issuer,
            subject=str(claims["sub"]),
            email=email if verified and isinstance(email, str) else None,
            name=name if isinstance(name, str) else None,
        )

    def _exchange(self, redirect_uri: str, begun: Begun, code: str) -> dict[str, Any]:
        from authlib.common.errors import AuthlibBaseError

        endpoint = self._discovered()["token_endpoint"]
        with self._session(redirect_uri) as session:
            try:
                return self._reach(lambda: session.fetch_token(endpoint, code=code, code_verifier=begun.verifier))
            except (AuthlibBaseError, ValueError) as error:
                raise NotAuthenticated(DENIED) from error

    def _checked(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        """The ID token's claims, after every check of OpenID Connect Core 1.0, section 3.1.3.7."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        try:
            decoded = self._decoded(token["id_token"])
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self.provider.issuer},
                    "aud": {"essential": True, "value": self.provider.client_id},
                },
                params={
                    "nonce": nonce,
                    "client_id": self.provider.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(self._clock.now().timestamp()), leeway=LEEWAY)
        except (JoseError, KeyError, ValueError, TypeError) as error:
            raise NotAuthenticated(STRANGE) from error
        return dict(claims)

    def _decoded(self, id_token: str) -> Any:
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            return jwt.decode(id_token, self._signing_keys(), algorithms=list(SIGNATURES))
        except (JoseError, ValueError):
            # The provider may have changed its keys since we asked; with the same keys it fails the same way.
            return jwt.decode(id_token, self._signing_keys(again=True), algorithms=list(SIGNATURES))

    def _userinfo(self, token: dict[str, Any], subject: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token.get('access_token')}"}
        said = self._get(self._discovered()["userinfo_endpoint"], headers)
        if said.get("sub") != subject:
            raise NotAuthenticated(STRANGE)
        # The address and the word that it is verified come from one hand.
        pair = {"email": said.get("email"), "email_verified": said.get("email_verified")}
        return pair | ({"name": said["name"]} if "name" in said else {})

    def _discovered(self) -> dict[str, Any]:
        """The provider's own description (OpenID Connect Discovery 1.0), asked for once."""
        with self._lock:
            if self._metadata is None:
                address = self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
                metadata = self._get(address, {})
                # Section 4.3: another issuer's description is not to be used.
                if metadata.get("issuer") != self.provider.issuer or not metadata.keys() >= ENDPOINTS:
                    raise Unavailable(DOWN)
                self._metadata = metadata
            return self._metadata

    def _signing_keys(self, *, again: bool = False) -> Any:
        from joserfc.jwk import KeySet

        address = self._discovered()["jwks_uri"]
        with self._lock:
            if self._keys is None or again:
                self._keys = KeySet.import_key_set(self._get(address, {}))  # pyright: ignore[reportArgumentType]
            return self._keys

    def _get(self, address: str, headers: dict[str, str]) -> dict[str, Any]:
        import httpx2

        answer = self._reach(lambda: httpx2.get(address, headers=headers, timeout=TIMEOUT).raise_for_status())
        try:
            return dict(answer.json())
        except (ValueError, TypeError) as error:
            raise Unavailable(DOWN) from error

    def _reach(self, ask: Callable[[], Answer]) -> Answer:
        import httpx2

        try:
            return ask()
        except httpx2.HTTPError as error:
            raise Unavailable(DOWN) from error

    def _session(self, redirect_uri: str) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        return OAuth2Client(
            self.provider.client_id,
            self.provider.client_secret,
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT,
        )
