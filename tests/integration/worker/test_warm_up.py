from easel.catalogue.seed import seed_catalogue
from easel.db.session import Database
from easel.engine.engine import Engine
from easel.engine.fake import FakeRunner
from easel.worker.warm_up import WARM_UP_STEPS, warm_up, warm_up_request


def test_only_a_model_that_can_be_drawn_with_is_warmed_up(database: Database) -> None:
    with database.transaction() as session:
        seed_catalogue(session)
        found = {name: warm_up_request(session, name) for name in ("easel-starter", "stable-diffu", "2-v1", "nobody")}
    assert [name for name, request in found.items() if request] == ["easel-starter"]


def test_it_leaves_an_idle_engine_even_when_it_fails(database: Database) -> None:
    with database.transaction() as session:
        seed_catalogue(session)
        request = warm_up_request(session, "easel-starter")
    assert request
    for runner in (FakeRunner(), Broken()):
        engine = Engine(runner)
        warm_up(engine, request)
        assert engine.is_idle
        assert len(runner.calls) == (0 if isinstance(runner, Broken) else WARM_UP_STEPS)


class Broken(FakeRunner):
    """A checkpoint whose first network call fails."""

    def denoise(self, batch: object) -> None:
        raise MemoryError(batch)
