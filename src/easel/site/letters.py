"""What is mailed to people. Plain text: every program shows it, and a link shows where it leads."""

from urllib.parse import urlencode

from easel.domain.money import Micros, format_dollars
from easel.kit.mail import Mail

UNASKED = "If you did not ask for this, do nothing: without this link nothing happens."


def reset(home: str, to: str, token: str) -> Mail:
    link = _link(home, "/reset", token)
    return _mail(to, "Choose a new password", "Choose a new password for Easel here, within an hour:", link, UNASKED)


def sign_up(home: str, to: str, token: str) -> Mail:
    link = _link(home, "/signup/confirm", token)
    return _mail(to, "Finish signing up", "One more step to your Easel account, within a day:", link, UNASKED)


def already_here(home: str, to: str) -> Mail:
    """What somebody gets who signs up although there is an account; the page that asked says nothing of it."""
    return _mail(
        to,
        "You have an account already",
        "Somebody, perhaps you, has asked for an Easel account with this address. There is one already. Sign in here:",
        f"{home}/login",
        f"Choose a new password, if you have forgotten yours, at {home}/forgot. If it was not you, do nothing.",
    )


def new_address(home: str, to: str, token: str) -> Mail:
    link = _link(home, "/account/email/confirm", token)
    return _mail(to, "Confirm your new e-mail", "Use this address for your Easel account, within a day:", link, UNASKED)


def address_changed(home: str, to: str) -> Mail:
    return _mail(
        to,
        "Your e-mail was changed",
        "Your Easel account now has another e-mail. If that was not you, write to whoever runs this installation:",
        home,
    )


def password_changed(home: str, to: str) -> Mail:
    return _mail(
        to,
        "Your password was changed",
        "The password of your Easel account was changed. If that was not you, choose a new one at once:",
        f"{home}/forgot",
    )


def low_balance(home: str, to: str, balance: Micros) -> Mail:
    return _mail(
        to,
        "Your balance is low",
        f"Your Easel account has {format_dollars(balance)} left; what costs more is refused. Add credit here:",
        f"{home}/account/wallet",
    )


def _link(home: str, path: str, token: str) -> str:
    return f"{home}{path}?{urlencode({'token': token})}"


def _mail(to: str, subject: str, sentence: str, link: str, after: str = "") -> Mail:
    text = "\n\n".join(part for part in (sentence, link, after) if part)
    return Mail(to, subject, text + "\n", link)
