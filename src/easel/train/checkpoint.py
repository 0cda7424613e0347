"""Files of a run: JSON beside the weights, a log with one line per event, checkpoints that resume to the same loss."""

import json
import os
from pathlib import Path
from typing import Any

import torch

from easel.domain.errors import InvalidRequest


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def finished(folder: Path, stage: str) -> Path:
    """`folder`, which the stage of this name writes. Raises InvalidRequest where it has not been run yet."""
    if not (folder / "config.json").exists():
        raise InvalidRequest("run", f"There is nothing in {folder}: run `easel train {stage}` first.")
    return folder


def append_log(path: Path, event: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as log:
        log.write(json.dumps(event) + "\n")


def read_log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all: a killed run must never leave half a file where the last good one was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load(path: Path) -> dict[str, Any]:
    """Tensors and plain containers only; anything else in the file is refused by torch."""
    if not path.exists():
        raise InvalidRequest(
            "run", f"There is no checkpoint at {path}: start the run without --resume, or name its folder."
        )
    return torch.load(path, map_location="cpu", weights_only=True)  # type: ignore[no-any-return]
