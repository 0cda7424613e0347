from pathlib import Path

import pytest

from easel.artifacts.blobs import BlobStore
from easel.domain.errors import NotFound


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "files" if request.param == "folder" else "memory:///")


def test_what_is_put_is_there_until_deleted(store: BlobStore) -> None:
    store.put("generations/0-a.png", b"one")
    store.put("generations/0-a.png", b"two")
    assert store.get("generations/0-a.png") == b"two"
    store.delete("generations/0-a.png")
    store.delete("generations/0-a.png")
    with pytest.raises(NotFound):
        store.get("generations/0-a.png")


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    store = BlobStore(tmp_path / "files")
    with pytest.raises(ValueError, match="illegal"):
        store.get("../secret")
