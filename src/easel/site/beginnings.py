"""The pictures that a new one begins from: uploaded with the form, stored earlier, or drawn before.

In a form `picture` and `mask` are the key of a stored input, or `1234.0`: picture 0 of the visitor's generation 1234.
"""

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from easel.artifacts.inputs import StoredInput, record_inputs, store_input, store_mask, use_inputs
from easel.domain.errors import InvalidRequest, NotFound
from easel.generations.queries import get_view
from easel.site.form import PlaygroundForm
from easel.site.sent import Sent
from easel.site.site import Site, Visitor

KEY: Final = re.compile(r"inputs/[0-9a-f]{64}\.png")
DRAWN: Final = re.compile(r"([0-9]{1,18})\.([0-9]{1,2})")
GONE: Final = " is stored no longer: choose it again"


@dataclass(frozen=True)
class Beginning:
    """A picture as the form shows it."""

    reference: str
    address: str
    width: int
    height: int


class Beginnings:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._services = site.services

    def take_in(self, visitor: Visitor, sent: Sent) -> PlaygroundForm:
        """The form with its pictures stored and named by their keys. What was uploaded is kept even if it is refused
        afterwards: nobody has to choose it again.

        Raises InvalidRequest naming `init_image` or `mask_image`. Call it outside of any transaction.
        """
        form = sent.form
        picture = self._picture(visitor, form.picture, sent.file("picture_file"))
        if picture is None:
            return form.model_copy(update={"picture": "", "mask": ""})
        mask = self._mask(form.mask, sent.file("mask_file"))
        with self._services.database.transaction() as session:
            stored = [one for one in (picture, mask) if isinstance(one, StoredInput)]
            record_inputs(session, stored, self._services.clock.now())
        return form.model_copy(update={"picture": _key(picture), "mask": _key(mask)})

    def shown(self, session: Session, visitor: Visitor | None, reference: str) -> Beginning | None:
        """None for what is not there, or not the visitor's."""
        if visitor is None:
            return None
        if KEY.fullmatch(reference):
            size = use_inputs(session, [reference], self._services.clock.now()).get(reference)
            return Beginning(reference, self._services.links.path(reference), *size) if size else None
        try:
            key, size = self._drawn(session, visitor, reference)
        except NotFound:
            return None
        return Beginning(reference, self._services.links.path(key), *size)

    def _picture(self, visitor: Visitor, reference: str, uploaded: bytes) -> StoredInput | str | None:
        if uploaded:
            return store_input(self._services.blobs, uploaded)
        if not reference or KEY.fullmatch(reference):
            return reference or None
        try:
            with self._services.database.transaction() as session:
                key, _ = self._drawn(session, visitor, reference)
            return store_input(self._services.blobs, self._services.blobs.get(key))
        except NotFound:
            raise InvalidRequest("init_image", f"init_image{GONE}") from None

    def _mask(self, reference: str, uploaded: bytes) -> StoredInput | str | None:
        if uploaded:
            return store_mask(self._services.blobs, uploaded)
        if reference and not KEY.fullmatch(reference):
            raise InvalidRequest("mask_image", f"mask_image{GONE}")
        return reference or None

    def _drawn(self, session: Session, visitor: Visitor, reference: str) -> tuple[str, tuple[int, int]]:
        """Where a picture of the visitor's is stored, and its size. Raises NotFound."""
        found = DRAWN.fullmatch(reference)
        if not found:
            raise NotFound("There is no such picture.")
        view = get_view(session, self._services.clock, visitor.account.id, int(found[1]))
        index = int(found[2])
        if view.expired or index >= view.request.samples:
            raise NotFound("There is no such picture.")
        return view.artifact_keys[index], view.request.output_size


def _key(stored: StoredInput | str | None) -> str:
    return stored.key if isinstance(stored, StoredInput) else stored or ""
