"""The links that answers give."""

from dataclasses import dataclass

from easel.artifacts.links import LinkSigner
from easel.gateway.files import AS_TEXT
from easel.generations.expire import TEMPORARY
from easel.generations.queries import GenerationView


@dataclass(frozen=True, slots=True)
class Links:
    """Absolute links to a generation's pictures and to where its answer can be fetched."""

    base_url: str
    fetch_path: str
    signer: LinkSigner

    def pictures(self, view: GenerationView) -> list[str]:
        expires = view.created_at + TEMPORARY if view.temporary else None
        ending = AS_TEXT if view.details.get("base64") else ""
        return [f"{self.base_url}{self.signer.path(key, expires)}{ending}" for key in view.artifact_keys]

    def fetch_result(self, view: GenerationView) -> str:
        return f"{self.base_url}{self.fetch_path}/{view.id}"

    def input(self, view: GenerationView, field: str, key: str | None) -> str | None:
        """A picture that came with the request: its address as it was sent, or where ours of it is."""
        if key is None:
            return None
        return view.details.get("sent", {}).get(field) or f"{self.base_url}{self.signer.path(key)}"
