"""How `easel models install` takes ControlNets: a folder is used where it is, of a single file one is made, once."""

from pathlib import Path
from typing import Any

from easel.catalogue.queries import AboutWeights
from easel.cli.orders import Installed, Order, download, known_family
from easel.domain.controls import type_in
from easel.domain.errors import InvalidRequest

WANTED = ["config.json", "*.safetensors"]
UNWANTED = ["*.fp16.*"]


def install_control(order: Order) -> Installed:
    """Raises InvalidRequest for what no worker could draw with, or a ControlNet for another family than was said."""
    from easel.engine.families import family_named
    from easel.engine.ldm.copying import sha256_of

    given = download(order, WANTED, UNWANTED) if order.given is None else order.given.expanduser().resolve()
    folder = given if given.is_dir() else folder_of_file(given, order.models / order.model_id)
    found = look(order.model_id, folder)
    said = known_family(order) or (order.model.family if order.model else None)
    if said and found.family and said != found.family:
        raise InvalidRequest(
            "family", f"{given} was made for checkpoints of family {found.family}, and not of {said}; give another"
        )
    family = said or found.family
    if family is None:
        raise InvalidRequest(
            "family", f"{given} does not say which checkpoints it is for; say it with --family sd1, sd2 or sdxl"
        )
    family_named(family)
    kind = type_in(order.model_id) or type_in(given.stem)
    file = given if given.is_file() else found.headers[0].path
    return Installed(
        weights=str(folder),
        about=AboutWeights(
            format="diffusers" if given.is_dir() else "single-file",
            sha256=sha256_of(file),
            size_bytes=sum(header.path.stat().st_size for header in found.headers),
            parameters=found.parameters,
            facts={"control_type": kind} if kind else {},
        ),
        columns={"family": family},
        notes=() if kind else (f"Its name does not say what {order.model_id} reads: requests say controlnet_type.",),
    )


def folder_of_file(path: Path, folder: Path) -> Path:
    """The folder that is made of a single file, below `folder`, unless it is there."""
    from easel.engine.families.folder import PICKLES
    from easel.engine.ldm.control import convert_control, is_single_file
    from easel.engine.ldm.copying import sha256_of
    from easel.engine.tensorfile import read_header

    if path.suffix in PICKLES:
        raise InvalidRequest(
            "model",
            f"{path} is a pickle, which can run code when it is loaded and is never read; where you trust it, load it "
            "elsewhere with torch.load(FILE, weights_only=True) and save it with safetensors.torch.save_file",
        )
    file = read_header(path)
    if not is_single_file(file):
        raise InvalidRequest(
            "model",
            f"{path} is no ControlNet in the layout of one file; of one in diffusers' layout give the folder that "
            "holds its config.json as well",
        )
    made = folder / sha256_of(path)[:12]
    if not (made / "config.json").is_file():
        made.parent.mkdir(parents=True, exist_ok=True)
        convert_control(file, made)
    return made


def look(name: str, folder: Path) -> Any:
    """What the folder is, laid out where torch is here to do it. Raises InvalidRequest."""
    from easel.engine.control.file import open_control, unusable
    from easel.engine.request import WeightsFile

    network = WeightsFile(name=name, file=folder)
    found = open_control(network)
    try:
        import torch

        from easel.engine.control.network import load_control
        from easel.engine.families.source import Source
    except ImportError:
        return found  # a machine that serves and does not draw
    try:
        load_control(Source(folder, torch.device("meta"), torch.float32))
    except InvalidRequest as error:
        raise unusable(network, error.message) from None
    return found
