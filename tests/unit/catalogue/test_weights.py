"""Which folders hold weights that Easel loads."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from easel.catalogue.weights import check_weights, hub_repository, weights_folder
from easel.domain.errors import InvalidRequest

PARTS = ("unet", "vae", "text_encoder")


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Make a model folder whose parts hold the files named."""

    def make(index: str | None = None, **files: str) -> Path:
        (tmp_path / "model_index.json").write_text(json.dumps(dict.fromkeys(PARTS)) if index is None else index)
        for part in PARTS:
            (tmp_path / part).mkdir()
            (tmp_path / part / files.get(part, "model.safetensors")).write_bytes(b"")
        return tmp_path

    return make


def test_safetensors_are_taken(folder: Callable[..., Path]) -> None:
    check_weights(folder())


def test_a_pickle_beside_safetensors_is_never_read_and_does_not_matter(folder: Callable[..., Path]) -> None:
    made = folder()
    (made / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"")
    check_weights(made)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["model.bin", "model.ckpt", "model.pt", "model.pth"])
def test_a_pickle_is_refused_with_how_to_convert_it(folder: Callable[..., Path], part: str, name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"is a pickle.*safe_serialization=True"):
        check_weights(folder(**{part: name}))


def test_a_part_without_weights_is_refused(folder: Callable[..., Path]) -> None:
    with pytest.raises(InvalidRequest, match=r"vae holds no .safetensors file"):
        check_weights(folder(vae="config.json"))


def test_a_missing_part_is_refused(folder: Callable[..., Path]) -> None:
    made = folder()
    (made / "vae" / "model.safetensors").unlink()
    (made / "vae").rmdir()
    with pytest.raises(InvalidRequest, match=r"vae holds no .safetensors file"):
        check_weights(made)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"has no model_index\.json"):
        check_weights(tmp_path)


@pytest.mark.parametrize("index", ['{"transformer": []}', "[]", "null"])
def test_another_kind_of_model_is_refused(folder: Callable[..., Path], index: str) -> None:
    with pytest.raises(InvalidRequest, match="names no text_encoder and no unet and no vae"):
        check_weights(folder(index))


def test_a_torn_index_is_refused(folder: Callable[..., Path]) -> None:
    with pytest.raises(InvalidRequest, match="no valid JSON"):
        check_weights(folder('{"unet": ['))


def test_a_folder_is_itself_and_a_package_name_lies_in_the_package() -> None:
    assert weights_folder("/models/sd2") == Path("/models/sd2")
    inside = weights_folder("package:easel-starter")
    assert inside.is_absolute()
    assert inside.parts[-3:] == ("easel", "weights", "easel-starter")


@pytest.mark.parametrize(("source", "repository"), [("hf:a/b", "a/b"), ("package:x", None), (None, None)])
def test_only_a_hub_source_names_a_repository(source: str | None, repository: str | None) -> None:
    assert hub_repository(source) == repository
