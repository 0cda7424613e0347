"""Pictures are kept as long as the installation says."""

from datetime import timedelta

import pytest

from easel.accounts.tables import Account
from easel.artifacts.blobs import BlobStore
from easel.artifacts.store import StoredPicture, picture_key
from easel.db.session import Database
from easel.domain.errors import NotFound
from easel.domain.request import GenerationDraft
from easel.generations.audit import audit
from easel.generations.expire import TEMPORARY, Keep, expire_results
from easel.generations.finish import finish
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import submit
from easel.jobs import queue
from easel.jobs.queue import Lease
from easel.kit.clock import SettableClock

MONTH = Keep(results=timedelta(days=30))


@pytest.fixture
def blobs() -> BlobStore:
    return BlobStore("memory:///")


def drawn(
    database: Database, clock: SettableClock, account: Account, blobs: BlobStore, *, temporary: bool
) -> GenerationView:
    draft = GenerationDraft(model_id="easel-starter", prompt="x")
    with database.transaction() as session:
        generation = submit(session, clock, account, draft, base_url="", temporary=temporary)
    with database.transaction() as session:
        [job] = queue.claim(
            session, clock, "w", kind="generate", resident=(), limit=1, idle=True, lease=timedelta(minutes=1)
        )
    key = picture_key(generation.uuid, 0, temporary=temporary)
    blobs.put(key, b"png")
    picture = StoredPicture(
        index=0, key=key, media_type="image/png", width=8, height=8, size_bytes=3, sha256="", seed=0
    )
    with database.transaction() as session:
        finish(session, clock, Lease(job.id, "w", job.attempts), [picture])
        return get_view(session, clock, account.id, generation.id)


def look(database: Database, clock: SettableClock, view: GenerationView) -> GenerationView:
    with database.transaction() as session:
        assert audit(session) == []
        return get_view(session, clock, view.account_id, view.id)


def test_results_and_temporary_ones_go_when_their_time_is_over(
    database: Database, clock: SettableClock, account: Account, blobs: BlobStore
) -> None:
    temporary, kept = (drawn(database, clock, account, blobs, temporary=choice) for choice in (True, False))
    clock.advance(TEMPORARY - timedelta(seconds=1))
    assert expire_results(database, clock, blobs, MONTH) == 0
    clock.advance(timedelta(seconds=1))
    assert expire_results(database, clock, blobs, MONTH) == 1
    assert (look(database, clock, temporary).expired, look(database, clock, kept).expired) == (True, False)
    with pytest.raises(NotFound):
        blobs.get(temporary.artifact_keys[0])
    assert blobs.get(kept.artifact_keys[0]) == b"png"
    clock.advance(timedelta(days=29))
    assert expire_results(database, clock, blobs, MONTH) == 1
    assert look(database, clock, kept).expired
    assert expire_results(database, clock, blobs, MONTH) == 0


def test_without_a_policy_only_temporary_ones_go(
    database: Database, clock: SettableClock, account: Account, blobs: BlobStore
) -> None:
    for choice in (True, False):
        drawn(database, clock, account, blobs, temporary=choice)
    clock.advance(timedelta(days=3650))
    assert expire_results(database, clock, blobs, Keep()) == 1


def test_bytes_that_are_gone_already_are_no_trouble(
    database: Database, clock: SettableClock, account: Account, blobs: BlobStore
) -> None:
    view = drawn(database, clock, account, blobs, temporary=True)
    blobs.delete(view.artifact_keys[0])
    clock.advance(TEMPORARY)
    assert expire_results(database, clock, blobs, Keep()) == 1
