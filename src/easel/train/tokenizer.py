"""A CLIP tokenizer of its own small vocabulary: bytes, and merges that make every word of the world one token.

Sennrich et al. 2016, arXiv:1508.07909 (byte-pair encoding); Radford et al. 2021, arXiv:2103.00020 (CLIP's variant).
"""

import itertools
from pathlib import Path
from typing import Final

from transformers import CLIPTokenizer

from easel.train.captions import words

LENGTH: Final = 32
START: Final = "<|startoftext|>"
END: Final = "<|endoftext|>"
Merge = tuple[str, str]


def byte_letters() -> list[str]:
    """The printable letter that stands for each of the 256 bytes (GPT-2's table, which CLIP shares)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(rest))]


def apply(merges: list[Merge], word: str) -> list[str]:
    """Byte-pair encoding of one word: the merge learned first goes first."""
    symbols = [*word[:-1], word[-1] + "</w>"]
    rank = {merge: i for i, merge in enumerate(merges)}
    while len(symbols) > 1:
        pairs = [(rank[pair], i) for i, pair in enumerate(itertools.pairwise(symbols)) if pair in rank]
        if not pairs:
            break
        _, at = min(pairs)
        symbols[at : at + 2] = ["".join(symbols[at : at + 2])]
    return symbols


def learn_merges(vocabulary: list[str]) -> list[Merge]:
    """For each word in turn, add the merges that its symbols still lack.

    A later merge cannot break an earlier word: merges go by rank, and the earlier word is whole before its turn comes.
    """
    merges: list[Merge] = []
    for word in vocabulary:
        symbols = apply(merges, word)
        while len(symbols) > 1:
            merges.append((symbols[0], symbols[1]))
            symbols = ["".join(symbols[:2]), *symbols[2:]]
    return merges


def build() -> CLIPTokenizer:
    merges = learn_merges(words())
    letters = byte_letters()
    pieces = [*letters, *(letter + "</w>" for letter in letters), *("".join(merge) for merge in merges), START, END]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)


def save(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """tokenizer.json and, for older readers, vocab.json and merges.txt."""
    tokenizer.save_pretrained(folder)
    if not (folder / "merges.txt").exists():
        tokenizer.backend_tokenizer.model.save(str(folder))


def encode(tokenizer: CLIPTokenizer, texts: list[str]) -> list[list[int]]:
    """Token ids, cut or padded to LENGTH, just as a diffusers pipeline asks for them."""
    return tokenizer(texts, padding="max_length", max_length=LENGTH, truncation=True).input_ids  # type: ignore[no-any-return]
