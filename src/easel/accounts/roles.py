"""What each role may do, in one table. Services ask `require`; a key's scopes can only narrow this further."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from easel.accounts.tables import Account, Role
from easel.domain.errors import NotAllowed


class Power(StrEnum):
    """Something that not everybody may do; the value ends the sentence "may not ..."."""

    SEE_ACCOUNTS = "see other people's accounts"
    SUSPEND = "suspend or resume accounts"
    SET_PLAN = "change other people's plans"
    CREDIT = "book payments"
    MANAGE_MODELS = "install or remove models"
    SET_ROLE = "change roles"


_ADMIN: Final = frozenset(set(Power) - {Power.SET_ROLE})

POWERS: Final[Mapping[Role, frozenset[Power]]] = MappingProxyType(
    {Role.OWNER: frozenset(Power), Role.ADMIN: _ADMIN, Role.MEMBER: frozenset()}
)

OVER: Final[Mapping[Role, frozenset[Role]]] = MappingProxyType(
    {
        Role.OWNER: frozenset({Role.ADMIN, Role.MEMBER}),
        Role.ADMIN: frozenset({Role.MEMBER}),
        Role.MEMBER: frozenset(),
    }
)
"""Whose accounts a role may suspend, resume and change. Nobody may lock the owner out."""


def is_operator(account: Account) -> bool:
    """Whether the account has any power over others."""
    return bool(POWERS[Role(account.role)])


def require(actor: Account, power: Power) -> None:
    """Raises NotAllowed unless the actor's role has the power."""
    if power not in POWERS[Role(actor.role)]:
        able = " or ".join(role for role in Role if power in POWERS[role])
        raise NotAllowed(f"A {actor.role} may not {power}; ask an {able} of this installation")


def require_over(actor: Account, power: Power, target: Account) -> None:
    """Raises NotAllowed unless the actor's role has the power, and over accounts of the target's role."""
    require(actor, power)
    if Role(target.role) not in OVER[Role(actor.role)]:
        raise NotAllowed(f"The {actor.role} {actor.name} may not do this to the {target.role} {target.name}")
