"""Which checkpoints are in memory, and loading the next one while others draw. No torch here.

One thread owns a library and makes all calls to it; a load runs in a thread of its own, one at a time. What is loaded
stays until room is needed, then the one used longest ago goes first; what the caller is drawing with never goes.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

from easel.domain.errors import DomainError, GenerationFailed

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Named = TypeVar("Named", bound=Hashable, contravariant=True)
Loadable = TypeVar("Loadable", covariant=True)

STAMP_SECONDS = 1.0
"""How long files are taken to be as they were when last looked at."""

FAILURE_SECONDS = 60.0
"""How long a checkpoint that did not load is not tried again, unless its files change."""


class Readiness(Enum):
    """Whether a picture can start."""

    READY = "ready"
    """Its weights are there, or never will be: asking for them says which."""
    LOADING = "loading"
    NO_ROOM = "no room"
    """Its weights would take the place of some that are drawn with."""


class Loader(Protocol[Named, Loadable]):
    """How a library gets at weights."""

    def stamp(self, key: Named) -> Hashable:
        """What changes when the files do. Quick."""
        ...

    def size(self, key: Named) -> int:
        """Bytes that the weights will take. Quick; raises DomainError."""
        ...

    def load(self, key: Named) -> Loadable:
        """In the library's loading thread. Raises DomainError, with a sentence, for what cannot be used."""
        ...


@dataclass(slots=True)
class _Loaded(Generic[Value]):
    value: Value
    stamp: Hashable
    bytes: int


@dataclass(slots=True)
class _Failure:
    error: DomainError
    stamp: Hashable
    at: float


class Library(Generic[Key, Value]):
    def __init__(
        self,
        loader: Loader[Key, Value],
        *,
        bytes: int,
        forget: Callable[[Key], None] = lambda key: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`bytes` is room for weights; a single checkpoint larger than all of it has it to itself.

        `forget` is told of a checkpoint whose weights have left memory, for what was made with them.
        """
        self._loader = loader
        self._budget = bytes
        self._forget = forget
        self._clock = clock
        self._loaded: OrderedDict[Key, _Loaded[Value]] = OrderedDict()
        self._failures: dict[Key, _Failure] = {}
        self._stamps: dict[Key, tuple[float, Hashable]] = {}
        self._load: _Load[Key, Value] | None = None
        self.keys: tuple[Key, ...] = ()
        """Those loaded, the one used last first. May be read from any thread."""

    @property
    def bytes(self) -> int:
        """What the loaded weights take, and those on their way."""
        return sum(loaded.bytes for loaded in self._loaded.values()) + (self._load.bytes if self._load else 0)

    @property
    def is_loading(self) -> bool:
        return self._load is not None and not self._load.over.is_set()

    def ask(self, key: Key, beside: Collection[Key] = ()) -> Readiness:
        """Whether `key` can be drawn with; its load begins if it can. `beside` are those that must not leave memory."""
        self._collect()
        stamp = self._stamp(key)
        if self._is_loaded(key, stamp) or self._has_failed(key, stamp):
            return Readiness.READY
        if self._load:
            return Readiness.LOADING
        if key in beside and key in self._loaded:
            return Readiness.NO_ROOM  # its files are others now; pictures under way end with those they began with
        try:
            bytes = self._loader.size(key)
        except DomainError as error:
            self._fail(key, error, stamp)
            return Readiness.READY
        self._drop(key)
        if not self._make_room(bytes, beside):
            return Readiness.NO_ROOM
        self._load = _Load(self._loader, key, stamp, bytes)
        return Readiness.LOADING

    def get(self, key: Key) -> Value:
        """The weights, waited for if need be. Raises why they cannot be had."""
        if key not in self._loaded:
            self._await(key)
        self._loaded.move_to_end(key)
        self._publish()
        return self._loaded[key].value

    def wait(self, seconds: float) -> None:
        """Until the load under way is over, if there is one, and at most so long."""
        if self._load:
            self._load.over.wait(seconds)

    def _await(self, key: Key) -> None:
        while self.ask(key) is Readiness.LOADING:
            self.wait(seconds=3600)
        if key not in self._loaded:
            raise self._failures[key].error.with_traceback(None)

    def _collect(self) -> None:
        """Take over what the loading thread has finished."""
        load = self._load
        if load is None or not load.over.is_set():
            return
        self._load = None
        if isinstance(load.result, DomainError):
            self._fail(load.key, load.result, load.stamp)
            return
        self._failures.pop(load.key, None)
        self._loaded[load.key] = _Loaded(load.result, load.stamp, load.bytes)
        self._publish()

    def _stamp(self, key: Key) -> Hashable:
        at, stamp = self._stamps.get(key, (-STAMP_SECONDS, None))
        if self._clock() - at >= STAMP_SECONDS:
            stamp = self._loader.stamp(key)
            self._stamps[key] = self._clock(), stamp
        return stamp

    def _is_loaded(self, key: Key, stamp: Hashable) -> bool:
        return key in self._loaded and self._loaded[key].stamp == stamp

    def _has_failed(self, key: Key, stamp: Hashable) -> bool:
        failure = self._failures.get(key)
        return failure is not None and failure.stamp == stamp and self._clock() - failure.at < FAILURE_SECONDS

    def _fail(self, key: Key, error: DomainError, stamp: Hashable) -> None:
        self._failures[key] = _Failure(error, stamp, self._clock())

    def _make_room(self, bytes: int, beside: Collection[Key]) -> bool:
        """Whether there is room now. What would not make enough of it is left where it is."""
        staying = [loaded.bytes for key, loaded in self._loaded.items() if key in beside]
        if staying and sum(staying) + bytes > self._budget:
            return False
        for key in list(self._loaded):
            if self.bytes + bytes > self._budget and key not in beside:
                self._drop(key)
        return True

    def _drop(self, key: Key) -> None:
        if self._loaded.pop(key, None):
            self._publish()
            self._forget(key)

    def _publish(self) -> None:
        self.keys = tuple(reversed(self._loaded))


class _Load(Generic[Key, Value]):
    """One load, on its way in a thread of its own."""

    def __init__(self, loader: Loader[Key, Value], key: Key, stamp: Hashable, bytes: int) -> None:
        self.key = key
        self.stamp = stamp
        self.bytes = bytes
        self.over = threading.Event()
        self.result: Value | DomainError
        # A daemon: a disk that hangs must not keep the process from ending.
        threading.Thread(target=self._run, args=(loader,), name="load", daemon=True).start()

    def _run(self, loader: Loader[Key, Value]) -> None:
        try:
            self.result = loader.load(self.key)
        except DomainError as refusal:
            self.result = refusal
        except Exception as error:
            log.exception("weights could not be loaded")
            self.result = GenerationFailed(
                f"The model's weights could not be loaded ({type(error).__name__}): try again, "
                "or ask the operator, whose log has the details."
            )
        finally:
            self.over.set()
