"""Words, filters and pages of the catalogue."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from easel.catalogue.queries import find_model
from easel.catalogue.search import PAGE, Wanted, choices, related, search
from easel.catalogue.seed import seed_catalogue
from easel.catalogue.tables import Model
from easel.db.session import Database
from easel.domain.money import Micros


@pytest.fixture
def shelf(database: Database) -> Iterator[Session]:
    with database.transaction() as session:
        seed_catalogue(session)
        for number in range(30):
            session.add(
                Model(
                    model_id=f"style-{number:02}",
                    provider="else_where",
                    kind="lora",
                    family="sdxl" if number % 2 else "sd1",
                    name=f"Style {number:02}",
                    summary="100% ink",
                    description="",
                    licence="MIT",
                    price=Micros(1),
                    defaults={},
                    limits={},
                    tags=["ink", "anime"] if number < 3 else ["ink"],
                )
            )
        session.flush()
        yield session


def ids(session: Session, page: int = 1, **wanted: str) -> list[str]:
    return [model.model_id for model in search(session, Wanted(**wanted), page).models]


def test_words_are_found_anywhere_and_must_all_be_there(shelf: Session) -> None:
    assert ids(shelf, words="STARTER") == ["easel-starter", "easel-pixelated"]
    assert ids(shelf, words="anime 01") == ["style-01"]
    assert ids(shelf, words="anime nothing") == []


def test_what_a_pattern_would_mean_is_only_text(shelf: Session) -> None:
    assert search(shelf, Wanted(words="100%")).total == 30
    assert search(shelf, Wanted(words="e_e")).total == 0
    assert search(shelf, Wanted(words="else_where")).total == 30
    assert search(shelf, Wanted(words="\x00' OR 1=1 --")).total == 0


def test_filters_narrow_together(shelf: Session) -> None:
    assert search(shelf, Wanted(kind="lora", family="sdxl", provider="else_where")).total == 15
    assert ids(shelf, tag="anime", family="sdxl") == ["style-01"]
    assert search(shelf, Wanted(kind="nothing")).total == 0


def test_pages_hold_each_model_once(shelf: Session) -> None:
    first, second = search(shelf, Wanted(), 1), search(shelf, Wanted(), 2)
    assert len(first.models) == PAGE
    assert first.pages == 2
    known = [model.model_id for model in (*first.models, *second.models)]
    assert len(known) == len(set(known)) == first.total
    assert search(shelf, Wanted(), 99).page == 2
    assert search(shelf, Wanted(), -1).page == 1


def test_what_draws_at_once_comes_first(shelf: Session) -> None:
    assert ids(shelf)[:2] == ["easel-starter", "easel-pixelated"]


def test_the_filters_offer_what_there_is(shelf: Session) -> None:
    offered = choices(shelf)
    assert offered.kinds == ["checkpoint", "lora"]
    assert "else_where" in offered.providers
    assert offered.tags == ["anime", "ink"]


def test_the_likest_models_come_first(shelf: Session) -> None:
    like = [model.model_id for model in related(shelf, find_model(shelf, "style-01"))]
    assert "style-01" not in like
    family = {find_model(shelf, model_id).family for model_id in like[:4]}
    assert family == {"sdxl"}
    [likest, *_] = related(shelf, find_model(shelf, "easel-starter"))
    assert likest.model_id == "easel-pixelated"
