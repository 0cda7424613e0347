"""How `easel models install` takes a LoRA: the file is used where it is, and what it says of itself is kept."""

from typing import Any

from easel.catalogue.queries import AboutWeights
from easel.catalogue.weights import adapter_file, comes_with_the_package
from easel.cli.orders import Installed, Order, download, known_family
from easel.domain.errors import InvalidRequest

WANTED = ["*.safetensors", "adapter_config.json"]

TOLD = ("ss_", "modelspec.", "sshs_")
"""How the names begin of what trainers write down about a LoRA."""
LONGEST_TOLD = 20_000
"""Characters: some list every word of every caption."""


def install_lora(order: Order) -> Installed:
    """Raises InvalidRequest for a file that no worker could draw with, or of another family than was said."""
    from easel.engine.adapters.hashes import autov3
    from easel.engine.adapters.header import read_header
    from easel.engine.adapters.kin import kin_of
    from easel.engine.adapters.layout import needs_merging
    from easel.engine.families import family_named
    from easel.engine.ldm.copying import sha256_of

    weights = _weights(order)
    file = adapter_file(weights)
    header = read_header(order.model_id, file)
    merges = needs_merging(order.model_id, header)
    kin = kin_of(order.model_id, header)
    said = known_family(order) or (order.model.family if order.model else None)
    if said and kin.family not in (None, said):
        raise InvalidRequest(
            "family", f"{file} was made for checkpoints of family {kin.family}, and not of {said}; give another file"
        )
    if family := said or kin.family:
        family_named(family)
    return Installed(
        weights=weights,
        about=AboutWeights(
            format="merged" if merges else "low-rank",
            sha256=sha256_of(file),
            size_bytes=file.stat().st_size,
            parameters=header.file.parameters,
            facts=_facts(header.metadata) | {"autov3": autov3(file)},
        ),
        columns={"family": family},
        notes=() if family else (f"{order.model_id} does not say which family it is for; say it with --family.",),
    )


def _weights(order: Order) -> str:
    if order.given is not None:
        return str(order.given.expanduser().resolve())
    if comes_with_the_package(order.source):
        return str(order.source)
    return str(download(order, WANTED))


def _facts(metadata: Any) -> dict[str, Any]:
    told = {key: _storable(value) for key, value in metadata.items() if key.startswith(TOLD)}
    titled = {"title": told.get("modelspec.title"), "author": told.get("modelspec.author")}
    return {
        **{key: value for key, value in titled.items() if value},
        "metadata": {_storable(key): value for key, value in told.items() if len(value) <= LONGEST_TOLD},
    }


def _storable(text: str) -> str:
    """Neither NUL nor half a surrogate pair can be stored."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
