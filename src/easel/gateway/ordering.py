"""One request, several orders: what may be asked for at once is more than a model draws at once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from easel.accounts.tables import ApiKey
from easel.artifacts.inputs import StoredInput
from easel.domain.request import GenerationDraft
from easel.gateway.idempotency import Terms
from easel.gateway.services import Services
from easel.generations.idempotency import Idempotency
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import submit


def sizes_of_orders(pictures: int, most: int) -> list[int]:
    """How many pictures each order has: 6 by at most 4 are 4 and 2."""
    return [min(most, pictures - begun) for begun in range(0, pictures, most)]


def place_all(
    session: Session,
    services: Services,
    used: ApiKey,
    drafts: Sequence[GenerationDraft],
    *,
    details: Sequence[Mapping[str, Any]],
    terms: Terms,
    base_url: str,
    inputs: Sequence[StoredInput] = (),
    temporary: bool = False,
) -> list[GenerationView]:
    """All orders or none, with one row of seeds over all of them. `details` has one for each. Raises as `submit`."""
    views: list[GenerationView] = []
    for number, (draft, detail) in enumerate(zip(drafts, details, strict=True)):
        if views:
            draft = replace(draft, seed=views[0].request.seed_of(sum(view.request.samples for view in views)))
        generation = submit(
            session,
            services.clock,
            used.account,
            draft,
            base_url=base_url,
            temporary=temporary,
            details=dict(detail),
            idempotency=_numbered(terms.idempotency, number),
            max_wait=terms.max_wait,
            api_key_id=used.id,
            inputs=inputs,
        )
        views.append(get_view(session, services.clock, used.account_id, generation.id))
    return views


def _numbered(idempotency: Idempotency | None, number: int) -> Idempotency | None:
    """Each order of a request has a key of its own."""
    if idempotency is None or number == 0:
        return idempotency
    return Idempotency(f"{idempotency.key[:240]}#{number}", idempotency.request_sha256)
