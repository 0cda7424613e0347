"""A runner that draws without weights, for tests and load runs of everything around the engine.

It behaves as the real one does: the same methods, the same refusals, one call a tick. Its pictures depend on the
request alone. It needs no torch, so a test that uses it starts at once.
"""

import hashlib
import time
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from easel.domain.errors import GenerationFailed, InvalidRequest
from easel.engine.batch import Batch
from easel.engine.costs import Costs
from easel.engine.decoding import Decode, Decoded
from easel.engine.events import Image
from easel.engine.failures import OutOfMemory
from easel.engine.library import Readiness
from easel.engine.paste import paste
from easel.engine.prompts.chunks import MOST_CHUNKS
from easel.engine.request import AdapterMix, Checkpoint, PictureRequest, Pixels, check_size
from easel.engine.samplers import NoiseSchedule, Plan, plan
from easel.engine.trajectory import Trajectory

SCHEDULE = NoiseSchedule.from_config(
    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "timestep_spacing": "trailing"}
)
REMEMBERED_CALLS = 10_000

PREVIEW_SHARE = 8
"""A preview's sides are this share of the picture's."""

LATENT_PIXELS = 8

LONGEST_PROMPT = 75 * MOST_CHUNKS
"""Words beyond these are cut, as if each were a token."""


@dataclass
class FakeRunner:
    """Draws a colour gradient in `seconds_per_call` seconds a step and `seconds_per_decode` at the end.

    From a picture, it is that picture with the gradient over it, the more the greater the strength.

    A prompt with the word `unpreparable` fails before its first call, `undenoisable` at its calls, and `undecodable` at
    the end: what a broken checkpoint, a lack of memory and a run that ends in NaN do.
    """

    seconds_per_call: float = 0.0
    seconds_per_decode: float = 0.0
    decodes_beside: bool = False
    max_checkpoints: int = 2
    load_ticks: int = 0
    """How often a checkpoint's weights are asked for before they are there."""
    room: int = 1000
    """How many checkpoints fit into memory."""
    most_rows: int | None = None
    """Rows of a call for which there is memory; None is any number."""
    costs: Costs = field(default_factory=Costs)
    calls: deque[tuple[str, ...]] = field(default_factory=lambda: deque[tuple[str, ...]](maxlen=REMEMBERED_CALLS))
    """The ids of each network call, in order; the newest of them in a long run."""
    _prepared: dict[str, int] = field(default_factory=dict[str, int])
    _loads: dict[Checkpoint, int] = field(default_factory=dict[Checkpoint, int])
    """How often each was asked for since its load began; the one used longest ago first."""

    @property
    def held(self) -> int:
        """How many pictures are prepared and not released."""
        return len(self._prepared)

    def resident(self) -> list[str]:
        """Names of the checkpoints whose weights are loaded, the one used last first."""
        loads = list(self._loads.items())  # at once: another thread may ask
        return [checkpoint.name for checkpoint, asked in reversed(loads) if asked >= self.load_ticks]

    def ask(self, request: PictureRequest, beside: Collection[Checkpoint]) -> Readiness:
        checkpoint = request.checkpoint
        if checkpoint not in self._loads and len(self._loads) >= self.room:
            leaving = next((one for one in self._loads if one not in beside), None)
            if leaving is None:
                return Readiness.NO_ROOM
            del self._loads[leaving]
        asked = self._loads.pop(checkpoint, -1) + 1
        self._loads[checkpoint] = asked
        return Readiness.READY if asked >= self.load_ticks else Readiness.LOADING

    def wait(self, seconds: float) -> None:
        """A load here takes ticks, not time."""

    def plan(self, request: PictureRequest) -> Plan:
        check_size(request, LATENT_PIXELS)
        try:
            return plan(SCHEDULE, request.sampler, request.spacing, request.steps, request.share)
        except ValueError as error:
            raise InvalidRequest("steps", f"{error}.") from None

    def merged(self, request: PictureRequest) -> tuple[AdapterMix, ...]:
        return ()

    def prepare(self, picture: Trajectory) -> tuple[str, ...]:
        request = picture.request
        if "unpreparable" in request.prompt:
            raise GenerationFailed(f"Checkpoint {request.checkpoint.name} cannot be loaded.")
        if self._loads.get(request.checkpoint, -1) < self.load_ticks:
            raise AssertionError(f"{request.checkpoint.name} is not loaded")
        self._prepared[request.id] = 0
        words = request.prompt.split()
        if len(words) <= LONGEST_PROMPT:
            return picture.script.notes
        return (*picture.script.notes, f"The prompt was cut before: {' '.join(words[LONGEST_PROMPT:])}")

    def denoise(self, batch: Batch) -> None:
        for picture in batch.pictures:
            if "undenoisable" in picture.request.prompt:
                raise RuntimeError("a fake fault of a kernel")
        if self.most_rows is not None and len(batch.rows) > self.most_rows:
            raise OutOfMemory(needed=len(batch.rows) * 2**30)
        if self.seconds_per_call:
            time.sleep(self.seconds_per_call)
        for picture in batch.pictures:
            self._prepared[picture.id] += 1
        self.calls.append(tuple(picture.id for picture in batch.pictures))

    def preview(self, picture: Trajectory) -> Image:
        """The picture, small, out of the dark."""
        small = _picture(picture.request)[::PREVIEW_SHARE, ::PREVIEW_SHARE]
        return (small * (picture.steps_done / picture.steps)).astype(np.uint8)

    def decode(self, picture: Trajectory) -> Decode:
        request = picture.request

        def decode() -> Decoded:
            if self.seconds_per_decode:
                time.sleep(self.seconds_per_decode)
            if "undecodable" in request.prompt:
                raise GenerationFailed("The picture came out as not-a-number; try another seed or a lower guidance.")
            return Decoded(_picture(request))

        return decode

    def release(self, id: str) -> None:
        self._prepared.pop(id, None)


def _picture(request: PictureRequest) -> Pixels:
    gradient = _gradient(request)
    if request.init is None:
        return gradient
    mixed = np.rint(request.strength * gradient + (1 - request.strength) * request.init).astype(np.uint8)
    return mixed if request.mask is None else paste(mixed, request.init, request.mask)


def _gradient(request: PictureRequest) -> Image:
    """From one colour at the top left to another at the bottom right, both hashed from what the picture depends on."""
    said = (
        request.checkpoint.name,
        request.prompt,
        request.negative_prompt if request.is_guided else "",
        request.steps,
        request.guidance,
        request.seed,
        request.sampler,
        request.spacing,
        *((mix.adapter.name, mix.strength) for mix in request.adapters),
        request.embeddings,
        request.vae,
        request.clip_skip,
        *([request.alteration] if request.alteration.is_any else []),
        *([request.window] if request.window else []),
    )
    digest = np.frombuffer(hashlib.sha256(repr(said).encode()).digest(), dtype=np.uint8).astype(np.float64)
    down = np.linspace(0, 0.5, request.height)[:, None, None]
    across = np.linspace(0, 0.5, request.width)[None, :, None]
    return np.rint(digest[:3] + (digest[3:6] - digest[:3]) * (down + across)).astype(np.uint8)


def how_reddish(pictures: Sequence[Pixels]) -> list[float]:
    """A safety checker for tests: it flags what is more red than green."""
    means = [picture.mean(axis=(0, 1)) for picture in pictures]
    return [float(red / max(red + green, 1e-9)) for red, green, _ in means]
