"""From a request to orders, with a sentence for everything that is done otherwise than asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from easel.artifacts.inputs import StoredInput
from easel.catalogue.limits import defaults_of, for_size, limits_of, nearest_size, with_second_pass
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest
from easel.domain.request import Extras, GenerationDraft, SecondPass
from easel.gateway.dialects.automatic1111 import control, unserved
from easel.gateway.dialects.automatic1111.control import Unit, uses_of
from easel.gateway.dialects.automatic1111.inputs import Paste, Prepared, Size
from easel.gateway.dialects.automatic1111.options import Options, without_effect
from easel.gateway.dialects.automatic1111.samplers import choose
from easel.gateway.dialects.automatic1111.schemas import Drawing, Img2Img, Txt2Img
from easel.gateway.dialects.automatic1111.styling import styled
from easel.gateway.ordering import sizes_of_orders

STRENGTH_OF_THE_SECOND_PASS: Final = 0.7

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Settled:
    """What a request draws with, before any of its pictures is looked at."""

    model: Model
    options: Options
    size: Size
    most_orders: int
    """As many as the account's queue takes."""


@dataclass(slots=True)
class Orders:
    """The drafts, one after another, with where each belongs, and what is to be said about them."""

    drafts: list[GenerationDraft] = field(default_factory=list[GenerationDraft])
    pastes: list[Paste | None] = field(default_factory=list["Paste | None"])
    warnings: list[str] = field(default_factory=list[str])


