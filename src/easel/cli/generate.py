"""`easel generate`: pictures from a prompt, in this process, without a server."""

import hashlib
import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from easel.catalogue.entries import read_entries
from easel.catalogue.habits import defaults_for
from easel.catalogue.limits import Defaults, read_defaults
from easel.catalogue.weights import PACKAGE, weights_folder
from easel.domain.errors import GenerationFailed, InvalidRequest
from easel.domain.request import SEED_LIMIT, GenerationRequest
from easel.domain.sampling import Sampler, Spacing

STARTER = "easel-starter"
UNKNOWN_RESOLUTION = 512


def generate(
    prompt: str,
    /,
    *,
    out: Annotated[Path, Parameter(alias="-o", help="The PNG to write; further pictures get -2, -3 and so on.")] = Path(
        "out.png"
    ),
    model: Annotated[
        str, Parameter(help="A checkpoint: its folder in diffusers' layout, or a single .safetensors file.")
    ] = STARTER,
    tokenizer: Annotated[
        Path | None, Parameter(help="The folder of CLIP's vocabulary, for a single file; looked for otherwise.")
    ] = None,
    objective: Annotated[
        str | None, Parameter(help="epsilon or v_prediction, for a single file that does not say it.")
    ] = None,
    negative: Annotated[str, Parameter(help="What the picture should not show.")] = "",
    size: Annotated[str | None, Parameter(help="WIDTHxHEIGHT in pixels.")] = None,
    width: int | None = None,
    height: int | None = None,
    steps: int | None = None,
    guidance: Annotated[
        float | None, Parameter(help="How closely to follow the prompt; up to 1 is not guided.")
    ] = None,
    seed: Annotated[int | None, Parameter(help="The same seed gives the same picture; otherwise one is drawn.")] = None,
    samples: Annotated[int, Parameter(help="How many pictures; each has the seed after the last one's.")] = 1,
    sampler: Annotated[Sampler | None, Parameter(name_transform=str.lower)] = None,
    spacing: Spacing | None = None,
) -> None:
    """Draw what the prompt says. Size, steps, guidance and sampler are the model's own unless given."""
    folder = _folder(model, tokenizer, objective)
    own = defaults_of(model, folder)
    if size is not None:
        width, height = _size(size)
    request = GenerationRequest(
        model_id=Path(model).stem if Path(model).is_file() else folder.name,
        prompt=prompt,
        negative_prompt=negative,
        width=own.width if width is None else width,
        height=own.height if height is None else height,
        samples=samples,
        steps=own.steps if steps is None else steps,
        guidance=own.guidance if guidance is None else guidance,
        seed=secrets.randbelow(SEED_LIMIT) if seed is None else seed,
        sampler=sampler or own.sampler,
        spacing=spacing or own.spacing,
    )
    if samples < 1:
        raise InvalidRequest("samples", f"samples must be 1 or more, not {samples}.")
    if not out.parent.is_dir():
        raise InvalidRequest("out", f"There is no folder {out.parent}; make it first.")
    for index, image in enumerate(_draw(request, folder)):
        path = _write(request, index, image, out)
        print(f"{path} (seed {request.seed_of(index)})")


def defaults_of(model: str, folder: Path) -> Defaults:
    """What a request may leave out: what the catalogue says of a model it names, otherwise the family's habits."""
    from easel.engine.families.examine import examine

    for entry in read_entries():
        if entry.model_id == model:
            return read_defaults(entry.defaults)
    found = examine(folder)
    return defaults_for(found.family, found.resolution or UNKNOWN_RESOLUTION)


def _draw(request: GenerationRequest, folder: Path) -> list[Any]:
    """All pictures of the request, with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress as ProgressBar

    from easel.engine.engine import Engine
    from easel.engine.events import Failed, Finished, Progress
    from easel.engine.runner import TorchRunner

    engine = Engine(TorchRunner())
    for index in range(request.samples):
        engine.add(_picture(request, index, folder))
    images: dict[str, Any] = {}
    console = Console(stderr=True, highlight=False, markup=False)
    with ProgressBar(console=console, transient=True) as bar:
        drawing = bar.add_task("Drawing", total=request.samples * request.steps)
        done = dict.fromkeys(range(request.samples), 0)
        while not engine.is_idle:
            for event in engine.step():
                match event:
                    case Progress(id, step):
                        done[int(id)] = step
                        bar.update(drawing, completed=sum(done.values()))
                    case Finished(id, image, notes):
                        images[id] = image
                        for note in notes:
                            console.print(note)
                    case Failed(_, error):
                        raise GenerationFailed(error)
    return [images[str(index)] for index in range(request.samples)]


def _picture(request: GenerationRequest, index: int, folder: Path) -> Any:
    from easel.engine.families import family_of
    from easel.engine.request import Checkpoint, PictureRequest

    return PictureRequest(
        id=str(index),
        checkpoint=Checkpoint(name=request.model_id, family=family_of(folder), folder=folder),
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        steps=request.steps,
        guidance=request.guidance,
        seed=request.seed_of(index),
        sampler=request.sampler,
        spacing=request.spacing,
    )


def _write(request: GenerationRequest, index: int, image: Any, out: Path) -> Path:
    from easel.artifacts.encode import encode_png, infotext

    path = out if index == 0 else out.with_stem(f"{out.stem}-{index + 1}")
    path.write_bytes(encode_png(image, infotext(request, index=index, model_name=request.model_id, model_hash=None)))
    return path


def _folder(model: str, tokenizer: Path | None, objective: str | None) -> Path:
    """Where the checkpoint lies. Of a single file a folder is made in the data folder, at its first use."""
    if model == STARTER:
        return weights_folder(f"{PACKAGE}{STARTER}")
    path = Path(model).expanduser().resolve()
    return path if path.is_dir() else _folder_of_file(path, tokenizer, objective)


def _folder_of_file(path: Path, tokenizer: Path | None, objective: str | None) -> Path:
    from easel.cli.installing import convert_once, guess_of, read_single_file
    from easel.settings import Settings

    file, trained = read_single_file(path, objective=objective)
    about = path.stat()
    mark = hashlib.sha256(f"{path} {about.st_size} {about.st_mtime_ns} {trained.objective}".encode()).hexdigest()
    folder = Settings().data.resolve() / "models" / f"{path.stem}-{mark[:12]}"
    convert_once(file, trained, folder, tokenizer=tokenizer)
    for note in guess_of(trained):
        print(note, file=sys.stderr)
    return folder


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise InvalidRequest("size", f"Write the size as WIDTHxHEIGHT, for example 128x128, not {text!r}.")
    return int(width), int(height)
