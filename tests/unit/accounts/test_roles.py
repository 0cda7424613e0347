"""Who may do what, to whom."""

import pytest

from easel.accounts.roles import OVER, POWERS, Power, is_operator, require, require_over
from easel.accounts.tables import Account, Role
from easel.domain.errors import NotAllowed


def account(role: Role) -> Account:
    return Account(name=f"the {role}", role=role)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("power", Power)
def test_the_table_is_what_is_enforced(role: Role, power: Power) -> None:
    if power in POWERS[role]:
        require(account(role), power)
    else:
        with pytest.raises(NotAllowed, match=f"A {role} may not {power}; ask an"):
            require(account(role), power)


def test_a_member_has_no_power_and_the_owner_every_one() -> None:
    assert POWERS[Role.MEMBER] == frozenset()
    assert POWERS[Role.OWNER] == frozenset(Power)
    assert [is_operator(account(role)) for role in Role] == [True, True, False]


def test_nobody_has_power_over_the_owner_or_over_themselves() -> None:
    for role in Role:
        assert Role.OWNER not in OVER[role]
        assert role not in OVER[role]


@pytest.mark.parametrize(
    ("actor", "target", "may"),
    [
        (Role.OWNER, Role.ADMIN, True),
        (Role.OWNER, Role.MEMBER, True),
        (Role.OWNER, Role.OWNER, False),
        (Role.ADMIN, Role.MEMBER, True),
        (Role.ADMIN, Role.ADMIN, False),
        (Role.ADMIN, Role.OWNER, False),
        (Role.MEMBER, Role.MEMBER, False),
    ],
)
def test_power_reaches_downwards_only(actor: Role, target: Role, may: bool) -> None:
    if may:
        require_over(account(actor), Power.SUSPEND, account(target))
    else:
        with pytest.raises(NotAllowed, match="may not"):
            require_over(account(actor), Power.SUSPEND, account(target))
