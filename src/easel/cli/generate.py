"""`easel generate`: pictures from a prompt, in this process, without a server."""

import hashlib
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from easel.artifacts.blobs import BlobStore
from easel.artifacts.inputs import StoredInput, store_input, store_mask
from easel.artifacts.store import SUFFIXES
from easel.catalogue.adapters import STRONGEST
from easel.catalogue.controls import check_kind, check_numbers
from easel.catalogue.entries import read_entries
from easel.catalogue.finishing import check_finishing
from easel.catalogue.habits import defaults_for, limits_for
from easel.catalogue.limits import Defaults, Limits, for_size, read_defaults, read_limits, with_second_pass
from easel.catalogue.sources import check_sources, size_like
from easel.catalogue.weights import PACKAGE, weights_folder
from easel.domain.controls import type_named
from easel.domain.errors import GenerationFailed, InvalidRequest
from easel.domain.request import SEED_LIMIT, AdapterUse, ControlUse, Extras, GenerationRequest, SecondPass
from easel.domain.sampling import Sampler, Spacing
from easel.wording.screen import refuse_minors
from easel.wording.styles import enhanced

STARTER = "easel-starter"
UNKNOWN_RESOLUTION = 512

Format: TypeAlias = Literal["png", "jpeg", "webp"]
FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What the pictures are drawn with beside the checkpoint."""

    loras: list[Path]
    embeddings: list[Path]
    vae: Path | None
    controls: list[Path]
    """Folders of ControlNets, in the request's order."""
    upscaler: Path | None


def generate(
    prompt: str,
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(alias="-o", help="The file to write, out.png otherwise; further pictures get -2, -3 and so on."),
    ] = None,
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
    image: Annotated[Path | None, Parameter(help="A picture to begin from.")] = None,
    mask: Annotated[Path | None, Parameter(help="Of the picture: what is white is drawn anew, black is kept.")] = None,
    strength: Annotated[float, Parameter(help="How much of the picture is drawn anew, from 0 to 1.")] = 0.7,
    mask_blur: Annotated[float, Parameter(help="Pixels over which the mask's edge is softened.")] = 4.0,
    format: Annotated[Format | None, Parameter(help="What the file's name says otherwise.")] = None,
    quality: Annotated[int, Parameter(help="Of JPEG and WebP, from 1 to 100.")] = 95,
    lora: Annotated[
        list[str] | None,
        Parameter(help="A LoRA's .safetensors file and how much of it, like FILE:0.8. May be given several times."),
    ] = None,
    embedding: Annotated[
        list[Path] | None,
        Parameter(
            help="A textual inversion's .safetensors file; the prompt names it by the file's name, without the ending. "
            "May be given several times."
        ),
    ] = None,
    vae: Annotated[
        Path | None, Parameter(help="Another autoencoder: a folder in diffusers' layout or a .safetensors file.")
    ] = None,
    clip_skip: Annotated[int, Parameter(help="2 reads the text encoder's last layer but one, and so on.")] = 1,
    control: Annotated[
        list[str] | None,
        Parameter(
            help="A ControlNet, like canny:PICTURE:MODEL:0.8: what is made of the picture (none where it is a hint "
            "already), the picture, the ControlNet's folder or .safetensors file, and how much of it. May be given "
            "several times."
        ),
    ] = None,
    second_pass: Annotated[
        float | None,
        Parameter(help="Draw small first, enlarge so many times, and draw again from there; --size is the first's."),
    ] = None,
    second_strength: Annotated[float, Parameter(help="How much the second pass draws anew, from 0 to 1.")] = 0.6,
    panorama: Annotated[
        bool, Parameter(negative="", help="Draw what is larger than the model's own size in windows of that size.")
    ] = False,
    self_attention: Annotated[
        float, Parameter(help="Scale of self-attention guidance: 0.75 is usual, 0 is none.")
    ] = 0.0,
    free_u: Annotated[bool, Parameter(negative="", help="FreeU: stronger shapes, less noise in the details.")] = False,
    upscale: Annotated[int, Parameter(help="Enlarge the picture so many times, 1 to 4.")] = 1,
    upscaler: Annotated[
        Path | None,
        Parameter(help="By this network, an ESRGAN or Real-ESRGAN .safetensors file; resampled otherwise."),
    ] = None,
    enhance: Annotated[bool, Parameter(negative="", help="Make the prompts richer.")] = False,
    style: Annotated[str | None, Parameter(help="Draw in a style, such as anime, watercolor or line-art.")] = None,
) -> None:
    """Draw what the prompt says. Size, steps, guidance and sampler are the model's own unless given.

    A picture that begins from another has that one's size, as near as the model can draw it.
    """
    refuse_minors(prompt, negative)
    if enhance or style:
        prompt, negative = enhanced(prompt, negative, style=style)
    folder = _folder(model, tokenizer, objective)
    own, limits = habits_of(model, folder)
    if size is not None:
        width, height = _size(size)
    out, format = _file(out, format)
    blobs, sources = BlobStore("memory:///"), dict[str, StoredInput]()
    if image is not None:
        sources["init_image"] = store_input(blobs, _read(image), field="image")
    if mask is not None:
        sources["mask_image"] = store_mask(blobs, _read(mask), field="mask")
    loras = [_lora(text) for text in lora or []]
    steered = [_control(text, blobs) for text in control or []]
    files = Files(
        loras=[file for file, _ in loras],
        embeddings=[_there("embedding", file) for file in embedding or []],
        vae=_there("vae", vae) if vae else None,
        controls=[folder for _, folder, _ in steered],
        upscaler=_there("upscaler", upscaler) if upscaler else None,
    )
    extras = Extras(
        adapters=tuple(AdapterUse(file.stem, strength) for file, strength in loras),
        embeddings=tuple(file.stem for file in files.embeddings),
        vae=files.vae.stem if files.vae else None,
        clip_skip=clip_skip,
        controls=tuple(use for use, _, _ in steered),
        **{name: stored.key for name, stored in sources.items()},
        strength=strength,
        mask_blur=mask_blur,
        second_pass=None if second_pass is None else SecondPass(scale=second_pass, strength=second_strength),
        panorama=panorama,
        self_attention=self_attention,
        free_u=free_u,
        upscale=upscale,
        upscaler=files.upscaler.stem if files.upscaler else None,
        output_format=format,
        output_quality=quality,
    )
    stored = [*sources.values(), *(hint for _, _, hint in steered)]
    sizes = {one.key: (one.width, one.height) for one in stored}
    check_sources(extras, sizes)
    for use in extras.controls:
        check_kind(use.kind, has_mask=mask is not None)
    if stored:
        shape = (limits.min_size, limits.max_size, limits.multiple_of)
        width, height = size_like(sizes[stored[0].key], width, height, *shape)
    first, extras = with_second_pass(
        extras, (own.width if width is None else width, own.height if height is None else height), limits
    )
    request = GenerationRequest(
        model_id=Path(model).stem if Path(model).is_file() else folder.name,
        prompt=prompt,
        negative_prompt=negative,
        width=first[0],
        height=first[1],
        samples=samples,
        steps=own.steps if steps is None else steps,
        guidance=own.guidance if guidance is None else guidance,
        seed=secrets.randbelow(SEED_LIMIT) if seed is None else seed,
        sampler=sampler or own.sampler,
        spacing=spacing or own.spacing,
        extras=for_size(extras, first, (own.width, own.height)),
    )
    check_finishing(extras, request.drawn_size)
    if samples < 1:
        raise InvalidRequest("samples", f"samples must be 1 or more, not {samples}.")
    if not out.parent.is_dir():
        raise InvalidRequest("out", f"There is no folder {out.parent}; make it first.")
    for index, drawn in enumerate(_draw(request, folder, blobs, files)):
        path = _write(request, index, drawn, out, files)
        print(f"{path} (seed {request.seed_of(index)})")


