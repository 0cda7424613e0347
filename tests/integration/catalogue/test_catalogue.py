"""The catalogue in the database."""

import pytest
from sqlalchemy.orm import Session

from easel.catalogue.limits import defaults_of, limits_of
from easel.catalogue.queries import AboutWeights, add_model, find_model, list_models, mark_installed, set_price
from easel.catalogue.seed import seed_catalogue
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest
from easel.domain.money import Micros


@pytest.fixture(autouse=True)
def seeded(session: Session) -> None:
    seed_catalogue(session)


class TestSeed:
    def test_brings_the_models_with_the_starter_ready_and_the_others_not(self, session: Session) -> None:
        assert {model.model_id: model.weights for model in list_models(session)} == {
            "easel-starter": "package:easel-starter",
            "easel-pixelated": "package:easel-pixelated",
            "stable-diffu": None,
            "2-v1": None,
        }

    def test_what_is_stored_can_be_read_as_defaults_and_limits(self, session: Session) -> None:
        session.expire_all()
        model = find_model(session, "easel-starter")
        assert (defaults_of(model).width, limits_of(model).max_size) == (256, 512)

    def test_twice_changes_nothing(self, session: Session) -> None:
        seed_catalogue(session)
        assert len(list_models(session)) == 4

    def test_keeps_the_operators_price_and_weights(self, session: Session) -> None:
        set_price(session, "stable-diffu", Micros(9000))
        mark_installed(session, "stable-diffu", "/models/sd2")
        mark_installed(session, "easel-starter", None)
        session.flush()
        seed_catalogue(session)
        session.expire_all()
        assert find_model(session, "stable-diffu").price == 9000
        assert find_model(session, "stable-diffu").weights == "/models/sd2"
        assert find_model(session, "easel-starter").weights is None

    def test_renews_what_the_file_says(self, session: Session) -> None:
        model = find_model(session, "easel-starter")
        before = (model.summary, dict(model.limits), model.source)
        model.summary, model.limits, model.source = "old", {}, "hf:old/place"
        session.flush()
        seed_catalogue(session)
        session.expire_all()
        assert (model.summary, model.limits, model.source) == before


class TestFindModel:
    @pytest.mark.parametrize("model_id", ["", "nope", "Easel-Starter", "x' OR '1'='1", "../../etc/passwd"])
    def test_an_unknown_one_is_refused_by_name(self, session: Session, model_id: str) -> None:
        with pytest.raises(InvalidRequest) as refusal:
            find_model(session, model_id)
        assert (refusal.value.field, refusal.value.message) == ("model_id", f"Model not found: {model_id}")

    @pytest.mark.parametrize(
        ("model_id", "shown"), [("a\x00b", "a?b"), ("\ud800", "?"), ("a\r\nb", "a??b"), ("x" * 1_000_000, "x" * 100)]
    )
    def test_an_odd_one_is_refused_and_repeated_with_care(self, session: Session, model_id: str, shown: str) -> None:
        with pytest.raises(InvalidRequest) as refusal:
            find_model(session, model_id)
        assert refusal.value.message == f"Model not found: {shown}"


def test_models_are_listed_with_what_draws_first(session: Session) -> None:
    assert [model.model_id for model in list_models(session)] == [
        "easel-starter",
        "stable-diffu",
        "easel-pixelated",
        "2-v1",
    ]


def test_a_price_below_zero_is_refused(session: Session) -> None:
    with pytest.raises(InvalidRequest, match="price must be zero or more"):
        set_price(session, "easel-starter", Micros(-1))


def own(model_id: str) -> Model:
    return Model(
        model_id=model_id,
        provider="me",
        kind="checkpoint",
        name="Mine",
        summary="",
        description="",
        licence="",
        price=Micros(0),
        defaults={},
        limits={},
    )


class TestModelsOfTheOperatorsOwn:
    def test_one_stays_through_a_seed_with_what_was_found_out_about_it(self, session: Session) -> None:
        add_model(session, own("mine-1.0"))
        about = AboutWeights(format="diffusers", sha256="ab", size_bytes=2**40, parameters=7, facts={"title": "x"})
        mark_installed(session, "mine-1.0", "/models/mine", about)
        session.flush()
        seed_catalogue(session)
        session.expire_all()
        found = find_model(session, "mine-1.0")
        assert (found.weights, found.sha256, found.size_bytes, found.tags) == ("/models/mine", "ab", 2**40, [])
        assert found.facts == {"title": "x"}

    @pytest.mark.parametrize("model_id", ["", "My Model", "../x", "a/b", ".hidden", "x" * 101, "ümlaut"])
    def test_an_id_that_cannot_stand_in_an_address_is_refused(self, session: Session, model_id: str) -> None:
        with pytest.raises(InvalidRequest, match="A model_id is made of"):
            add_model(session, own(model_id))

    def test_an_id_that_is_taken_is_refused(self, session: Session) -> None:
        with pytest.raises(InvalidRequest, match="easel-starter is in the catalogue already"):
            add_model(session, own("easel-starter"))
