"""Where bytes live: a folder, or S3, GCS or Azure by URL."""

from datetime import datetime
from pathlib import Path

from obstore.store import LocalStore, MemoryStore, from_url

from easel.domain.errors import NotFound


class BlobStore:
    """Bytes by key. A key is made by us, never by a customer: `generations/0-<uuid>.png`."""

    def __init__(self, location: Path | str) -> None:
        """`location`: a folder, or a URL such as s3://bucket/prefix, gs://..., az://..., file:///..., memory:///."""
        if isinstance(location, Path):
            self._store = LocalStore(location.expanduser().resolve(), mkdir=True)
        elif location.startswith("memory:"):
            self._store = MemoryStore()
        else:
            self._store = from_url(location)

    def put(self, key: str, data: bytes) -> None:
        self._store.put(key, data)

    def get(self, key: str) -> bytes:
        """Raises NotFound for a key nobody has put."""
        try:
            return bytes(self._store.get(key).bytes())
        except FileNotFoundError:
            raise NotFound("This file is not here; it may have been deleted or not been drawn yet.") from None

    def delete_older(self, folder: str, before: datetime) -> int:
        """Delete what was put into the folder before then; answers how many. Only for folders that stay small."""
        old = [
            found["path"]
            for chunk in self._store.list(prefix=folder)
            for found in chunk
            if found["last_modified"] < before
        ]
        for key in old:
            self.delete(key)
        return len(old)

    def delete(self, key: str) -> None:
        try:
            self._store.delete(key)
        except FileNotFoundError:
            return  # gone is what was asked for
