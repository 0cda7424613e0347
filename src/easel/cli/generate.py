"""`easel generate`: pictures from a prompt, in this process, without a server."""

import json
import secrets
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from easel.catalogue.entries import read_entries
from easel.catalogue.limits import Defaults, read_defaults
from easel.catalogue.weights import PACKAGE, weights_folder
from easel.domain.errors import GenerationFailed, InvalidRequest
from easel.domain.request import SEED_LIMIT, GenerationRequest
from easel.domain.sampling import Sampler, Spacing

STARTER = "easel-starter"


def generate(
    prompt: str,
    /,
    *,
    out: Annotated[Path, Parameter(alias="-o", help="The PNG to write; further pictures get -2, -3 and so on.")] = Path(
        "out.png"
    ),
    model: Annotated[str, Parameter(help="A checkpoint's folder in diffusers' layout.")] = STARTER,
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
    folder = _folder(model)
    own = defaults_of(model, folder)
    if size is not None:
        width, height = _size(size)
    request = GenerationRequest(
        model_id=folder.name,
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
    """What a request may leave out: what the catalogue says of a model it names, otherwise the field's habits."""
    for entry in read_entries():
        if entry.model_id == model:
            return read_defaults(entry.defaults)
    pixels = 8 * _read_json(folder / "unet" / "config.json").get("sample_size", 64)
    return Defaults(width=pixels, height=pixels, steps=25, guidance=7.5, sampler=Sampler.DDIM, spacing=Spacing.MODEL)


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


def _folder(model: str) -> Path:
    folder = weights_folder(f"{PACKAGE}{STARTER}") if model == STARTER else Path(model)
    if not (folder / "unet" / "config.json").is_file():
        raise InvalidRequest("model", f"{folder} is no checkpoint in diffusers' layout: it has no unet/config.json.")
    return folder.resolve()


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise InvalidRequest("size", f"Write the size as WIDTHxHEIGHT, for example 128x128, not {text!r}.")
    return int(width), int(height)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise InvalidRequest("model", f"{path} is no valid JSON; save the checkpoint again.") from None
