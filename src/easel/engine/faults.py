"""torch's ways of saying that memory or the device is gone, in the engine's words."""

import gc
import re
from collections.abc import Generator
from contextlib import contextmanager

import torch

from easel.engine.failures import DeviceLost, OutOfMemory

UNITS = {"bytes": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}

# Of the CPU's allocator, and of libraries on the GPU that ask for workspace.
SHORT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "ALLOC_FAILED")

DEVICE_ERRORS = ("CUDA", "CUBLAS", "CUDNN", "cuDNN", "NCCL")


@contextmanager
def faults_named() -> Generator[None]:
    """Raises OutOfMemory or DeviceLost in place of torch's own. Also a decorator."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one, too
        said = str(error)
        if isinstance(error, torch.OutOfMemoryError) or any(words in said for words in SHORT_OF_MEMORY):
            _let_go()
            raise OutOfMemory(bytes_named(said)) from error
        if any(name in said for name in DEVICE_ERRORS) and _is_lost():
            raise DeviceLost(said.splitlines()[0]) from error
        raise
    except MemoryError as error:
        raise OutOfMemory() from error


def bytes_named(message: str) -> int | None:
    """How much torch's message says that it tried to allocate."""
    found = re.search(r"tried to allocate (\d+(?:\.\d+)?) ?(\w+)", message, re.IGNORECASE)
    return int(float(found[1]) * UNITS.get(found[2], 1)) if found else None


def _let_go() -> None:
    """What is not in use goes back, so that the next try finds all there is."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _is_lost() -> bool:
    """A CUDA error that sticks makes every further call fail, the simplest included."""
    try:
        torch.ones(1, device="cuda").item()
    except RuntimeError:
        return True
    return False
