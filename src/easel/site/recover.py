"""A forgotten password: ask for a link, open it, choose a new one."""

from typing import Annotated

from fastapi import Form, Request, Response

from easel.accounts import one_time, passwords
from easel.accounts.attempts import LETTERS_FROM, LETTERS_TO, take
from easel.accounts.emails import normalise
from easel.accounts.keys import refuse_suspended
from easel.accounts.queries import get_account
from easel.accounts.recovery import begin_reset, finish_reset
from easel.accounts.tables import Purpose
from easel.domain.errors import DomainError
from easel.kit.mail import Mail
from easel.site import letters
from easel.site.errors import LinkOver
from easel.site.refusals import refused
from easel.site.site import Site

LOOK = (
    "If there is an account with this e-mail, a link is on its way to it. It is good for an hour.",
    "If nothing comes, look where your unwanted mail goes, and whether you signed up with another address.",
)
AGAIN = "A link works once, within an hour, and a newer password ends it. Ask for a new one at /forgot."


class Recover:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request) -> Response:
        return self._page(request)

    def ask(self, request: Request, csrf: Annotated[str, Form()] = "", email: Annotated[str, Form()] = "") -> Response:
        """The same answer, at once, whoever has the address: everything that depends on that happens afterwards."""
        services = self._site.services
        try:
            self._site.check_stranger(request, csrf)
            wanted = normalise(email)
            with services.database.transaction() as session:
                take(session, services.clock, LETTERS_FROM, self._site.client(request))
                take(session, services.clock, LETTERS_TO, wanted)
        except DomainError as refusal:
            return self._page(request, refusal, email=email)

        def write() -> Mail | None:
            with services.database.transaction() as session:
                begun = begin_reset(session, services.clock, wanted)
            return letters.reset(services.home_url, *begun) if begun else None

        services.postman.post(write)
        return self._site.tell(request, "Look into your mail", *LOOK)

    def show_choose(self, request: Request, token: str = "") -> Response:
        return self._choose_page(request, token, self._email_of(token))

    def choose(
        self,
        request: Request,
        csrf: Annotated[str, Form()] = "",
        token: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
    ) -> Response:
        """Set the password and sign this browser in, as the only one."""
        services, email = self._site.services, self._email_of(token)
        try:
            self._site.check_stranger(request, csrf)
            hashed = passwords.hashed(passwords.check_fitness(password, email))
            with services.database.transaction() as session:
                account = finish_reset(session, services.clock, token, hashed)
                refuse_suspended(account)
                answer = self._site.sign_in(session, request, account, self._site.start(session))
        except DomainError as refusal:
            return self._choose_page(request, token, email, refusal)
        if account.email:
            told = letters.password_changed(services.home_url, account.email)
            services.postman.post(lambda: told)
        return answer

    def _email_of(self, token: str) -> str:
        """The address, or the name where there is none, of whoever the token is for. Raises LinkOver."""
        services = self._site.services
        with services.database.transaction() as session:
            seen = one_time.look_at(session, services.clock, Purpose.RESET, token)
            if seen is None or seen.account_id is None:
                raise LinkOver(AGAIN)
            return seen.email or get_account(session, seen.account_id).name

    def _page(self, request: Request, refusal: DomainError | None = None, *, email: str = "") -> Response:
        return self._site.stranger_page(request, "forgot.html", **refused(refusal), email=email)

    def _choose_page(self, request: Request, token: str, email: str, refusal: DomainError | None = None) -> Response:
        shown = refused(refusal)
        return self._site.stranger_page(
            request, "choose_password.html", **shown, token=token, email=email, joining=False
        )
