"""`easel models`: the catalogue, and the weights that are on this installation."""

from pathlib import Path
from typing import Annotated

import httpx2
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Column, Table

from easel.catalogue import queries
from easel.catalogue.tables import Model
from easel.catalogue.weights import check_weights, comes_with_the_package, hub_repository
from easel.cli.context import open_installation
from easel.cli.money import read_dollars
from easel.domain.errors import InvalidRequest, Unavailable
from easel.domain.money import format_dollars

app = App(name="models", help="List, install and remove models.")

# What diffusers reads of a model folder. Weights in safetensors only; those of the half-precision variant and of the
# parts that drawing does not use stay where they are.
WANTED = ["model_index.json", "*/*.json", "*/*.txt", "*/*.safetensors"]
UNWANTED = ["*.fp16.*", "*non_ema*", "safety_checker/*", "feature_extractor/*"]


@app.command(name="list")
def list_() -> None:
    """Show the catalogue."""
    table = Table(Column("Model", no_wrap=True), "Kind", "Name", Column("Price", no_wrap=True), "Licence", "Installed")
    with open_installation() as installation, installation.database.transaction() as session:
        for model in queries.list_models(session):
            table.add_row(
                model.model_id,
                model.kind,
                model.name,
                format_dollars(model.price),
                model.licence,
                "yes" if model.weights else "no",
            )
    Console().print(table)


@app.command
def install(
    model_id: str,
    /,
    *,
    from_: Annotated[
        Path | None,
        Parameter(name="--from", help="A folder in diffusers' layout to use where it is, and to keep there."),
    ] = None,
) -> None:
    """Fetch a model's weights, or take those of a folder, so that it can be drawn with."""
    with open_installation() as installation:
        with installation.database.transaction() as session:
            model = queries.find_model(session, model_id)
        # No transaction is open during the download, which may take an hour.
        weights = _weights(model, from_)
        with installation.database.transaction() as session:
            queries.mark_installed(session, model_id, weights)
        print(f"{model_id} is installed: {weights}")
        print(f"for the installation in {installation.settings.data.resolve()}")


@app.command
def price(model_id: str, dollars: Annotated[str, Parameter(help="A picture, like 0.0047.")], /) -> None:
    """Change what a picture of a model costs. Pictures already asked for keep their price."""
    with open_installation() as installation, installation.database.transaction() as session:
        model = queries.set_price(session, model_id, read_dollars(dollars))
        print(f"A picture of {model_id} costs {format_dollars(model.price)}")


@app.command
def remove(model_id: str, /) -> None:
    """Take a model out of use. Its files stay where they are."""
    with open_installation() as installation, installation.database.transaction() as session:
        weights = queries.find_model(session, model_id).weights
        queries.mark_installed(session, model_id, None)
    print(
        f"{model_id} is no longer installed; its files are left in {weights}"
        if weights
        else f"{model_id} was not installed"
    )


def _weights(model: Model, folder: Path | None) -> str:
    """What to write down as the model's weights, once they are here and fit to be loaded."""
    if model.kind != "checkpoint":
        raise InvalidRequest(
            "model_id", f"{model.model_id} is a {model.kind}; only checkpoints can be installed so far"
        )
    if folder is None and comes_with_the_package(model.source):
        return str(model.source)
    folder = _download(model) if folder is None else folder.expanduser().resolve()
    check_weights(folder)
    _check_settings(model, folder)
    return str(folder)


def _check_settings(model: Model, folder: Path) -> None:
    """Raises InvalidRequest for what a worker could not load, so that no order is accepted for it."""
    from easel.engine.families import family_of
    from easel.engine.families.folder import read_noise_schedule

    if family_of(folder) != model.family:
        raise InvalidRequest(
            "folder", f"{folder} is of family {family_of(folder)}, and {model.model_id} of {model.family}; give another"
        )
    read_noise_schedule(folder)


def _download(model: Model) -> Path:
    """The model's folder in the usual cache of the Hugging Face hub, where other programs find it as well."""
    repository = hub_repository(model.source)
    if repository is None:
        raise InvalidRequest(
            "model_id",
            f"There is no place to fetch {model.model_id} from; give its folder: "
            f"easel models install {model.model_id} --from FOLDER",
        )
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise Unavailable(
            "Fetching models needs huggingface_hub; install it with: pip install 'easel[worker]'"
        ) from None
    try:
        return Path(snapshot_download(repository, allow_patterns=WANTED, ignore_patterns=UNWANTED))
    except (OSError, httpx2.HTTPError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise Unavailable(
            f"{repository} could not be fetched from the Hugging Face hub ({type(error).__name__}: {reason}); "
            f"try again, or fetch it elsewhere and give its folder: easel models install {model.model_id} --from FOLDER"
        ) from error
