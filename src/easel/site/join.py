"""Signing up: with a password at once, or with a mailed link first where addresses are to be proved."""

from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from easel.accounts import one_time, passwords
from easel.accounts.attempts import LETTERS_TO, SIGN_UPS_FROM, take
from easel.accounts.emails import normalise
from easel.accounts.sign_up import PLAN, SignUp, begin_with_letter, finish_with_letter, sign_up
from easel.accounts.tables import Purpose
from easel.billing.plans import PLANS
from easel.domain.errors import Conflict, DomainError, NotAllowed
from easel.kit.mail import Mail
from easel.site import letters
from easel.site.errors import LinkOver
from easel.site.refusals import refused
from easel.site.site import Site

LOOK = "A link is on its way to you. It is good for a day; if nothing comes, look where your unwanted mail goes."
AGAIN = "A link works once, within a day. Sign up once more for a new one."
CLOSED = "Accounts are made by whoever runs this installation. Ask them for one."
TAKEN = "This e-mail has an account already. Sign in with it, or choose a new password if you have forgotten yours."


class Join:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request) -> Response:
        self._refuse_closed()
        with self._site.services.database.transaction() as session:
            visitor, start = self._site.visitor(session, request), self._site.start(session)
        return RedirectResponse(start, 303) if visitor else self._page(request)

    def join(
        self,
        request: Request,
        csrf: Annotated[str, Form()] = "",
        email: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
    ) -> Response:
        self._refuse_closed()
        try:
            self._site.check_stranger(request, csrf)
            if self._site.services.doors.verify_email:
                return self._mail_a_link(request, normalise(email))
            return self._join(request, normalise(email), password)
        except DomainError as refusal:
            return self._page(request, refusal, email=email)

    def show_confirm(self, request: Request, token: str = "") -> Response:
        """The page that the mailed link opens; it changes nothing, because programs that preview links open it too."""
        self._refuse_closed()
        return self._confirm_page(request, token, self._email_of(token))

    def confirm(
        self,
        request: Request,
        csrf: Annotated[str, Form()] = "",
        token: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
    ) -> Response:
        self._refuse_closed()
        services, email = self._site.services, self._email_of(token)
        try:
            self._site.check_stranger(request, csrf)
            hashed = passwords.hashed(passwords.check_fitness(password, email))
            with services.database.transaction() as session:
                account = finish_with_letter(session, services.clock, token, hashed)
                return self._site.sign_in(session, request, account, self._site.start(session))
        except DomainError as refusal:
            return self._confirm_page(request, token, email, refusal)

    def _join(self, request: Request, email: str, password: str) -> Response:
        services = self._site.services
        fit = passwords.check_fitness(password, email)
        with services.database.transaction() as session:
            take(session, services.clock, SIGN_UPS_FROM, self._site.client(request))
        hashed = passwords.hashed(fit)
        try:
            with services.database.transaction() as session:
                account = sign_up(session, services.clock, email, hashed)
                return self._site.sign_in(session, request, account, self._site.start(session))
        except Conflict:
            raise Conflict(TAKEN) from None

    def _mail_a_link(self, request: Request, email: str) -> Response:
        """The same answer whether there is an account or not; the letter tells whoever reads the address's mail."""
        services = self._site.services
        with services.database.transaction() as session:
            take(session, services.clock, SIGN_UPS_FROM, self._site.client(request))
            take(session, services.clock, LETTERS_TO, email)

        def write() -> Mail:
            with services.database.transaction() as session:
                token = begin_with_letter(session, services.clock, email)
            if token is None:
                return letters.already_here(services.home_url, email)
            return letters.sign_up(services.home_url, email, token)

        services.postman.post(write)
        return self._site.tell(request, "Look into your mail", LOOK)

    def _email_of(self, token: str) -> str:
        services = self._site.services
        with services.database.transaction() as session:
            seen = one_time.look_at(session, services.clock, Purpose.SIGN_UP, token)
        if seen is None or seen.email is None:
            raise LinkOver(AGAIN)
        return seen.email

    def _refuse_closed(self) -> None:
        if self._site.services.doors.signup != SignUp.OPEN:
            raise NotAllowed(CLOSED)

    def _page(self, request: Request, refusal: DomainError | None = None, *, email: str = "") -> Response:
        return self._site.stranger_page(
            request, "signup.html", **refused(refusal), email=email, daily_pictures=PLANS[PLAN].daily_pictures
        )

    def _confirm_page(self, request: Request, token: str, email: str, refusal: DomainError | None = None) -> Response:
        return self._site.stranger_page(
            request, "choose_password.html", **refused(refusal), token=token, email=email, joining=True
        )
