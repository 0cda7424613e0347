"""One's own account: name, e-mail, password, and the browsers that are signed in."""

from contextlib import suppress
from typing import Annotated, Final

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from easel.accounts import one_time, passwords
from easel.accounts.attempts import LETTERS_FROM, PASSWORDS_OF, take
from easel.accounts.emails import normalise
from easel.accounts.queries import get_account, set_email, set_name
from easel.accounts.recovery import begin_email_change, change_password, finish_email_change
from easel.accounts.sessions import end_session, end_sessions, list_sessions
from easel.accounts.tables import Account, OneTimeToken, Purpose
from easel.domain.errors import DomainError, InvalidRequest, NotFound
from easel.site import letters
from easel.site.errors import LinkOver
from easel.site.refusals import refused
from easel.site.sessions import COOKIE
from easel.site.site import Site

HERE: Final = "/account/profile"
AGAIN: Final = "A link works once, within a day. Ask for a new one on your account's page."
DONE: Final = {
    "name": "Your name is changed.",
    "email": "Your e-mail is changed.",
    "letter": "A link is on its way to the new address. Open it, and the change is made.",
    "password": "Your password is changed, and every other browser is signed out.",
    "session": "That browser is signed out.",
}


class Profile:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request, done: str = "") -> Response:
        return self._page(request, done=DONE.get(done, ""))

    def rename(
        self, request: Request, csrf: Annotated[str, Form()] = "", name: Annotated[str, Form()] = ""
    ) -> Response:
        try:
            with self._site.sent(request, csrf) as (session, visitor):
                set_name(session, visitor.account.id, name)
        except DomainError as refusal:
            return self._page(request, refusal, form="name", typed=name)
        return _done("name")

    def change_email(
        self,
        request: Request,
        csrf: Annotated[str, Form()] = "",
        email: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
    ) -> Response:
        """At once, or after the new address is proved by a mailed link, as the installation is set."""
        services = self._site.services
        try:
            account = self._sender(request, csrf)
            wanted = normalise(email)
            self._check_password(account, password)
            if services.doors.verify_email:
                self._mail_a_link(request, account, wanted)
                return _done("letter")
            with services.database.transaction() as session:
                set_email(session, services.clock, account.id, wanted, proved=False)
        except DomainError as refusal:
            return self._page(request, refusal, form="email", typed=email)
        self._tell_old_address(account.email)
        return _done("email")

    def show_confirm(self, request: Request, token: str = "") -> Response:
        """The page that the mailed link opens; it changes nothing, because programs that preview links open it too."""
        with self._site.services.database.transaction() as session:
            seen = self._seen(session, token)
        return self._site.stranger_page(request, "confirm_email.html", token=token, email=seen.email)

    def confirm(
        self, request: Request, csrf: Annotated[str, Form()] = "", token: Annotated[str, Form()] = ""
    ) -> Response:
        """The token says whose address it is; the browser that opens the link may be another one."""
        services = self._site.services
        self._site.check_stranger(request, csrf)
        with services.database.transaction() as session:
            old = get_account(session, self._seen(session, token).account_id or 0).email
            finish_email_change(session, services.clock, token)
        self._tell_old_address(old)
        return _done("email")

    def change_password(
        self,
        request: Request,
        csrf: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        new_password: Annotated[str, Form()] = "",
    ) -> Response:
        services = self._site.services
        try:
            account = self._sender(request, csrf)
            self._check_password(account, password)
            fresh = passwords.hashed(_new(new_password, account.email))
            with self._site.sent(request, csrf) as (session, visitor):
                seen, mine = account.password_hash, visitor.session.id
                change_password(session, services.clock, account.id, seen, fresh, but=mine)
        except DomainError as refusal:
            return self._page(request, refusal, form="password")
        if account.email:
            told = letters.password_changed(services.home_url, account.email)
            services.postman.post(lambda: told)
        return _done("password")

    def end_one(self, request: Request, session_id: int, csrf: Annotated[str, Form()] = "") -> Response:
        with self._site.services.database.transaction() as session:
            visitor = self._site.form_owner(session, request, csrf)
            with suppress(NotFound):  # signed out meanwhile, which is what was wanted
                end_session(session, visitor.account.id, session_id)
        return _done("session")

    def end_all(self, request: Request, csrf: Annotated[str, Form()] = "") -> Response:
        """This browser too: whoever presses this may be at a strange one."""
        with self._site.services.database.transaction() as session:
            visitor = self._site.form_owner(session, request, csrf)
            end_sessions(session, visitor.account.id)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE)
        return response

    def _sender(self, request: Request, csrf: str) -> Account:
        with self._site.sent(request, csrf) as (_, visitor):
            return visitor.account

    def _seen(self, session: Session, token: str) -> OneTimeToken:
        """What a mailed link is for. Raises LinkOver."""
        seen = one_time.look_at(session, self._site.services.clock, Purpose.EMAIL, token)
        if seen is None:
            raise LinkOver(AGAIN)
        return seen

    def _check_password(self, account: Account, password: str) -> None:
        """Raises InvalidRequest, and TooManyAttempts. Who has none yet has shown enough by being signed in."""
        services = self._site.services
        if account.password_hash is None:
            return
        with services.database.transaction() as session:
            take(session, services.clock, PASSWORDS_OF, account.id)
        if not passwords.matches(account.password_hash, password):
            raise InvalidRequest("password", "password is not the one that this account has now")

    def _mail_a_link(self, request: Request, account: Account, wanted: str) -> None:
        services = self._site.services
        with services.database.transaction() as session:
            take(session, services.clock, LETTERS_FROM, self._site.client(request))
            token = begin_email_change(session, services.clock, account.id, wanted)
        letter = letters.new_address(services.home_url, wanted, token)
        services.postman.post(lambda: letter)

    def _tell_old_address(self, old: str | None) -> None:
        if old:
            letter = letters.address_changed(self._site.services.home_url, old)
            self._site.services.postman.post(lambda: letter)

    def _page(
        self,
        request: Request,
        refusal: DomainError | None = None,
        *,
        form: str = "",
        typed: str = "",
        done: str = "",
    ) -> Response:
        """`form` is the one that was refused, and `typed` what stood in its first field."""
        with self._site.mine(request) as (session, visitor):
            browsers = list_sessions(session, self._site.services.clock, visitor.account.id)
        shown = refused(refusal)
        return self._site.page(
            request, "profile.html", visitor=visitor, browsers=browsers, form=form, typed=typed, done=done, **shown
        )


def _new(password: str, email: str | None) -> str:
    """Raises InvalidRequest about the field of the new password: the old one stands beside it."""
    try:
        return passwords.check_fitness(password, email)
    except InvalidRequest as unfit:
        raise InvalidRequest("new_password", unfit.message.replace("password", "new_password", 1)) from None


def _done(what: str) -> Response:
    return RedirectResponse(f"{HERE}?done={what}", 303)
