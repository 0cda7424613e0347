"""`multi_lingual`: prompts of any language in English, by whatever translator the operator has installed.

A translator is named in the settings: a Python function (`package.module:function`, from a text to its translation), or
a command, which reads the text from its standard input and writes the translation to its standard output.
"""

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Final, TypeAlias, cast

from easel.domain.errors import Unavailable

Translator: TypeAlias = Callable[[str], str]
"""From a text of any language to English. It may take its time: call it outside of transactions, on a thread."""

PATIENCE_SECONDS: Final = 20.0
AWAY: Final = "The translator does not answer: send the prompt in English, or leave out multi_lingual."


@dataclass(frozen=True, slots=True)
class Command:
    """A translator that is a program."""

    arguments: tuple[str, ...]
    patience: float = PATIENCE_SECONDS

    def __call__(self, text: str) -> str:
        """Raises Unavailable when the program fails, is slow, or says nothing."""
        try:
            done = subprocess.run(self.arguments, input=text.encode(), capture_output=True, timeout=self.patience)
        except (OSError, subprocess.TimeoutExpired):
            raise Unavailable(AWAY) from None
        said = done.stdout.decode("utf-8", errors="replace").strip()
        if done.returncode or not said:
            raise Unavailable(AWAY)
        return said


@dataclass(frozen=True, slots=True)
class Function:
    """A translator that is a Python function of somebody else."""

    function: Translator

    def __call__(self, text: str) -> str:
        """Raises Unavailable, whatever the function raises."""
        try:
            return self.function(text).strip()
        except Exception:
            raise Unavailable(AWAY) from None


def translator_named(setting: str) -> Translator:
    """Raises ValueError, with a sentence, for what cannot be one."""
    module, colon, name = setting.partition(":")
    if colon and module.replace(".", "").isidentifier() and name.isidentifier():
        return Function(_function(module, name))
    arguments = tuple(shlex.split(setting))
    if not arguments or shutil.which(arguments[0]) is None:
        raise ValueError(f"{setting!r} is neither a Python function (module:function) nor a command that is installed")
    return Command(arguments)


def _function(module: str, name: str) -> Translator:
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{module}:{name} cannot be imported ({error})") from None
    if not callable(found):
        raise ValueError(f"{module}:{name} is no function")
    return cast(Translator, found)
