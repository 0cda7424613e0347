"""From the rows of a tick to one answer for each of its pictures: windows of panoramas, and guidance of every kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from easel.engine.batch import Batch
from easel.engine.calling import Answers, Caller, Rows
from easel.engine.families.base import LoadedFamily
from easel.engine.inside.self_attention import degraded
from easel.engine.panorama import MOST_ROWS, Windows
from easel.engine.prompts.guidance import base_rows, guided


def answer(caller: Caller, family: LoadedFamily, batch: Batch, rows: Rows, *, one_by_one: bool) -> torch.Tensor:
    """pictures x channels x h x w. `rows` are those of `batch`, of whole pictures; each may be called for alone."""
    height, width = rows.latents.shape[-2:]
    windows = Windows.of(batch.pictures[0].request, height, width)
    asking = _Asking(caller, family, batch, windows, 1 if one_by_one else MOST_ROWS if windows else None)
    return asking.answer(rows)


@dataclass(frozen=True, slots=True)
class _Asking:
    caller: Caller
    family: LoadedFamily
    batch: Batch
    windows: Windows | None
    most: int | None
    """Rows of a call."""

    def answer(self, rows: Rows) -> torch.Tensor:
        height, width = rows.latents.shape[-2:]

        def whole(found: torch.Tensor) -> torch.Tensor:
            return self.windows.joined(found, height, width) if self.windows else found

        seen = self.windows.cut(rows) if self.windows else rows
        answers = self.caller.predict(self.family, seen, most=self.most)
        result = guided(self.batch.rows, whole(answers.latents), len(self.batch.pictures))
        if answers.attention is not None:
            result += self.batch.key.alteration.self_attention * whole(self._lead(seen, answers))
        return result

    def _lead(self, rows: Rows, answers: Answers) -> torch.Tensor:
        """Away from what is answered to the degraded latents of each picture's base row, window by window."""
        base, pictures = base_rows(self.batch.rows, len(self.batch.pictures)), list(self.batch.pictures)
        if self.windows:
            base = self.windows.rows_of(base)
            pictures = [picture for picture in pictures for _ in self.windows.places]
        rows, answers = rows.of(base), answers.of(base)
        assert answers.attention is not None
        channels = answers.latents.shape[1]
        latents, beside = rows.latents[:, :channels], rows.latents[:, channels:]

        def column(numbers: Sequence[float]) -> torch.Tensor:
            return torch.tensor(numbers, dtype=torch.float32).to(latents.device).view(-1, 1, 1, 1)

        views = [picture.step.clean for picture in pictures]
        clean = column([view.x for view in views]) * latents + column([view.out for view in views]) * answers.latents
        worse = degraded(latents, clean, answers.attention, column([picture.mix.alpha for picture in pictures]))
        again = replace(rows, latents=torch.cat([worse, beside], dim=1))
        return answers.latents - self.caller.predict(self.family, again, most=self.most).latents
