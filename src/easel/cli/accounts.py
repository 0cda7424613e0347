"""`easel accounts`: who may ask, what they have chosen and what they have paid."""

from datetime import timedelta
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Column, Table

from easel.accounts import queries
from easel.accounts.owner import ensure_owner
from easel.accounts.recovery import reset_token
from easel.accounts.sign_in import create_sign_in_token
from easel.accounts.tables import Role
from easel.billing import wallets
from easel.billing.plans import PLANS, plan_named
from easel.cli.context import open_installation
from easel.domain.errors import InvalidRequest
from easel.domain.money import format_dollars, read_dollars
from easel.generations import operators
from easel.generations import suspend as suspending
from easel.kit.ids import new_uuid
from easel.webhooks.deliver import account_secret

SIGN_IN_LIFETIME = timedelta(days=1)
RESET_LIFETIME = timedelta(days=1)

app = App(name="accounts", help="Create, list and credit accounts.")

ACCOUNT = Parameter(help="The account's name, email or number.")
PLAN = Parameter(help=f"One of {', '.join(PLANS)}.")


@app.command
def create(
    name: str,
    /,
    *,
    email: str | None = None,
    plan: Annotated[str, PLAN] = "pay-as-you-go",
    role: Annotated[Role, Parameter(help="What the account may do here.")] = Role.MEMBER,
) -> None:
    """Make an account. Make a key for it with `easel keys create`."""
    if role == Role.OWNER:
        raise InvalidRequest("role", "An installation has one owner, made when it first starts; choose admin or member")
    with open_installation() as installation, installation.database.transaction() as session:
        chosen = plan_named(plan).name
        account = queries.create_account(session, installation.clock, name, email, chosen, role)
        print(f"Account {account.id}: {account.name}, plan {account.plan}")


@app.command(name="list")
def list_() -> None:
    """Show all accounts with what they can spend and what is reserved for unfinished pictures."""
    money = (Column(name, justify="right", no_wrap=True) for name in ("Available", "Reserved"))
    table = Table("Number", "Name", "Email", "Role", "Plan", *money)
    with open_installation() as installation, installation.database.transaction() as session:
        for account in queries.list_accounts(session):
            table.add_row(
                str(account.id),
                account.name,
                account.email,
                account.role if account.suspended_at is None else f"{account.role}, suspended",
                account.plan,
                format_dollars(wallets.balance(session, account.id)),
                format_dollars(wallets.reserved(session, account.id)),
            )
    Console().print(table)


@app.command
def credit(
    account: Annotated[str, ACCOUNT],
    dollars: Annotated[str, Parameter(help="Like 10 or 0.50.")],
    /,
    *,
    memo: Annotated[str | None, Parameter(help="Stands in the account's statement.")] = None,
    key: Annotated[str | None, Parameter(help="The payment's own name; the same one is booked once.")] = None,
) -> None:
    """Book money that an account has paid."""
    amount = read_dollars(dollars)
    with open_installation() as installation, installation.database.transaction() as session:
        owner, found = ensure_owner(session, installation.clock), queries.find_account(session, account)
        operators.credit(session, installation.clock, owner, found.id, amount, key or new_uuid(), memo)
        print(f"{found.name} can spend {format_dollars(wallets.balance(session, found.id))}")


@app.command
def plan(account: Annotated[str, ACCOUNT], plan: Annotated[str, PLAN], /) -> None:
    """Change an account's plan. Pictures already asked for keep their price."""
    with open_installation() as installation, installation.database.transaction() as session:
        owner, found = ensure_owner(session, installation.clock), queries.find_account(session, account)
        chosen = operators.set_plan(session, installation.clock, owner, found.id, plan)
        print(f"{found.name} is on the plan {chosen.title}: {chosen.queue_limit} requests may be queued")


@app.command
def role(
    account: Annotated[str, ACCOUNT],
    role: Annotated[Role, Parameter(help="What the account may do here.")],
    /,
) -> None:
    """Make a member an admin, or an admin a member."""
    with open_installation() as installation, installation.database.transaction() as session:
        owner, found = ensure_owner(session, installation.clock), queries.find_account(session, account)
        operators.set_role(session, installation.clock, owner, found.id, role)
        print(f"{found.name} is {'an' if role == Role.ADMIN else 'a'} {role} now")


@app.command
def suspend(account: Annotated[str, ACCOUNT], /) -> None:
    """Close an account: keys are refused, browsers signed out, unfinished pictures stopped and not paid for."""
    with open_installation() as installation, installation.database.transaction() as session:
        owner, found = ensure_owner(session, installation.clock), queries.find_account(session, account)
        suspending.suspend(session, installation.clock, owner, found.id)
        print(f"{found.name} is suspended; open the account again with: easel accounts resume {found.id}")


@app.command
def resume(account: Annotated[str, ACCOUNT], /) -> None:
    """Open a suspended account again."""
    with open_installation() as installation, installation.database.transaction() as session:
        owner, found = ensure_owner(session, installation.clock), queries.find_account(session, account)
        suspending.resume(session, installation.clock, owner, found.id)
        print(f"{found.name} may work again")


@app.command(name="sign-in")
def sign_in(
    account: Annotated[str | None, Parameter(help="Name, email or number; the owner otherwise.")] = None, /
) -> None:
    """Print a link that signs a person in once, within a day."""
    with open_installation() as installation, installation.database.transaction() as session:
        found = queries.find_account(session, account) if account else ensure_owner(session, installation.clock)
        token = create_sign_in_token(session, installation.clock, found.id, SIGN_IN_LIFETIME)
        print(f"Sign in: {installation.settings.home_url}/sign-in?token={token}")


@app.command(name="reset-link")
def reset_link(account: Annotated[str, ACCOUNT], /) -> None:
    """Print a link with which somebody chooses a new password once, within a day."""
    with open_installation() as installation, installation.database.transaction() as session:
        found = queries.find_account(session, account)
        token = reset_token(session, installation.clock, found, RESET_LIFETIME)
        print(f"Choose a new password: {installation.settings.home_url}/reset?token={token}")


@app.command(name="webhook-secret")
def webhook_secret(
    account: Annotated[str | None, Parameter(help="Name, email or number; the owner otherwise.")] = None, /
) -> None:
    """Print what an account verifies its webhooks' signatures with, as Standard Webhooks says."""
    with open_installation() as installation, installation.database.transaction() as session:
        found = queries.find_account(session, account) if account else ensure_owner(session, installation.clock)
        print(f"Webhook secret: {account_secret(installation.secret, found.id)}")
