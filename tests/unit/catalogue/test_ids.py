"""Which ids a model, and whoever it is from, may have: they stand in addresses."""

import pytest

from easel.catalogue.queries import check_id
from easel.domain.errors import InvalidRequest


@pytest.mark.parametrize("model_id", ["stable-diffu", "2-v1", "a", "my_model.v1.5", "a.mdx", "md", "x" * 100])
def test_an_id_that_an_address_can_carry(model_id: str) -> None:
    check_id(model_id)


@pytest.mark.parametrize(
    "model_id",
    ["", "..", ".a", "-a", "a/b", "a b", "a?b", "a#b", "a%20", "\N{LATIN SMALL LETTER E WITH ACUTE}", "A", "x" * 101],
)
def test_what_an_address_cannot_carry_is_refused(model_id: str) -> None:
    with pytest.raises(InvalidRequest, match="A provider is made of lower-case letters") as refusal:
        check_id(model_id, "provider")
    assert refusal.value.field == "provider"


def test_the_ending_of_a_markdown_page_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"A model_id does not end in \.md.* leave the ending out of 'read\.md'"):
        check_id("read.md")
