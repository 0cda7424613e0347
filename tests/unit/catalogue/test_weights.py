"""Where weights lie."""

from pathlib import Path

import pytest

from easel.catalogue.weights import hub_repository, weights_folder


def test_a_folder_is_itself_and_a_package_name_lies_in_the_package() -> None:
    assert weights_folder("/models/sd2") == Path("/models/sd2")
    inside = weights_folder("package:easel-starter")
    assert inside.is_absolute()
    assert inside.parts[-3:] == ("easel", "weights", "easel-starter")


@pytest.mark.parametrize(("source", "repository"), [("hf:a/b", "a/b"), ("package:x", None), (None, None)])
def test_only_a_hub_source_names_a_repository(source: str | None, repository: str | None) -> None:
    assert hub_repository(source) == repository
