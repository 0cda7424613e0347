"""A small OpenID Connect provider for tests: real HTTP, real keys, and a hand on what it answers.

Whoever is sent to it is let in at once; the fields of `TestProvider` say what it answers then.
"""

import base64
import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT = "easel"
SECRET = "a secret of the provider's"


@dataclass
class TestProvider:
    issuer: str
    now: Callable[[], float] = time.time
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    """Put over the usual ones; None takes one away."""
    info: dict[str, Any] | None = None
    """What the userinfo endpoint says; without it there is none."""
    sign: Callable[[dict[str, Any], RSAKey], str] | None = None
    error: str | None = None
    """The authorization endpoint answers this instead of a code."""
    key: RSAKey = field(default_factory=lambda: new_key())
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    asked: list[str] = field(default_factory=list[str])

    __test__ = False

    def change_key(self) -> None:
        self.key = new_key()

    def describe(self, request: Request) -> Response:
        self.asked.append("discovery")
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        if self.info is not None:
            said["userinfo_endpoint"] = f"{self.issuer}/userinfo"
        return JSONResponse(said)

    def keys(self, request: Request) -> Response:
        self.asked.append("keys")
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT), asked
        assert asked["code_challenge_method"] == "S256"
        assert {"openid", "email"} <= set(asked["scope"].split())
        if self.error:
            return RedirectResponse(f"{asked['redirect_uri']}?error={self.error}&state={asked['state']}", 302)
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}", 302)

    async def token(self, request: Request) -> Response:
        sent = await request.form()
        asked = self.codes.pop(str(sent.get("code")), None)  # once
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        known = request.headers.get("authorization") == f"Basic {basic}"
        if asked is None or not known or sent["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = hashlib.sha256(str(sent["code_verifier"]).encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        usual = {
            "iss": self.issuer,
            "sub": "person-1",
            "aud": CLIENT,
            "iat": int(self.now()),
            "exp": int(self.now()) + 300,
            "nonce": asked["nonce"],
            "email": "ann@example.org",
            "email_verified": True,
            "name": "Ann Example",
        }
        claims = {name: value for name, value in (usual | self.claims).items() if value is not None}
        sign = self.sign or (lambda claims, key: jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key))
        answer = {"access_token": "an access token", "token_type": "Bearer", "id_token": sign(claims, self.key)}
        return JSONResponse(answer)

    def userinfo(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer an access token"
        return JSONResponse(self.info)


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})


@contextmanager
def provider() -> Iterator[TestProvider]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here = TestProvider(f"http://127.0.0.1:{port}")
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", here.describe),
            Route("/keys", here.keys),
            Route("/authorize", here.authorize),
            Route("/token", here.token, methods=["POST"]),
            Route("/userinfo", here.userinfo),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield here
    finally:
        server.should_exit = True
        thread.join()
