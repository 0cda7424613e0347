"""Pages of docs/reference that come from the program itself.

`make reference` rewrites them; a test fails when one is out of date.
"""

import io
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, get_args, get_origin

from cyclopts import App
from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from rich.console import Console

from easel.cli.main import app
from easel.gateway.dialects.modelslab.checking import Checked
from easel.gateway.dialects.modelslab.deeds import CHANGE, KEEPS, LOOK, NOT_HERE, OPERATE
from easel.gateway.dialects.modelslab.loading import LoadModel
from easel.gateway.dialects.modelslab.paths import ALIASES, DOORS, NSFW_IMAGE_CHECK
from easel.gateway.dialects.modelslab.schedulers import SCHEDULERS, choose
from easel.gateway.dialects.modelslab.schemas import ControlNet, Img2Img, Inpaint, Pictured, Text2Img
from easel.gateway.dialects.modelslab.unserved import NAMES_A_MODEL, SAID, WITHOUT_A_WORD
from easel.settings import Settings

WIDTH: Final = 100


def settings_page() -> str:
    """Every setting: its variables, its default and what it does."""
    rows = [_setting(name, field) for name, field in Settings.model_fields.items()]
    return (
        "# Settings\n\n"
        "Environment variables that a command reads when it starts. "
        "Made by `make reference` from `src/easel/settings.py`.\n\n"
        "| variable | type | default | what it does |\n|---|---|---|---|\n" + "".join(rows)
    )


def cli_page() -> str:
    """The help of every command, as the terminal shows it."""
    sections = [f"## {' '.join(command)}\n\n```\n{_help(command)}\n```\n" for command in commands()]
    return "# Commands\n\nMade by `make reference` from the commands' own help.\n\n" + "\n".join(sections)


def modelslab_page() -> str:
    """What the ModelsLab dialect takes, and what becomes of it."""
    doors = "".join(f"| `{door.path}` | {door.operation} | `{door.fetch}` |\n" for door in DOORS)
    honoured = _fields(Pictured)
    of_img2img = _fields(Img2Img, beyond=Pictured)
    of_inpaint = _fields(Inpaint, beyond=Img2Img)
    of_text, of_controls = _fields(Text2Img, beyond=Pictured), _fields(ControlNet, beyond=Pictured)
    refused = ", ".join(f"`{name}`" for name in (*NAMES_A_MODEL, "ip_adapter_image"))
    said = "".join(f"| `{field}` | {what} |\n" for field, what in SAID.items())
    silent = "".join(f"| `{field}` | {why} |\n" for field, why in WITHOUT_A_WORD.items())
    schedulers = "".join(f"| `{name}` | `{_drawn_by(name)}` |\n" for name in SCHEDULERS)
    deeds = "".join(f"| {deed.title} | {_paths(deed.paths)} | {deed.scope} |\n" for deed in (*LOOK, *CHANGE, *OPERATE))
    kept = "".join(f"| {keep.title} | {_paths(keep.paths)} | generate |\n" for keep in KEEPS)
    kept += f"| Check a picture | {_paths(NSFW_IMAGE_CHECK)} | generate |\n"
    checking, loading = _fields(Checked), _fields(LoadModel)
    missing = "".join(f"| {deed.title} | {_paths(deed.paths)} |\n" for deed in NOT_HERE)
    return f"""# The ModelsLab API

Made by `make reference` from the gateway's own tables.

## Paths

| submit | what it does | fetch, with the id after a slash or as `request_id` |
|---|---|---|
{doors}
Any id can be fetched at any of the fetch paths.

## Fields that are honoured

Numbers may be numbers or text, switches may be yes and no or true and false; `null` and the empty text are as good as
leaving a field out.

| field | default | what it does |
|---|---|---|
{honoured}
Text to image also has this one.

| field | default | what it does |
|---|---|---|
{of_text}
Image to image has the first ones and these. The picture is as large as `init_image`; `width` and `height` do not
change that.

| field | default | what it does |
|---|---|---|
{of_img2img}
Inpainting has those and this one. The picture is as large as `init_image`, unless `width` and `height` say otherwise.

| field | default | what it does |
|---|---|---|
{of_inpaint}
The routes of ControlNets have these beside the first ones. The picture is as large as `init_image` or
`control_image`, unless `width` and `height` say otherwise.

| field | default | what it does |
|---|---|---|
{of_controls}
## Fields that are not available

Without these another picture would come out, so a request that names one is refused: {refused}.

These are named in the answer's `warning`, with what was done:

| field | what was done |
|---|---|
{said}
These need no answer:

| field | why |
|---|---|
{silent}
Fields that nobody knows are ignored, as the original does.

## Beside drawing

| what | where | scope of the key |
|---|---|---|
{deeds}{kept}
What stands below `/api/v1/enterprise` also does below its `/images`, `/community`, `/txt2img` and `/realtime`.

A picture is checked by a worker that has a safety checker (`EASEL_SAFETY_CHECKER`); where none has one, the answer says
so at once. The same picture sent again within the hour has the same answer. It takes these fields:

| field | default | what it does |
|---|---|---|
{checking}
Models can be searched below `/api/agents/v1/models` and `/api/v6/model-search`, with `/filters`, `/tags`,
`/providers` and `/MODEL_ID`, in the envelope of ModelsLab's agents API. The keys of operators need the scope admin,
and their account a role that may manage models. What has a model installed takes these fields; the first request begins
it, a worker carries it out, and repeating the same request answers what it came to:

| field | default | what it does |
|---|---|---|
{loading}
Restarting and updating are refused, as is the following, with a sentence that says where it is done instead:

| what | where |
|---|---|
{missing}
## Schedulers

`meta.scheduler` of an answer says which was really used, and `warning` says so when it is another one.

| `scheduler` | drawn by |
|---|---|
{schedulers}"""


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "settings.md": settings_page,
    "cli.md": cli_page,
    "modelslab.md": modelslab_page,
}


