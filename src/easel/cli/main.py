"""The commands, one file per noun. Nothing heavy is imported before a command that needs it runs."""

import sys

from cyclopts import App

from easel import __version__
from easel.domain.errors import DomainError

app = App(name="easel", version=__version__, help="A self-hosted image-generation cloud.")
app.command("easel.cli.serve:serve")
app.command("easel.cli.gateway:gateway")
app.command("easel.cli.worker:worker")
app.command("easel.cli.generate:generate")
app.command("easel.cli.models:app", name="models")
app.command("easel.cli.accounts:app", name="accounts")
app.command("easel.cli.keys:app", name="keys")
app.command("easel.cli.ledger:app", name="ledger")
app.command("easel.cli.train:app", name="train")


def main() -> None:
    """Run one command; an expected refusal is one sentence on stderr and exit code 1."""
    try:
        app()
    except DomainError as refusal:
        print(f"easel: {refusal}", file=sys.stderr)
        sys.exit(1)
