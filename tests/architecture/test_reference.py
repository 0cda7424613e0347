"""The generated pages say what the program does today. When one fails: `make reference`, read the change, commit it."""

from pathlib import Path

import pytest

from easel.cli.reference import PAGES
from easel.settings import Settings

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), f"docs/reference/{name} is old; run `make reference`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_says_what_it_does(name: str) -> None:
    assert (Settings.model_fields[name].description or "").endswith("."), (
        f"{name} needs a description that is a sentence"
    )
