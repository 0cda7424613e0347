"""How `easel models install` takes textual inversions, autoencoders and upscalers: they are used where they are."""

from collections.abc import Callable
from operator import eq
from pathlib import Path

from easel.catalogue.companions import have_the_same_latents
from easel.catalogue.queries import AboutWeights
from easel.cli.orders import Installed, Order, download, known_family
from easel.domain.errors import InvalidRequest

WANTED = ["*.safetensors", "config.json", "vae/config.json", "vae/*.safetensors"]
UNWANTED = ["*.fp16.*", "unet/*", "text_encoder*/*", "safety_checker/*"]


def install_embedding(order: Order) -> Installed:
    """Raises InvalidRequest for a file that is no textual inversion, or of another family than was said."""
    from easel.engine.ldm.copying import sha256_of
    from easel.engine.prompts.embedding_file import open_embedding
    from easel.engine.request import WeightsFile

    file = _one_file(_given(order))
    found = open_embedding(WeightsFile(name=order.model_id, file=file))
    family = _family(order, found.family, file)
    return Installed(
        weights=str(file),
        about=AboutWeights(
            format="safetensors",
            sha256=sha256_of(file),
            size_bytes=file.stat().st_size,
            parameters=found.count * sum(found.widths),
            facts={"vectors": found.count},
        ),
        columns={"family": family},
        notes=(f"A prompt that has the word {order.model_id} in it is drawn with it.",),
    )


def install_vae(order: Order) -> Installed:
    """Raises InvalidRequest for what is no autoencoder, or one for another family's latents than was said."""
    from easel.engine.families.vae_file import open_vae
    from easel.engine.ldm.copying import sha256_of

    path = _given(order)
    found = open_vae(path)
    family = _family(order, found.family, path, have_the_same_latents)
    return Installed(
        weights=str(path),
        about=AboutWeights(
            format="diffusers" if path.is_dir() else "single-file",
            sha256=sha256_of(found.header.path),
            size_bytes=found.header.path.stat().st_size,
            parameters=found.header.parameters,
        ),
        columns={"family": family},
    )


def install_upscaler(order: Order) -> Installed:
    """Raises InvalidRequest for a file that is none of the networks that enlarge pictures here."""
    from easel.engine.ldm.copying import sha256_of
    from easel.engine.upscaling.layout import open_upscaler

    file = _one_file(_given(order))
    found = open_upscaler(file)
    return Installed(
        weights=str(file),
        about=AboutWeights(
            format="safetensors",
            sha256=sha256_of(file),
            size_bytes=file.stat().st_size,
            parameters=found.header.parameters,
            facts={"factor": found.network.factor},
        ),
        notes=("Pictures that are asked for with upscale are enlarged by it, unless another one is named.",),
    )


def _given(order: Order) -> Path:
    return download(order, WANTED, UNWANTED) if order.given is None else order.given.expanduser().resolve()


def _one_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = sorted(path.glob("*.safetensors"))
    if len(files) != 1:
        raise InvalidRequest("folder", f"{path} holds {len(files) or 'no'} .safetensors files; give one of them")
    return files[0]


def _family(order: Order, found: str | None, path: Path, fits: Callable[[str, str], bool] = eq) -> str:
    """Whose checkpoints it goes with: what was said, unless the file says otherwise."""
    from easel.engine.families import family_named

    said = known_family(order) or (order.model.family if order.model else None)
    if said and found and not fits(said, found):
        raise InvalidRequest("family", f"{path} was made for checkpoints of family {found}, and not of {said}")
    family = said or found
    if family is None:
        raise InvalidRequest(
            "family", f"{path} does not say which checkpoints it is for; say it with --family sd1, sd2 or sdxl"
        )
    family_named(family)
    return family
