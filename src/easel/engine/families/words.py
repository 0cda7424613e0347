"""Prompts that a checkpoint of a small world cannot follow.

Its folder may hold a words.json: {"words": [every word that means something to it], "knows": "what it can draw"}.
Folders without one take any word.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from easel.domain.errors import InvalidRequest
from easel.engine.families.folder import Stamp, read_settings, stamp
from easel.engine.request import Checkpoint

FILE = "words.json"
QUOTED = 5
"""How many of the words a note repeats."""
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+")


def note_strangers(checkpoint: Checkpoint, prompt: str, named: Iterable[str] = ()) -> tuple[str, ...]:
    """A note of the prompt's words that the checkpoint does not know, and of what it does; none where it knows all.

    `named` are names that stand for something else than words, such as embeddings'.
    """
    world = _world_of(checkpoint.folder, stamp([checkpoint.folder / FILE]))
    if world is None:
        return ()
    words, knows = world
    words |= {word for name in named for word in WORD.findall(name.lower())}
    strangers = list(dict.fromkeys(word for word in WORD.findall(prompt.lower()) if word not in words))
    if not strangers:
        return ()
    quoted = ", ".join(f'"{word[:40]}"' for word in strangers[:QUOTED])
    more = f" and {len(strangers) - QUOTED} more" if len(strangers) > QUOTED else ""
    return (f"{checkpoint.name} does not know {quoted}{more}. It knows {knows}.",)


@lru_cache(maxsize=64)
def _world_of(folder: Path, stamp: Stamp) -> tuple[frozenset[str], str] | None:
    """None where the folder has no such file, or one that is not understood: a note is not worth a refusal."""
    if not stamp:
        return None
    try:
        said = read_settings(folder, FILE)
    except InvalidRequest:
        return None
    words, knows = said.get("words"), said.get("knows")
    if not isinstance(words, list) or not isinstance(knows, str):
        return None
    return frozenset(str(word).lower() for word in words), knows
