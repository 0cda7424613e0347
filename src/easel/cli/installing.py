"""What `easel models install` does with each kind of model: one function a kind, from an order to what is here."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from easel.catalogue.habits import defaults_for, limits_for
from easel.catalogue.queries import AboutWeights
from easel.catalogue.weights import comes_with_the_package, weights_folder
from easel.cli.companions import install_embedding, install_upscaler, install_vae
from easel.cli.controls import install_control
from easel.cli.loras import install_lora
from easel.cli.orders import Installed, Order, download, known_family
from easel.domain.errors import InvalidRequest

# What diffusers reads of a model folder. Weights in safetensors only; those of the half-precision variant and of the
# parts that drawing does not use stay where they are.
WANTED = ["model_index.json", "*/*.json", "*/*.txt", "*/*.safetensors"]
UNWANTED = ["*.fp16.*", "*non_ema*", "safety_checker/*", "feature_extractor/*"]

UNKNOWN_RESOLUTION = 512


def install_checkpoint(order: Order) -> Installed:
    """A folder in diffusers' layout is used where it is; a single file is made into one, once."""
    if order.given is None and comes_with_the_package(order.source):
        weights = str(order.source)
        return _examined(order, weights_folder(weights), weights=weights)
    given = download(order, WANTED, UNWANTED) if order.given is None else order.given.expanduser().resolve()
    if given.is_dir():
        return _examined(order, given, weights=str(given))
    return _converted(order, given)


INSTALLERS: Mapping[str, Callable[[Order], Installed]] = {
    "checkpoint": install_checkpoint,
    "lora": install_lora,
    "embedding": install_embedding,
    "vae": install_vae,
    "controlnet": install_control,
    "upscaler": install_upscaler,
}
"""By kind."""


def _examined(order: Order, folder: Path, *, weights: str, family: str | None = None) -> Installed:
    from easel.engine.families.examine import examine

    found = examine(folder, family or known_family(order))
    expected = order.model.family if order.model else known_family(order)
    if expected and found.family != expected:
        raise InvalidRequest(
            "folder", f"{folder} is of family {found.family}, and {order.model_id} of {expected}; give another"
        )
    resolution = found.resolution or UNKNOWN_RESOLUTION
    return Installed(
        weights=weights,
        about=AboutWeights(
            format="diffusers",
            sha256=found.sha256(),
            size_bytes=found.bytes,
            parameters=found.parameters,
            resolution=resolution,
            objective=found.objective,
        ),
        columns={
            "family": found.family,
            "defaults": asdict(defaults_for(found.family, resolution)),
            "limits": asdict(limits_for(resolution, found.pixels)),
        },
    )


def _converted(order: Order, given: Path) -> Installed:
    from easel.engine.ldm.copying import sha256_of

    file, trained = read_single_file(given, objective=_hint(order))
    sha256 = sha256_of(given)
    folder = order.models / order.model_id / sha256[:12] / trained.objective
    convert_once(file, trained, folder, tokenizer=order.tokenizer, vocabularies=order.vocabularies)
    installed = _examined(order, folder, weights=str(folder), family=trained.family)
    titled = {"title": file.metadata.get("modelspec.title"), "author": file.metadata.get("modelspec.author")}
    about = replace(
        installed.about,
        format="single-file",
        sha256=sha256,
        size_bytes=given.stat().st_size,
        facts={name: value for name, value in titled.items() if value},
    )
    return replace(installed, about=about, notes=guess_of(trained))


def read_single_file(path: Path, *, objective: str | None = None) -> Any:
    """The file's header, and what it was trained for. Raises InvalidRequest, with a sentence."""
    from easel.engine.families.folder import PICKLES
    from easel.engine.ldm.layout import trained_for
    from easel.engine.tensorfile import read_header

    if path.suffix in PICKLES:
        raise InvalidRequest(
            "model",
            f"{path} is a pickle, which can run code when it is loaded and is never read; where you trust it, load it "
            "elsewhere with torch.load(FILE, weights_only=True) and save it with safetensors.torch.save_file",
        )
    file = read_header(path)
    return file, trained_for(file, objective=objective)


def convert_once(
    file: Any, trained: Any, folder: Path, *, tokenizer: Path | None, vocabularies: tuple[Path, ...] = ()
) -> None:
    """Make the folder of a single file, unless it is there."""
    from easel.engine.ldm.convert import convert

    if (folder / "model_index.json").is_file():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    starter = weights_folder("package:easel-starter")
    convert(file, folder, trained, tokenizer=tokenizer, vocabularies=[*vocabularies, starter])


def guess_of(trained: Any) -> tuple[str, ...]:
    """What to say of an objective that nobody has said."""
    if not trained.is_guessed:
        return ()
    return (
        f"The file does not say what its network answers with; {trained.objective} at {trained.resolution} pixels is "
        "taken. If every picture is noise, install it again with --objective epsilon.",
    )


def _hint(order: Order) -> str | None:
    return order.objective or (order.model.objective if order.model else None)
