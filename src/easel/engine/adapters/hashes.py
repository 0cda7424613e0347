"""What other tools know an adapter by."""

import hashlib
from functools import lru_cache
from pathlib import Path

CHUNK = 2**22


def autov3(file: Path) -> str:
    """SHA-256 of the tensors without the header, in hex: AUTOMATIC1111's AutoV3 and kohya's sshs_model_hash.

    The same weights keep it when somebody rewrites what the header says of them.
    """
    about = file.stat()
    return _autov3(file, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=256)
def _autov3(file: Path, changed: int, bytes: int) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as weights:
        weights.seek(8 + int.from_bytes(weights.read(8), "little"))
        while chunk := weights.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
