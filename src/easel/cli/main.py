"""The commands, one file per noun. Nothing heavy is imported before a command that needs it runs."""

import sys
from typing import Final

from cyclopts import App
from pydantic import ValidationError

from easel import __version__
from easel.domain.errors import DomainError

_TRAINING: Final = ("matplotlib", "skia", "tqdm")  # what the extra "train" installs

app = App(name="easel", version=__version__, help="A self-hosted image-generation cloud.")
app.command("easel.cli.serve:serve", name="serve", help="Start everything on this machine and keep it running.")
app.command("easel.cli.gateway:gateway", name="gateway", help="Run one HTTP process.")
app.command("easel.cli.worker:worker", name="worker", help="Run one drawing process.")
app.command("easel.cli.generate:generate", name="generate", help="Draw a picture, without a server.")
app.command("easel.cli.models:app", name="models", help="List, install and remove models.")
app.command("easel.cli.accounts:app", name="accounts", help="Create, list and credit accounts.")
app.command("easel.cli.keys:app", name="keys", help="Create, list and revoke API keys.")
app.command("easel.cli.ledger:app", name="ledger", help="Look at the money, and prove that it adds up.")
app.command("easel.cli.webhooks:app", name="webhooks", help="See what was told to whom, and tell it again.")
app.command("easel.cli.doctor:doctor", name="doctor", help="Say what is wrong with this installation.")
app.command("easel.cli.bench:bench", name="bench", help="Measure this machine, beside what others draw on it.")
app.command("easel.cli.train:app", name="train", help="Train the starter model, stage by stage.")


def main() -> None:
    """Run one command; an expected refusal is one sentence on stderr and exit code 1."""
    try:
        app()
    except DomainError as refusal:
        sys.exit(f"easel: {refusal}")
    except ValidationError as wrong:
        sys.exit(f"easel: {setting_problem(wrong)}")
    except ModuleNotFoundError as missing:
        if missing.name not in _TRAINING:
            raise
        sys.exit(f'easel: {missing.name} is not installed: install Easel with its extra "train", as easel[train].')


def setting_problem(wrong: ValidationError) -> str:
    """The first thing that is wrong with the settings, without the value, which may be a secret."""
    problem = wrong.errors()[0]
    if not problem["loc"]:  # about several that do not go together: the sentence names them
        return problem["msg"].removeprefix("Value error, ")
    return f"the setting {problem['loc'][0]} is wrong: {problem['msg']}"
