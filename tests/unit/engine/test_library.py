"""What is in memory, what comes in the background, and what leaves first. Loads here end when the test says so."""

import threading
from collections.abc import Hashable

import pytest

from easel.domain.errors import DomainError, GenerationFailed, InvalidRequest
from easel.engine.library import FAILURE_SECONDS, STAMP_SECONDS, Library, Readiness

READY, LOADING, NO_ROOM = Readiness.READY, Readiness.LOADING, Readiness.NO_ROOM


class Shelf:
    """A loader of letters, each as large as `sizes` says. While `held` is clear, loads do not end."""

    def __init__(self, **sizes: int) -> None:
        self.sizes = sizes
        self.stamps: dict[str, int] = {}
        self.broken: dict[str, Exception] = {}
        self.loads: list[str] = []
        self.may_end = threading.Event()
        self.may_end.set()

    def stamp(self, key: str) -> Hashable:
        return self.stamps.get(key, 0)

    def size(self, key: str) -> int:
        if key not in self.sizes:
            raise InvalidRequest("model_id", f"{key} is missing.")
        return self.sizes[key]

    def load(self, key: str) -> str:
        self.loads.append(key)
        assert self.may_end.wait(10)
        if key in self.broken:
            raise self.broken[key]
        return f"{key}{self.stamps.get(key, 0)}"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def library(shelf: Shelf, bytes: int = 100, clock: Clock | None = None, **more) -> Library[str, str]:
    return Library(shelf, bytes=bytes, clock=clock or Clock(), **more)


def loaded(library: Library[str, str], key: str, beside: tuple[str, ...] = ()) -> str:
    assert library.ask(key, beside) is LOADING
    library.wait(10)
    assert library.ask(key, beside) is READY
    return library.get(key)


def test_what_is_asked_for_comes_in_the_background_and_is_loaded_once():
    shelf = Shelf(a=10)
    shelf.may_end.clear()
    books = library(shelf)
    assert [books.ask("a") for _ in range(3)] == [LOADING] * 3
    books.wait(0.01)
    assert books.ask("a") is LOADING
    shelf.may_end.set()
    books.wait(10)
    assert books.ask("a") is READY
    assert books.get("a") == "a0"
    assert shelf.loads == ["a"]


def test_what_was_not_asked_for_first_is_waited_for():
    books = library(Shelf(a=10))
    assert books.get("a") == "a0"


def test_one_load_at_a_time_and_what_is_there_stays_usable_meanwhile():
    shelf = Shelf(a=10, b=10, c=10)
    books = library(shelf)
    loaded(books, "a")
    shelf.may_end.clear()
    assert [books.ask("b"), books.ask("c"), books.ask("a")] == [LOADING, LOADING, READY]
    assert books.get("a") == "a0"
    shelf.may_end.set()
    books.wait(10)
    assert [books.ask("b"), books.ask("c")] == [READY, LOADING]
    books.wait(10)
    assert shelf.loads == ["a", "b", "c"]


def test_the_one_used_longest_ago_leaves_first_and_no_more_than_must():
    books = library(Shelf(a=40, b=40, c=40))
    loaded(books, "a")
    loaded(books, "b")
    books.get("a")
    loaded(books, "c")
    assert books.keys == ("c", "a")
    assert books.bytes == 80


def test_what_is_drawn_with_never_leaves_and_the_other_waits_for_room():
    shelf = Shelf(a=60, b=30, c=60)
    books = library(shelf)
    loaded(books, "a")
    loaded(books, "b")
    assert books.ask("c", beside=("a",)) is NO_ROOM
    assert set(books.keys) == {"a", "b"}, "nothing leaves for a load that would not fit even so"
    loaded(books, "c", beside=("b",))
    assert set(books.keys) == {"b", "c"}


def test_one_larger_than_all_the_room_has_it_to_itself():
    books = library(Shelf(a=10, b=1000))
    loaded(books, "a")
    assert books.ask("b", beside=("a",)) is NO_ROOM
    assert loaded(books, "b") == "b0"
    assert books.keys == ("b",)


def test_a_load_on_its_way_counts_as_memory():
    shelf = Shelf(a=60)
    books = library(shelf)
    shelf.may_end.clear()
    books.ask("a")
    assert books.bytes == 60
    shelf.may_end.set()


def test_who_made_something_with_weights_is_told_when_they_leave():
    told: list[str] = []
    books = library(Shelf(a=60, b=60), forget=told.append)
    loaded(books, "a")
    loaded(books, "b")
    assert told == ["a"]


def test_files_that_changed_are_loaded_again_but_not_under_a_picture():
    clock, shelf = Clock(), Shelf(a=10)
    books = library(shelf, clock=clock)
    loaded(books, "a")
    shelf.stamps["a"] = 1
    assert books.ask("a") is READY, "looked at a moment ago"
    clock.now += STAMP_SECONDS
    assert books.ask("a", beside=("a",)) is NO_ROOM
    assert books.get("a") == "a0"
    assert loaded(books, "a") == "a1"


@pytest.mark.parametrize("error", [InvalidRequest("model_id", "x is torn."), MemoryError("no memory")])
def test_a_load_that_failed_says_so_and_is_not_tried_again_at_once(error: Exception):
    clock, shelf = Clock(), Shelf(a=10)
    shelf.broken["a"] = error
    books = library(shelf, clock=clock)
    assert books.ask("a") is LOADING
    books.wait(10)
    for _ in range(3):
        assert books.ask("a") is READY
        with pytest.raises(DomainError) as refusal:
            books.get("a")
        assert refusal.value.message == (str(error) if isinstance(error, InvalidRequest) else refusal.value.message)
    assert isinstance(error, InvalidRequest) or isinstance(refusal.value, GenerationFailed)
    assert shelf.loads == ["a"]
    assert books.bytes == 0
    clock.now += FAILURE_SECONDS
    del shelf.broken["a"]
    assert loaded(books, "a") == "a0"


def test_a_failed_load_is_tried_again_as_soon_as_its_files_are_others():
    clock, shelf = Clock(), Shelf(a=10)
    shelf.broken["a"] = InvalidRequest("model_id", "x is torn.")
    books = library(shelf, clock=clock)
    books.ask("a")
    books.wait(10)
    assert books.ask("a") is READY
    del shelf.broken["a"]
    shelf.stamps["a"] = 1
    clock.now += STAMP_SECONDS
    assert loaded(books, "a") == "a1"


def test_what_cannot_even_be_measured_is_a_failure_that_disturbs_nobody():
    books = library(Shelf(a=10))
    loaded(books, "a")
    assert books.ask("nowhere", beside=("a",)) is READY
    with pytest.raises(InvalidRequest, match="nowhere is missing"):
        books.get("nowhere")
    assert books.get("a") == "a0"
