"""Signing in through the OpenID Connect provider: to it, and back."""

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from itsdangerous import BadSignature, URLSafeTimedSerializer

from easel.accounts.attempts import SIGN_INS_FROM, take
from easel.accounts.identities import account_of
from easel.accounts.oidc import STRANGE, Begun, OidcClient
from easel.domain.errors import DomainError, NotAuthenticated, NotFound
from easel.site.addresses import own_path
from easel.site.refusals import refused
from easel.site.site import Site

COOKIE: Final = "easel_provider"
LIFETIME: Final = timedelta(minutes=10)
CALLBACK: Final = "/login/oidc/callback"


class ThroughProvider:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._cookies = URLSafeTimedSerializer(site.services.secret, salt="easel site provider", serializer=json)

    def begin(self, request: Request, then: str = "") -> Response:
        """A link leads here, no form: a browser lets no form lead to another host under our content security policy."""
        services, client = self._site.services, self._client()
        with services.database.transaction() as session:
            take(session, services.clock, SIGN_INS_FROM, self._site.client(request))
        address, begun = client.begin(services.home_url + CALLBACK)
        kept = self._cookies.dumps({**asdict(begun), "then": own_path(then)})
        response = RedirectResponse(address, 303)
        self._site.set_cookie(request, response, COOKIE, str(kept), LIFETIME)
        return response

    def finish(self, request: Request) -> Response:
        services, client = self._site.services, self._client()
        try:
            begun, then = self._kept(request)
            person = client.finish(services.home_url + CALLBACK, begun, dict(request.query_params))
            with services.database.transaction() as session:
                account = account_of(session, services.clock, person, services.doors.signup)
                response = self._site.sign_in(session, request, account, then or self._site.start(session))
        except DomainError as refusal:
            response = self._site.stranger_page(request, "login.html", **refused(refusal), email="", then="")
        response.delete_cookie(COOKIE)
        return response

    def _kept(self, request: Request) -> tuple[Begun, str | None]:
        """Raises NotAuthenticated for a browser that did not begin this, or began it too long ago."""
        try:
            kept = self._cookies.loads(request.cookies.get(COOKIE, ""), max_age=int(LIFETIME.total_seconds()))
        except BadSignature:
            raise NotAuthenticated(STRANGE) from None
        return Begun(kept["state"], kept["nonce"], kept["verifier"]), kept["then"]

    def _client(self) -> OidcClient:
        """Raises NotFound where no provider is set."""
        client = self._site.services.doors.oidc
        if client is None:
            raise NotFound("This installation has no sign-in provider.")
        return client
