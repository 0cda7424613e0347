"""From the answers of a call's rows to one answer a picture."""

from collections.abc import Sequence

import torch

from easel.engine.batch import Row


def guided(rows: Sequence[Row], answers: torch.Tensor, pictures: int) -> torch.Tensor:
    """Classifier-free guidance (arXiv:2207.12598) and composition (arXiv:2206.01714), by the factors of the rows.

    rows x channels x h x w, in the order of Batch.rows -> pictures x channels x h x w. A picture without a negative
    prompt has its first prompt in that place.
    """
    firsts = answers[:pictures]
    places = base_rows(rows, pictures)
    base = answers[pictures:] if places == list(range(pictures, len(rows))) else answers[places]
    factors = torch.tensor([row.factor for row in rows], dtype=torch.float32).to(answers.device).view(-1, 1, 1, 1)
    result = base + factors[:pictures] * (firsts - base)
    for at, row in enumerate(rows):
        if at >= pictures and not row.is_negative:
            result[row.picture] += factors[at] * (answers[at] - base[row.picture])
    return result


def base_rows(rows: Sequence[Row], pictures: int) -> list[int]:
    """The row of each picture that the others are compared with: its negative prompt's, or its first prompt's."""
    base = list(range(pictures))
    for at, row in enumerate(rows):
        if row.is_negative:
            base[row.picture] = at
    return base
