"""`easel models`: the catalogue, and the weights that are on this installation."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Column, Table

from easel.accounts.owner import ensure_owner
from easel.catalogue import queries
from easel.catalogue.tables import Model
from easel.cli.catalogued import USUAL_PRICE, USUAL_PROVIDER, installer_of, order_in, write_down
from easel.cli.context import open_installation
from easel.cli.orders import AUTO
from easel.domain.errors import InvalidRequest
from easel.domain.money import format_dollars, read_dollars
from easel.generations import operators

app = App(name="models", help="List, install and remove models.")


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
        Parameter(
            name="--from",
            help="A folder in diffusers' layout, used where it is and to be kept there, or a single .safetensors file, "
            "of which a folder is made in the data folder; a LoRA, an embedding or a VAE is used where it is.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        Parameter(help="Of a model that the catalogue does not know: checkpoint, lora, embedding, vae or controlnet."),
    ] = None,
    family: Annotated[str, Parameter(help="sd1, sd2 or sdxl; found out otherwise.")] = AUTO,
    objective: Annotated[
        str | None, Parameter(help="epsilon or v_prediction, for a single file that does not say it.")
    ] = None,
    tokenizer: Annotated[
        Path | None, Parameter(help="The folder of CLIP's vocabulary, for a single file; looked for otherwise.")
    ] = None,
    provider: Annotated[str | None, Parameter(help="Of a new model: whose it is.")] = None,
    name: Annotated[str | None, Parameter(help="Of a new model: as people read it.")] = None,
    licence: Annotated[str | None, Parameter(help="Of a new model.")] = None,
    price: Annotated[str | None, Parameter(help="Of a new model: US dollars a picture.")] = None,
) -> None:
    """Fetch a model's weights, or take those of a folder or a file, so that it can be drawn with.

    A model_id that the catalogue does not know becomes a model of your own, with defaults and limits that fit it.
    """
    said = {"kind": kind, "provider": provider, "name": name, "licence": licence, "price": price}
    with open_installation() as installation:
        order = order_in(installation, model_id, given=from_, family=family, objective=objective, tokenizer=tokenizer)
        _check_words(model_id, order.model, from_, said)
        # No transaction is open during the download, which may take an hour.
        installed = installer_of(order, kind)(order)
        with installation.database.transaction() as session:
            write_down(session, order, installed, said)
        print(f"{model_id} is installed: {installed.weights}")
        print(f"for the installation in {installation.settings.data.resolve()}")
        for note in installed.notes:
            print(note)


def _check_words(model_id: str, model: Model | None, given: Path | None, said: dict[str, str | None]) -> None:
    """Raises InvalidRequest for an unknown model without weights, and for words about one that the catalogue knows."""
    if model is None and given is None:
        raise InvalidRequest(
            "model_id", f"Model not found: {model_id}; to add it to the catalogue, give its weights with --from PATH"
        )
    if model is None:
        queries.check_id(model_id)
        queries.check_id(said["provider"] or USUAL_PROVIDER, "provider")
        read_dollars(said["price"] or USUAL_PRICE)
    elif words := [f"--{word}" for word, value in said.items() if value is not None]:
        raise InvalidRequest(
            words[0], f"{model_id} is in the catalogue already; leave {', '.join(words)} out, or choose another id"
        )


app.command("easel.cli.loads:carry_out", name="carry-out", show=False)


@app.command
def price(model_id: str, dollars: Annotated[str, Parameter(help="A picture, like 0.0047.")], /) -> None:
    """Change what a picture of a model costs. Pictures already asked for keep their price."""
    with open_installation() as installation, installation.database.transaction() as session:
        owner = ensure_owner(session, installation.clock)
        model = operators.set_price(session, installation.clock, owner, model_id, read_dollars(dollars))
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
