"""What may go wrong in a runner and is not the picture's own fault. No torch here."""

MIB = 2**20


class OutOfMemory(MemoryError):
    """The device has no room for the call; a smaller one may fit."""

    def __init__(self, needed: int | None = None) -> None:
        """`needed`: bytes of the allocation that failed, where they are known."""
        super().__init__(f"{needed} bytes could not be had" if needed else "out of memory")
        self.needed = needed


class DeviceLost(Exception):
    """The device answers nothing any more: every further call of this process would fail, whoever's it is."""


def too_large(error: MemoryError) -> str:
    """The sentence for a picture that does not fit, not even alone."""
    needed = error.needed if isinstance(error, OutOfMemory) else None
    much = f"{max(1, round(needed / MIB)):,} MiB of memory more than" if needed else "more memory than"
    return f"The picture needs {much} this machine has free: ask for a smaller width and height, or try again later."