def commands(below: App = app, name: tuple[str, ...] = ("easel",)) -> Iterator[tuple[str, ...]]:
    """Every command with the words that call it, the program itself first."""
    yield name
    for word in below:
        if not word.startswith("-") and below[word].show:
            yield from commands(below[word], (*name, word))


def _fields(schema: type[BaseModel], beyond: type[BaseModel] = BaseModel) -> str:
    """The schema's fields, but for those that it has from another one."""
    known = beyond.model_fields
    return "".join(_field(name, field) for name, field in schema.model_fields.items() if name not in known)


def _field(name: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else "" if field.default in (None, "") else f"`{field.default}`"
    return f"| `{name}` | {default} | {field.description} |\n"


def _paths(paths: tuple[str, ...]) -> str:
    """Those of the enterprise prefixes once."""
    shown = [path for path in paths if not path.startswith(ALIASES)]
    return ", ".join(f"`{path}`" for path in shown)


def _drawn_by(scheduler: str) -> str:
    return str(choose(scheduler, None).sampler)


def _setting(name: str, field: FieldInfo) -> str:
    default = "" if field.default is None else f"`{field.default}`"
    variables = ", ".join(f"`{variable}`" for variable in _variables(name, field))
    return f"| {variables} | {_type(field.annotation)} | {default} | {field.description} |\n"


def _variables(name: str, field: FieldInfo) -> list[str]:
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices]
    return [f"EASEL_{name.upper()}"]


def _type(annotation: object) -> str:
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)] or [annotation]
    plain = (get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in kinds)
    return " or ".join(getattr(kind, "__name__", str(kind)) for kind in plain).lower()


def _help(command: tuple[str, ...]) -> str:
    page = io.StringIO()
    app.help_print(command[1:], console=Console(file=page, width=WIDTH, color_system=None, legacy_windows=False))
    return "\n".join(line.rstrip() for line in page.getvalue().strip().splitlines())


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference")
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page())


if __name__ == "__main__":
    main()
