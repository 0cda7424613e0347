"""Looking for models: by words, kind, family, provider and tag, a page at a time; and what is like a model."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Select, any_, cast, func, literal, or_, select
from sqlalchemy.orm import Session

from easel.catalogue.tables import Model

PAGE: Final = 24
MOST_WORDS: Final = 8
LONGEST_WORD: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for; what is empty is not asked about."""

    words: str = ""
    kind: str = ""
    family: str = ""
    provider: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    models: list[Model]
    total: int
    page: int
    """From 1; the last one where a later one was asked for."""

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the filters offer: every value that a model of the catalogue has."""

    kinds: list[str]
    families: list[str]
    providers: list[str]
    tags: list[str]


def search(session: Session, wanted: Wanted, page: int = 1) -> Found:
    """What draws here at once comes first, then checkpoints, then by name."""
    matching = _matching(wanted)
    total = session.scalar(select(func.count()).select_from(matching.subquery())) or 0
    page = min(max(page, 1), max(1, -(-total // PAGE)))
    order = (Model.weights.is_(None), Model.kind != "checkpoint", Model.name, Model.model_id)
    models = session.scalars(matching.order_by(*order).offset((page - 1) * PAGE).limit(PAGE))
    return Found(models=list(models), total=total, page=page)


def choices(session: Session) -> Choices:
    def values(column: Any) -> list[str]:
        return sorted(value for value in session.scalars(select(column).distinct()) if value)

    return Choices(
        kinds=values(Model.kind),
        families=values(Model.family),
        providers=values(Model.provider),
        tags=values(func.unnest(Model.tags)),
    )


def related(session: Session, model: Model, limit: int = 6) -> list[Model]:
    """The likest first: of the same family, with the same tags, of the same provider."""
    likeness: ColumnElement[int] = cast(Model.provider == model.provider, Integer)
    if model.family:
        likeness = likeness + 2 * cast(func.coalesce(Model.family, "") == model.family, Integer)
    for tag in model.tags[:20]:
        likeness = likeness + cast(_is_tagged(tag), Integer)
    like = select(Model).where(Model.model_id != model.model_id, likeness > 0)
    return list(session.scalars(like.order_by(likeness.desc(), Model.weights.is_(None), Model.name).limit(limit)))


def _matching(wanted: Wanted) -> Select[Model]:
    found = select(Model)
    for column, value in ((Model.kind, wanted.kind), (Model.family, wanted.family), (Model.provider, wanted.provider)):
        found = found.where(column == _plain(value)) if value else found
    if wanted.tag:
        found = found.where(_is_tagged(_plain(wanted.tag)))
    for word in _plain(wanted.words).split()[:MOST_WORDS]:
        found = found.where(_says(word[:LONGEST_WORD]))
    return found


def _is_tagged(tag: str) -> ColumnElement[bool]:
    return literal(tag) == any_(Model.tags)


def _says(word: str) -> ColumnElement[bool]:
    """Whether any text about the model has the word, or a part of it."""
    texts = (Model.model_id, Model.name, Model.summary, Model.provider, Model.family, Model.kind)
    tags = func.array_to_string(Model.tags, " ")
    return or_(*(column.icontains(word, autoescape=True) for column in texts), tags.icontains(word, autoescape=True))


def _plain(text: str) -> str:
    """Without characters that PostgreSQL cannot even be asked for."""
    return "".join(character for character in text if character.isprintable())
