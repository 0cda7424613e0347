from pathlib import Path

from transformers import CLIPTokenizer

from easel.train import tokenizer
from easel.train.captions import words


def test_every_word_of_the_world_is_one_token():
    vocabulary = tokenizer.build()
    assert [word for word in words() if len(vocabulary(word).input_ids) != 3] == []


def test_our_encoding_is_the_library_s():
    merges = tokenizer.learn_merges(words())
    vocabulary = tokenizer.build()
    for word in ("red", "sailboat", "unknownness", "hexagonal", "qqq"):
        assert vocabulary.tokenize(word) == tokenizer.apply(merges, word)


def test_case_does_not_matter_and_foreign_words_are_spelled_out():
    vocabulary = tokenizer.build()
    assert vocabulary("A RED Star").input_ids == vocabulary("a red star").input_ids
    assert vocabulary.decode(vocabulary("a zebra").input_ids, skip_special_tokens=True) == "a zebra"


def test_a_saved_tokenizer_is_the_same(tmp_path: Path):
    vocabulary = tokenizer.build()
    tokenizer.save(vocabulary, tmp_path)
    text = ["three red stars on a blue background", ""]
    again = CLIPTokenizer.from_pretrained(tmp_path)
    assert tokenizer.encode(again, text) == tokenizer.encode(vocabulary, text)
    assert all(len(ids) == tokenizer.LENGTH for ids in tokenizer.encode(again, text))
