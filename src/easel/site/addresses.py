"""Where things are."""

from urllib.parse import urlencode

from easel.catalogue.tables import Model


def model_address(model: Model, **query: str | int) -> str:
    path = f"/models/{model.provider}/{model.model_id}"
    return f"{path}?{urlencode(query)}" if query else path
