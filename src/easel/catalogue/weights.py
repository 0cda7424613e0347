"""Where a model's weights lie."""

from importlib import resources
from pathlib import Path

from easel.domain.errors import InvalidRequest

PACKAGE = "package:"
HUB = "hf:"


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


def adapter_file(weights: str) -> Path:
    """The file of a LoRA: the one that its `weights` name, or the only one in the folder that they name.

    Raises InvalidRequest where there is none, or more than one.
    """
    path = weights_folder(weights)
    if not path.is_dir():
        return path
    files = sorted(path.glob("*.safetensors"))
    if len(files) != 1:
        raise InvalidRequest(
            "lora_model", f"{path} holds {len(files) or 'no'} .safetensors files; give the one that is the LoRA"
        )
    return files[0]