def habits_of(model: str, folder: Path) -> tuple[Defaults, Limits]:
    """What a request may leave out: what the catalogue says of a model it names, otherwise the family's habits."""
    from easel.engine.families.examine import examine

    for entry in read_entries():
        if entry.model_id == model:
            return read_defaults(entry.defaults), read_limits(entry.limits)
    found = examine(folder)
    resolution = found.resolution or UNKNOWN_RESOLUTION
    return defaults_for(found.family, resolution), limits_for(resolution, found.pixels)


def _draw(request: GenerationRequest, folder: Path, blobs: BlobStore, files: Files) -> list[Any]:
    """All pictures of the request, with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress as ProgressBar

    from easel.engine.engine import Engine
    from easel.engine.events import Failed, Finished, Progress
    from easel.engine.runner import TorchRunner
    from easel.worker.sources import load_sources

    runner = TorchRunner()
    engine = Engine(runner)
    sources = load_sources(blobs, request)
    for index in range(request.samples):
        engine.add(_picture(request, index, folder, sources, files))
    images: dict[str, Any] = {}
    console = Console(stderr=True, highlight=False, markup=False)
    for note in sources.notes:
        console.print(note)
    with ProgressBar(console=console, transient=True) as bar:
        drawing = bar.add_task("Drawing", total=request.samples * request.steps_taken)
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
    return _finished(request, [images[str(index)] for index in range(request.samples)], files, runner.device)


def _finished(request: GenerationRequest, images: list[Any], files: Files, device: str) -> list[Any]:
    from easel.engine.request import WeightsFile
    from easel.engine.upscaling.upscaler import Upscalers
    from easel.worker.finishing import Finishing

    upscaler = WeightsFile(name=files.upscaler.stem, file=files.upscaler) if files.upscaler else None
    finished = Finishing(enlarge=Upscalers(device)).finish(request, dict(enumerate(images)), upscaler)
    for note in finished.notes:
        print(note, file=sys.stderr)
    return [finished.pictures[index] for index in range(request.samples)]


def _picture(request: GenerationRequest, index: int, folder: Path, sources: Any, files: Files) -> Any:
    from easel.engine.families import family_of
    from easel.engine.request import AdapterMix, Checkpoint, Control, PictureRequest, WeightsFile
    from easel.worker.assignment import alteration_of, second_pass_of

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
        init=sources.init,
        mask=sources.mask,
        strength=request.extras.strength,
        again=second_pass_of(request),
        alteration=alteration_of(request),
        window=request.extras.window,
        adapters=tuple(
            AdapterMix(
                adapter=WeightsFile(name=use.model_id, file=file), strength=use.strength, text_strength=use.strength
            )
            for use, file in zip(request.extras.adapters, files.loras, strict=True)
        ),
        embeddings=tuple(WeightsFile(name=file.stem, file=file) for file in files.embeddings),
        vae=WeightsFile(name=files.vae.stem, file=files.vae) if files.vae else None,
        clip_skip=request.extras.clip_skip,
        controls=tuple(
            Control(network=WeightsFile(name=use.model_id, file=folder), hint=hint, scale=use.scale)
            for use, folder, hint in zip(request.extras.controls, files.controls, sources.hints, strict=True)
        ),
    )


def _control(text: str, blobs: BlobStore) -> tuple[ControlUse, Path, StoredInput]:
    """`TYPE:PICTURE:MODEL:SCALE`, or without the scale for 1; and where the network and the picture are."""
    from easel.cli.controls import folder_of_file, look
    from easel.settings import Settings

    words = text.split(":")
    if len(words) not in (3, 4):
        raise InvalidRequest(
            "control", f"Write a ControlNet as TYPE:PICTURE:MODEL or TYPE:PICTURE:MODEL:0.8, not {text}."
        )
    kind, picture, model, *scale = words
    path = _there("control", Path(model))
    try:
        amount = float(scale[0]) if scale else 1.0
    except ValueError:
        raise InvalidRequest("control", f"A ControlNet's scale is a number like 0.8, not {scale[0]}.") from None
    folder = path if path.is_dir() else folder_of_file(path, Settings().data.resolve() / "models" / path.stem)
    look(path.stem, folder)
    stored = store_input(blobs, _read(Path(picture)), field="control")
    use = ControlUse(model_id=path.stem, kind=type_named(kind), image=stored.key, scale=amount)
    check_numbers(use)
    return use, folder, stored


def _lora(text: str) -> tuple[Path, float]:
    """`FILE:0.8`, or `FILE` alone for all of it."""
    name, colon, strength = text.rpartition(":")
    try:
        file, amount = (Path(name), float(strength)) if colon else (Path(text), 1.0)
    except ValueError:
        file, amount = Path(text), 1.0  # the colon is part of the name
    if not file.is_file():
        raise InvalidRequest("lora", f"There is no file {file}; write a LoRA as FILE or FILE:0.8.")
    if not abs(amount) <= STRONGEST:
        raise InvalidRequest("lora", f"A LoRA's strength must be between {-STRONGEST:g} and {STRONGEST:g}.")
    return file.resolve(), amount


def _there(option: str, path: Path) -> Path:
    path = path.expanduser().resolve()
    if not path.exists():
        raise InvalidRequest(option, f"There is no file {path}.")
    return path


def _write(request: GenerationRequest, index: int, image: Any, out: Path, files: Files) -> Path:
    from easel.artifacts.encode import encode, infotext
    from easel.engine.adapters.hashes import autov3
    from easel.engine.ldm.copying import sha256_of

    path = out if index == 0 else out.with_stem(f"{out.stem}-{index + 1}")
    text = infotext(
        request,
        index=index,
        model_name=request.model_id,
        model_hash=None,
        lora_hashes={
            use.model_id: autov3(file) for use, file in zip(request.extras.adapters, files.loras, strict=True)
        },
        embedding_hashes={file.stem: sha256_of(file) for file in files.embeddings},
    )
    path.write_bytes(encode(image, text, request.extras.output_format, request.extras.output_quality))
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


def _file(out: Path | None, format: Format | None) -> tuple[Path, Format]:
    """Where to write, and what. A file of a name that says another kind would mislead whoever opens it."""
    if out is None:
        return Path(f"out{SUFFIXES[format or 'png']}"), format or "png"
    named = FORMATS.get(out.suffix.lower())
    if format is None and named is None:
        raise InvalidRequest("out", f"{out} is no name of a PNG, JPEG or WebP file: give it one, or say --format.")
    if format is not None and named not in (None, format):
        raise InvalidRequest("format", f"{out} is the name of a {named} file, not of {format}: change one of them.")
    return out, format or FORMATS[out.suffix.lower()]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest("image", f"{path} cannot be read ({type(error).__name__}).") from None


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise InvalidRequest("size", f"Write the size as WIDTHxHEIGHT, for example 256x256, not {text!r}.")
    return int(width), int(height)
