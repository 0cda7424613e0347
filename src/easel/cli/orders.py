"""An order to install a model, what comes of it, and where a model's files are fetched from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from easel.catalogue.queries import AboutWeights
from easel.catalogue.tables import Model
from easel.catalogue.weights import hub_repository
from easel.domain.errors import InvalidRequest, Unavailable

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be installed."""

    model_id: str
    model: Model | None
    """None for one that the catalogue does not know yet."""
    given: Path | None
    """The file or folder to take it from."""
    elsewhere: str | None = None
    """`hf:OWNER/NAME`, to fetch it from there and not from where the catalogue says."""
    models: Path
    """The folder for what is made of a given file."""
    family: str = AUTO
    objective: str | None = None
    tokenizer: Path | None = None
    vocabularies: tuple[Path, ...] = ()
    """Folders of checkpoints that are installed already."""

    @property
    def source(self) -> str | None:
        return self.elsewhere or (self.model.source if self.model else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What is here now, fit to be loaded."""

    weights: str
    """As the catalogue writes it down."""
    about: AboutWeights
    columns: dict[str, Any] = field(default_factory=dict[str, Any])
    """Of a new model's row: family, defaults and limits, where the kind has them."""
    notes: tuple[str, ...] = ()
    """Sentences for whoever installs it."""


def known_family(order: Order) -> str | None:
    return None if order.family == AUTO else order.family


def download(order: Order, wanted: list[str], unwanted: list[str] | None = None) -> Path:
    """The model's folder in the usual cache of the Hugging Face hub, where other programs find it as well."""
    repository = hub_repository(order.source)
    if repository is None:
        raise InvalidRequest(
            "model_id",
            f"There is no place to fetch {order.model_id} from; give its folder or its .safetensors file: "
            f"easel models install {order.model_id} --from PATH",
        )
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise Unavailable(
            "Fetching models needs huggingface_hub; install it with: pip install 'easel[worker]'"
        ) from None
    try:
        return Path(snapshot_download(repository, allow_patterns=wanted, ignore_patterns=unwanted))
    except (OSError, httpx2.HTTPError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise Unavailable(
            f"{repository} could not be fetched from the Hugging Face hub ({type(error).__name__}: {reason}); "
            f"try again, or fetch it elsewhere and give its folder: easel models install {order.model_id} --from FOLDER"
        ) from error
