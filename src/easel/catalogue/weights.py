"""Where a model's weights lie, and whether a folder holds weights that Easel loads."""

import json
from importlib import resources
from pathlib import Path

from easel.domain.errors import InvalidRequest

PACKAGE = "package:"
HUB = "hf:"
NETWORKS = {"unet", "vae", "text_encoder"}
PICKLES = {".bin", ".ckpt", ".pt", ".pth", ".pkl"}


def comes_with_the_package(source: str | None) -> bool:
    return source is not None and source.startswith(PACKAGE)


def hub_repository(source: str | None) -> str | None:
    """`hf:OWNER/NAME` -> `OWNER/NAME`; None for a source that is not on the hub."""
    return source.removeprefix(HUB) if source is not None and source.startswith(HUB) else None


def weights_folder(weights: str) -> Path:
    """The folder that a model's `weights` name. `package:` is resolved here: each machine has the package elsewhere."""
    if comes_with_the_package(weights):
        return Path(str(resources.files("easel.weights"))) / weights.removeprefix(PACKAGE)
    return Path(weights)


def check_weights(folder: Path) -> None:
    """Raises InvalidRequest unless `folder` is a diffusers folder whose every network is in safetensors.

    A pickle runs code when it is loaded, so one that a network would need is refused; one that lies beside
    safetensors is never read.
    """
    index = folder / "model_index.json"
    if not index.is_file():
        raise InvalidRequest(
            "folder", f"{folder} is no diffusers folder: it has no model_index.json; convert the model with diffusers"
        )
    for name in _networks(index):
        files = [file for file in (folder / name).glob("*") if file.is_file()]
        if any(file.suffix == ".safetensors" for file in files):
            continue
        pickles = [file for file in files if file.suffix in PICKLES]
        if pickles:
            raise InvalidRequest(
                "folder",
                f"{pickles[0]} is a pickle, which can run code when it is loaded; where you trust it, load the model"
                " with diffusers and save it with save_pretrained(FOLDER, safe_serialization=True)",
            )
        raise InvalidRequest("folder", f"{folder / name} holds no .safetensors file; the download may be incomplete")


def _networks(index: Path) -> list[str]:
    try:
        parts = json.loads(index.read_text("utf-8"))
    except ValueError:
        raise InvalidRequest("folder", f"{index} is no valid JSON; the download may be incomplete") from None
    missing = NETWORKS - set(parts if isinstance(parts, dict) else ())
    if missing:
        raise InvalidRequest(
            "folder", f"{index} names no {' and no '.join(sorted(missing))}; Easel cannot draw with it"
        )
    return sorted(NETWORKS)
