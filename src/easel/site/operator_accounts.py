"""Other people's accounts, for operators: found, looked at, credited, suspended; never what they draw."""

from typing import Annotated, Final

from fastapi import Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from easel.accounts.oversight import list_actions
from easel.accounts.queries import get_account, search_accounts
from easel.accounts.roles import OVER, POWERS, Power
from easel.accounts.tables import Account, Role
from easel.billing import wallets
from easel.billing.plans import PLANS, plan_named
from easel.domain.errors import DomainError, InvalidRequest, NotEnoughCredit
from easel.domain.money import Micros, read_dollars
from easel.generations import operators
from easel.generations.suspend import resume, suspend
from easel.jobs.queue import count_unfinished
from easel.kit.ids import new_uuid
from easel.site.operators import overseeing
from easel.site.refusals import refused
from easel.site.site import Site
from easel.site.wallet import LINE_NUMBER

HERE: Final = "/operator/accounts"
ACCOUNTS: Final = 50
MEMO_LIMIT: Final = 200
DONE: Final = {
    "plan": "The plan is changed.",
    "credit": "The credit is booked.",
    "correction": "The correction is booked.",
    "role": "The role is changed.",
    "suspended": "The account is suspended: keys are refused, browsers signed out, unfinished pictures stopped.",
    "resumed": "The account may work again.",
}


class OperatorAccounts:
    def __init__(self, site: Site) -> None:
        self._site = site

    def list(
        self, request: Request, q: Annotated[str, Query(max_length=200)] = "", after: LINE_NUMBER = None
    ) -> Response:
        with overseeing(self._site, request, Power.SEE_ACCOUNTS) as (session, visitor):
            found = search_accounts(session, q, after=after, limit=ACCOUNTS + 1)
            money = wallets.balances(session, [account.id for account in found])
        return self._site.page(
            request,
            "operator_accounts.html",
            visitor=visitor,
            q=q,
            found=found[:ACCOUNTS],
            money=money,
            titles={plan.name: plan.title for plan in PLANS.values()},
            next=found[ACCOUNTS - 1].id if len(found) > ACCOUNTS else None,
        )

    def show(self, request: Request, account_id: int, done: str = "") -> Response:
        return self._page(request, account_id, done=DONE.get(done, ""))

    def set_plan(
        self, request: Request, account_id: int, csrf: Annotated[str, Form()] = "", plan: Annotated[str, Form()] = ""
    ) -> Response:
        with self._site.sent(request, csrf) as (session, visitor):
            operators.set_plan(session, self._site.services.clock, visitor.account, account_id, plan)
        return _done(account_id, "plan")

    def credit(
        self,
        request: Request,
        account_id: int,
        csrf: Annotated[str, Form()] = "",
        key: Annotated[str, Form(max_length=64)] = "",
        amount: Annotated[str, Form()] = "",
        memo: Annotated[str, Form(max_length=MEMO_LIMIT)] = "",
    ) -> Response:
        """`key` is the form's own: sent twice, it is booked once."""
        clock = self._site.services.clock
        try:
            with self._site.sent(request, csrf) as (session, visitor):
                given = read_dollars(amount, "amount")
                operators.credit(session, clock, visitor.account, account_id, given, f"page:{key}", memo.strip())
        except InvalidRequest as refusal:
            return self._page(request, account_id, refusal, form="credit", amount=amount, memo=memo)
        return _done(account_id, "credit")

    def correct(
        self,
        request: Request,
        account_id: int,
        csrf: Annotated[str, Form()] = "",
        key: Annotated[str, Form(max_length=64)] = "",
        direction: Annotated[str, Form()] = "",
        amount: Annotated[str, Form()] = "",
        reason: Annotated[str, Form(max_length=MEMO_LIMIT)] = "",
    ) -> Response:
        """Give or take credit, with a reason that stands in the statement. `key` as in `credit`."""
        clock = self._site.services.clock
        try:
            with self._site.sent(request, csrf) as (session, visitor):
                change = _change(direction, amount)
                operators.adjust(
                    session, clock, visitor.account, account_id, change, f"page:{key}", " ".join(reason.split())
                )
        except (InvalidRequest, NotEnoughCredit) as refusal:
            typed = {"direction": direction, "amount": amount, "reason": reason}
            return self._page(request, account_id, refusal, form="correction", **typed)
        return _done(account_id, "correction")

    def set_role(
        self, request: Request, account_id: int, csrf: Annotated[str, Form()] = "", role: Annotated[str, Form()] = ""
    ) -> Response:
        with self._site.sent(request, csrf) as (session, visitor):
            if role not in list_of_roles():
                raise InvalidRequest("role", "Choose admin or member.")
            operators.set_role(session, self._site.services.clock, visitor.account, account_id, Role(role))
        return _done(account_id, "role")

    def suspend(self, request: Request, account_id: int, csrf: Annotated[str, Form()] = "") -> Response:
        with self._site.sent(request, csrf) as (session, visitor):
            suspend(session, self._site.services.clock, visitor.account, account_id)
        return _done(account_id, "suspended")

    def resume(self, request: Request, account_id: int, csrf: Annotated[str, Form()] = "") -> Response:
        with self._site.sent(request, csrf) as (session, visitor):
            resume(session, self._site.services.clock, visitor.account, account_id)
        return _done(account_id, "resumed")

    def _page(
        self,
        request: Request,
        account_id: int,
        refusal: DomainError | None = None,
        *,
        done: str = "",
        form: str = "",
        **typed: str,
    ) -> Response:
        """`form` is the one that was refused, with what was typed into it."""
        with overseeing(self._site, request, Power.SEE_ACCOUNTS) as (session, visitor):
            account = get_account(session, account_id)
            return self._site.page(
                request,
                "operator_account.html",
                visitor=visitor,
                account=account,
                plan=plan_named(account.plan),
                plans=PLANS.values(),
                money=wallets.balance(session, account_id),
                aside=wallets.reserved(session, account_id),
                lines=wallets.statement(session, account_id, 15),
                actions=list_actions(session, account_id=account_id, limit=15),
                in_flight=count_unfinished(session, account_id),
                may_change=_may_change(visitor.account, account),
                may_set_role=Power.SET_ROLE in POWERS[Role(visitor.account.role)] and account.role != Role.OWNER,
                roles=list_of_roles(),
                form_key=new_uuid(),
                form=form,
                typed=typed,
                done=done,
                **refused(refusal),
            )


def list_of_roles() -> list[str]:
    """Those that can be given; there is one owner."""
    return [role.value for role in Role if role != Role.OWNER]


def _change(direction: str, typed: str) -> Micros:
    """What is added to the account's credit; below zero it is taken."""
    if direction not in ("give", "take"):
        raise InvalidRequest("amount", "Choose whether money is given or taken.")
    amount = read_dollars(typed, "amount")
    if amount <= 0:
        raise InvalidRequest("amount", "amount must be more than nothing; whether it is given or taken is chosen above")
    return amount if direction == "give" else Micros(-amount)


def _may_change(operator: Account, account: Account) -> bool:
    return Role(account.role) in OVER[Role(operator.role)]


def _done(account_id: int, what: str) -> Response:
    return RedirectResponse(f"{HERE}/{account_id}?done={what}", 303)