def size_of(asked: Drawing, model: Model) -> Size:
    """The nearest to what was asked that the model draws; its own where nothing was."""
    defaults, limits = defaults_of(model), limits_of(model)
    wanted = _or(asked.width, defaults.width), _or(asked.height, defaults.height)
    if min(wanted) < 1:
        raise InvalidRequest("width", "width and height must be 1 or more")
    return nearest_size(limits, *wanted)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The pictures of a request, stored: those that it begins from, and those that its ControlNets read."""

    begun: Sequence[Prepared] = ()
    units: Sequence[Unit] = ()
    controls: Sequence[StoredInput | None] = ()

    @property
    def stored(self) -> list[StoredInput]:
        begun = [one for prepared in self.begun for one in prepared.stored]
        return [*begun, *(one for one in self.controls if one)]


def orders_of(asked: Drawing, settled: Settled, inputs: Inputs, sent: Sequence[str]) -> Orders:
    """Raises InvalidRequest for more pictures than could ever be queued, and for scripts that are not here."""
    unserved.check_scripts(asked)
    chosen = choose(asked.sampler_name or asked.sampler_index, asked.scheduler)
    prompt, negative_prompt = styled(asked)
    draft = GenerationDraft(
        model_id=settled.model.model_id,
        prompt=prompt,
        negative_prompt=negative_prompt,
        width=settled.size[0],
        height=settled.size[1],
        steps=asked.steps,
        guidance=asked.cfg_scale,
        seed=asked.seed,
        sampler=chosen.sampler,
        spacing=chosen.spacing,
        extras=_extras(asked, settled.options),
    )
    orders = Orders()
    most = limits_of(settled.model).max_samples
    starts: Sequence[Prepared | None] = inputs.begun or [None]
    # Several pictures to begin from are a batch of their own, whatever batch_size says.
    is_batch = len(starts) > 1
    turns, of_each = (asked.n_iter, 1) if is_batch else (1, asked.batch_size * asked.n_iter)
    _check_number(len(starts) * turns * of_each, 1 if is_batch else most, settled)
    for start in [*starts] * turns:
        for samples in sizes_of_orders(of_each, most):
            orders.drafts.append(replace(_beginning(draft, inputs, start), samples=samples))
            orders.pastes.append(start.paste if start else None)
    orders.warnings += [*_size_warnings(asked, settled), *chosen.warnings, *control.warnings(inputs.units)]
    orders.warnings += [*_merging_warnings(draft, settled), *_without_effect(asked, sent)]
    return orders


def _beginning(draft: GenerationDraft, inputs: Inputs, start: Prepared | None) -> GenerationDraft:
    extras = replace(draft.extras, controls=uses_of(inputs.units, inputs.controls, start))
    if start:
        extras = replace(extras, init_image=start.image, mask_image=start.mask, mask_blur=start.mask_blur)
    return replace(draft, extras=extras)


def _check_number(pictures: int, most: int, settled: Settled) -> None:
    if pictures > most * settled.most_orders:
        raise InvalidRequest(
            "batch_size",
            f"{pictures} pictures are asked for at once (batch_size times n_iter); this account's queue takes "
            f"{most * settled.most_orders} of this kind, so ask for the others afterwards",
        )


def _extras(asked: Drawing, options: Options) -> Extras:
    extras = Extras(
        vae=options.vae,
        clip_skip=options.CLIP_stop_at_last_layers,
        token_merging=_merged_share(asked, options),
        output_format=options.output_format,
        output_quality=options.jpeg_quality,
        previews=options.live_previews_enable,
    )
    match asked:
        case Img2Img():
            return replace(extras, strength=asked.denoising_strength)
        case Txt2Img(enable_hr=True):
            return replace(extras, second_pass=_second_pass(asked))
        case _:
            return extras


def _merged_share(asked: Drawing, options: Options) -> float:
    """Of img2img its own option goes before the general one, unless the request itself says that."""
    general, own = options.token_merging_ratio, options.token_merging_ratio_img2img
    if not isinstance(asked, Img2Img):
        return general
    said = general if "token_merging_ratio" in asked.override_settings else 0.0
    return said or own or general


def _merging_warnings(draft: GenerationDraft, settled: Settled) -> list[str]:
    defaults = defaults_of(settled.model)
    size, extras = with_second_pass(draft.extras, settled.size, limits_of(settled.model))
    if extras.token_merging == for_size(extras, size, (defaults.width, defaults.height)).token_merging:
        return []
    return [
        f"token_merging_ratio has no effect on {size[0]}x{size[1]}: nothing is merged up to the model's own size, "
        f"{defaults.width}x{defaults.height}, where nothing would be gained."
    ]


def _second_pass(asked: Txt2Img) -> SecondPass:
    sides = [
        to / side for to, side in ((asked.hr_resize_x, asked.width), (asked.hr_resize_y, asked.height)) if to and side
    ]
    return SecondPass(
        scale=max(sides, default=asked.hr_scale),
        strength=_or(asked.denoising_strength, STRENGTH_OF_THE_SECOND_PASS),
        steps=asked.hr_second_pass_steps or None,
    )


def _size_warnings(asked: Drawing, settled: Settled) -> list[str]:
    drawn = settled.size
    wanted = _or(asked.width, drawn[0]), _or(asked.height, drawn[1])
    if wanted == drawn:
        return []
    return [f"The model does not draw {wanted[0]}x{wanted[1]}; the picture is {drawn[0]}x{drawn[1]}."]


def _without_effect(asked: Drawing, sent: Sequence[str]) -> list[str]:
    assert isinstance(asked, Txt2Img | Img2Img)
    said = [*unserved.warnings(asked, sent), *without_effect(asked.override_settings)]
    if isinstance(asked, Txt2Img) and asked.enable_hr and asked.hr_upscaler:
        said.append(f"hr_upscaler {asked.hr_upscaler} has no effect here: pictures are enlarged in one way.")
    if isinstance(asked, Img2Img):
        if asked.resize_mode == 3:
            said.append("resize_mode 3 is drawn as 0: the picture itself was stretched, not its latents.")
        if asked.mask_image and asked.inpainting_fill > 1:
            said.append(f"inpainting_fill {asked.inpainting_fill}: the masked part began from plain grey.")
    return said


def _or(said: Value | None, default: Value) -> Value:
    return default if said is None else said
