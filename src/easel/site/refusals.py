"""A refusal beside the field that it is about, or above the form."""

from collections.abc import Mapping
from typing import Any, Final

from easel.domain.errors import DomainError, InvalidRequest
from easel.site.errors import STATUS

LABELS: Final[Mapping[str, str]] = {
    "email": "E-mail",
    "password": "Password",
    "new_password": "New password",
    "name": "Name",
    "scopes": "Scopes",
    "amount": "Amount",
    "total": "In all",
    "monthly": "A month",
    "memo": "Memo",
    "reason": "Reason",
    "price": "Price",
}


def refused(refusal: DomainError | None) -> dict[str, Any]:
    """What a form's template needs to know of it: `status`, `errors` by field, and a `notice` for everything else."""
    if refusal is None:
        return {"status": 200, "errors": {}, "notice": ""}
    shown: dict[str, Any] = {"status": STATUS[refusal.kind], "errors": {}, "notice": refusal.message}
    if isinstance(refusal, InvalidRequest) and refusal.field in LABELS:
        # Many refusals begin with the field's name, which people know by its label.
        begins = refusal.message.startswith(f"{refusal.field} ")
        sentence = LABELS[refusal.field] + refusal.message.removeprefix(refusal.field) if begins else refusal.message
        shown |= {"errors": {refusal.field: sentence}, "notice": ""}
    return shown
