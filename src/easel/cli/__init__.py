"""The `easel` command."""

from easel.cli.main import main

__all__ = ["main"]
