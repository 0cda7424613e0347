"""What every result names; shared with `easel bench`."""

from easel.bench.record import commit, machine, save

__all__ = ["commit", "machine", "save"]
