"""Tags in prompts: what they ask for, and that no word is lost with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.errors import InvalidRequest
from easel.domain.prompt_tags import Tag, put_adapters, take_adapters, take_tags
from easel.domain.request import AdapterUse


@pytest.mark.parametrize(
    ("tag", "use"),
    [
        ("<lora:style>", AdapterUse("style", 1.0)),
        ("<lora:style:0.8>", AdapterUse("style", 0.8)),
        ("<lora: style : 0.8 >", AdapterUse("style", 0.8)),
        ("<lora:style:-1>", AdapterUse("style", -1.0)),
        ("<lora:style:0.8:0.5>", AdapterUse("style", 0.5, 0.8)),
        ("<lora:style:unet=0.8:te=0.5>", AdapterUse("style", 0.8, 0.5)),
        ("<lora:style:te=0.5:unet=0.8>", AdapterUse("style", 0.8, 0.5)),
        ("<lora:style:unet=0.8>", AdapterUse("style", 0.8, 1.0)),
        ("<lora:style:te=0.5>", AdapterUse("style", 0.5)),
        ("<lora:style:0.8:te=0>", AdapterUse("style", 0.0)),
        ("<lora:style:0.8:unet=0.3>", AdapterUse("style", 0.3, 0.8)),
    ],
)
def test_a_lora_is_asked_for_at_its_strengths(tag: str, use: AdapterUse) -> None:
    assert take_adapters(f"a cat {tag}") == ("a cat", (use,))


@pytest.mark.parametrize(
    "tag", ["<lora::1>", "<lora:style:much>", "<lora:style:1:1:1>", "<lora:style:vae=1>", "<lora: >", "<lora:a:>"]
)
def test_a_tag_that_cannot_be_read_is_refused_and_quoted(tag: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        take_adapters(f"a cat {tag}")
    assert refusal.value.field == "prompt"
    assert refusal.value.message.startswith(tag)


def test_other_tags_and_plain_angles_are_left_for_others() -> None:
    prompt = "a <3 cat> <hypernet:x:1> <lora> 1 < 2"
    assert take_adapters(prompt) == (prompt, ())
    assert take_tags(prompt) == ("a <3 cat>  <lora> 1 < 2", (Tag("hypernet", "x:1"),))


def test_a_prompt_may_be_tags_alone() -> None:
    assert take_adapters("<lora:a><lora:b:0.5>") == ("", (AdapterUse("a"), AdapterUse("b", 0.5)))


@given(
    st.lists(
        st.builds(
            AdapterUse,
            st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True),
            st.floats(-2, 2).map(lambda number: round(number, 6)),
            st.none() | st.floats(-2, 2).map(lambda number: round(number, 6)),
        ),
        max_size=4,
    )
)
def test_what_is_written_into_a_prompt_is_read_back(uses: list[AdapterUse]) -> None:
    prompt, read = take_adapters(put_adapters("a cat", tuple(uses)))
    assert prompt == "a cat"
    assert [strengths(use) for use in read] == [strengths(use) for use in uses]


def strengths(use: AdapterUse) -> tuple[str, float, float]:
    return use.model_id, use.strength, use.strength if use.text_strength is None else use.text_strength


@given(st.text(max_size=80), st.text(max_size=20))
def test_any_text_can_be_read(before: str, after: str) -> None:
    take_tags(before)
    without, tags = take_tags(f"{before}cat<any:thing>dog{after}")
    assert any(tag.name == "any" or "cat" in tag.arguments for tag in tags)
    assert "dog" in without
