"""CLIP's vocabulary, which no single-file checkpoint has, from wherever on this machine it lies. No torch here.

All families here read words with the same byte-pair encoding of 49,408 words (https://github.com/openai/CLIP); what
differs is what a text is filled up with: Stable Diffusion 2 and SDXL's second encoder were trained with "!", the first
word, and the others with the word that ends a text.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from easel.domain.errors import InvalidRequest

START, END = "<|startoftext|>", "<|endoftext|>"
OPEN_CLIPS_FILE = "bpe_simple_vocab_16e6.txt.gz"
MERGES_READ = 49152 - 256 - 2
"""Of the longer list in that file, by the encoder that CLIP was trained with."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words and their numbers, and the pairs that are merged, the most frequent first."""

    words: dict[str, int]
    merges: list[str]

    def write(self, folder: Path, *, length: int, pad: str) -> None:
        """As CLIPTokenizer reads it. `length` is how many words a text has at most, with those at its ends."""
        folder.mkdir(parents=True)
        named = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": pad}
        about = {"tokenizer_class": "CLIPTokenizer", "model_max_length": length, **named}
        _write(folder / "vocab.json", json.dumps(self.words, ensure_ascii=False))
        _write(folder / "merges.txt", "\n".join(["#version: 0.2", *self.merges, ""]))
        _write(folder / "special_tokens_map.json", json.dumps(named, indent=2))
        _write(folder / "tokenizer_config.json", json.dumps(about, indent=2))


def find_vocabulary(size: int, folders: Iterable[Path], *, given: Path | None = None) -> Vocabulary:
    """The first of `size` words: from `given`, else from checkpoints' folders, the hub's cache, or open_clip's package.

    Raises InvalidRequest, with a sentence that says where to get one.
    """
    if given:
        found = [vocabulary for vocabulary in _of_folder(given)]
        if not found:
            raise InvalidRequest("tokenizer", f"{given} holds no vocab.json with merges.txt, and no tokenizer.json.")
    else:
        found = _everywhere(folders)
    for vocabulary in found:
        if len(vocabulary.words) == size and {START, END} <= vocabulary.words.keys():
            return vocabulary
    raise InvalidRequest(
        "tokenizer",
        f"The file holds no vocabulary (a single file never does), and {given or 'this machine'} has none of "
        f"{size:,} words; say where one is, such as the tokenizer folder of any Stable Diffusion checkpoint: "
        "--tokenizer FOLDER",
    )


def _everywhere(folders: Iterable[Path]) -> Iterator[Vocabulary]:
    for folder in (*folders, *_hub_folders()):
        yield from _of_folder(folder)
    spec = find_spec("open_clip")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(place) / OPEN_CLIPS_FILE
        if file.is_file():
            yield read_open_clips(file)


def _hub_folders() -> list[Path]:
    """Whatever the hub's cache has of CLIP and of checkpoints: the folders of their snapshots."""
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:
        return []
    cache = Path(HF_HUB_CACHE)
    return sorted(cache.glob("models--*/snapshots/*/tokenizer")) + sorted(cache.glob("models--*clip*/snapshots/*"))


def _of_folder(folder: Path) -> Iterator[Vocabulary]:
    for place in (folder, folder / "tokenizer", folder / "tokenizer_2"):
        try:
            if (place / "vocab.json").is_file() and (place / "merges.txt").is_file():
                words = json.loads((place / "vocab.json").read_text("utf-8"))
                merges = (place / "merges.txt").read_text("utf-8").split("\n")
                yield Vocabulary(dict(words), [line for line in merges if line and not line.startswith("#version")])
            elif (place / "tokenizer.json").is_file():
                yield _of_tokenizer(json.loads((place / "tokenizer.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            continue  # damaged, or another kind of tokenizer


def _of_tokenizer(tokenizer: dict[str, Any]) -> Vocabulary:
    model = tokenizer["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return Vocabulary(dict(model["vocab"]), merges)


def read_open_clips(file: Path) -> Vocabulary:
    """The list of merges that CLIP and open_clip come with; the words follow from it."""
    lines = gzip.decompress(file.read_bytes()).decode("utf-8").split("\n")
    merges = lines[1 : MERGES_READ + 1]
    letters = list(_letters())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(line.split()) for line in merges)]
    return Vocabulary({word: number for number, word in enumerate([*words, START, END])}, merges)


def _letters() -> Iterator[str]:
    """A printable character for each byte: its own where it has one, the next beyond 255 otherwise (GPT-2's way)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    yield from map(chr, printable)
    yield from (chr(256 + number) for number in range(256 - len(printable)))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
