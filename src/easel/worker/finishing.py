"""What becomes of pictures between the engine and the store: looked at, replaced, enlarged. Beside the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from easel.artifacts.replacing import replaced
from easel.domain.errors import DomainError, GenerationFailed
from easel.domain.request import GenerationRequest
from easel.engine.request import Pixels, WeightsFile
from easel.kit.resample import resample

log = structlog.get_logger()

Classifier: TypeAlias = Callable[[Sequence[Pixels]], list[float]]
"""How unfit each picture is to be seen, 0 to 1. May be called by several threads."""

FLAGGED_ABOVE: Final = 0.5

Enlarge: TypeAlias = Callable[[WeightsFile, Pixels, int, int], Pixels]
"""A picture by an upscaler, at that width and height. Raises InvalidRequest, and MemoryError."""

UNCHECKED: Final = "safety_checker: none is installed here, so the pictures were not checked."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Pictures as they are delivered, by their numbers."""

    pictures: Mapping[int, Pixels]
    flagged: tuple[int, ...] = ()
    """Those in whose place something else is delivered."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    """May be called from several threads."""

    classifier: Classifier | None = None
    enlarge: Enlarge | None = None
    """None resamples whatever is to be enlarged."""

    def finish(
        self, request: GenerationRequest, drawn: Mapping[int, Pixels], upscaler: WeightsFile | None = None
    ) -> Finished:
        """Raises GenerationFailed where pictures that were to be checked could not be: they are not delivered so."""
        notes: list[str] = []
        flagged = self._flagged(request, drawn, notes)
        kept = {
            index: replaced(picture, request.extras.safety) if request.extras.safety and index in flagged else picture
            for index, picture in drawn.items()
        }
        pictures = {
            index: self._enlarged(request, picture, None if index in flagged else upscaler, notes)
            for index, picture in kept.items()
        }
        notes += _said_of_size(request)
        return Finished(pictures=pictures, flagged=flagged, notes=tuple(dict.fromkeys(notes)))

    def _flagged(self, request: GenerationRequest, drawn: Mapping[int, Pixels], notes: list[str]) -> tuple[int, ...]:
        if request.extras.safety is None:
            return ()
        if self.classifier is None:
            notes.append(UNCHECKED)
            return ()
        numbers = sorted(drawn)
        try:
            scores = self.classifier([drawn[number] for number in numbers])
        except Exception as error:
            log.error("pictures not checked", error=type(error).__name__, exc_info=True)
            raise GenerationFailed(
                "The pictures could not be checked by safety_checker, so they are not delivered: try again."
            ) from error
        flagged = tuple(number for number, score in zip(numbers, scores, strict=True) if score > FLAGGED_ABOVE)
        notes += [
            f"Picture {number + 1} was flagged by safety_checker and replaced; it costs nothing." for number in flagged
        ]
        return flagged

    def _enlarged(
        self, request: GenerationRequest, picture: Pixels, upscaler: WeightsFile | None, notes: list[str]
    ) -> Pixels:
        (width, height), factor = request.drawn_size, request.extras.upscale
        if upscaler and factor > 1:
            picture = self._by_network(upscaler, picture, width * factor, height * factor, notes)
        else:
            picture = resample(picture, width * factor, height * factor)
        return resample(picture, *request.output_size)

    def _by_network(self, upscaler: WeightsFile, picture: Pixels, width: int, height: int, notes: list[str]) -> Pixels:
        """Nobody loses a picture for want of a network: it is resampled, and the answer says so."""
        try:
            if self.enlarge is None:
                raise GenerationFailed("this worker has no networks.")
            return self.enlarge(upscaler, picture, width, height)
        except (DomainError, MemoryError) as error:
            log.warning("upscaler not used", upscaler=upscaler.name, error=str(error))
            notes.append(f"upscale: {upscaler.name} could not be used, so the picture was resampled.")
            return resample(picture, width, height)


def _said_of_size(request: GenerationRequest) -> list[str]:
    extras, (width, height) = request.extras, request.drawn_size
    if extras.output_width is None:
        return []
    wide, high = request.output_size
    return [f"The model does not draw {wide}x{high}; the picture was drawn at {width}x{height} and enlarged."]
