"""What a browser sends with a form: fields, and files where it has any."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import UploadFile

from easel.site.form import PlaygroundForm


@dataclass(frozen=True)
class Sent:
    form: PlaygroundForm
    files: Mapping[str, bytes]
    """By field; those in which no file was chosen are left out."""
    texts: Mapping[str, str]
    """Every field, also those that are none of the playground's own."""

    def file(self, field: str) -> bytes:
        return self.files.get(field, b"")

    def text(self, field: str) -> str:
        return self.texts.get(field, "")


async def read_sent(request: Request) -> Sent:
    """Raises HTTPException for a body that is too large or no form."""
    texts: list[tuple[str, str]] = []
    files: dict[str, bytes] = {}
    async with request.form() as said:
        for name, value in said.multi_items():
            if not isinstance(value, UploadFile):
                texts.append((name, value))
            elif value.filename:
                files[name] = await value.read()
    return Sent(PlaygroundForm.of(texts), files, dict(texts))
