"""Names of samplers and schedulers, and what they stand for.

A1111 used to name both at once ("DPM++ 2M Karras", "k_dpmpp_2m_ka") and names them apart since 1.9. Both are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from easel.artifacts.encode import SAMPLER_TITLES, SPACING_TITLES
from easel.domain.errors import NotFound
from easel.domain.sampling import Sampler, Spacing

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "Euler a": ("k_euler_a", "k_euler_ancestral"),
    "Euler": ("k_euler",),
    "LMS": ("k_lms",),
    "Heun": ("k_heun",),
    "DPM2": ("k_dpm_2",),
    "DPM2 a": ("k_dpm_2_a",),
    "DPM++ 2S a": ("k_dpmpp_2s_a",),
    "DPM++ 2M": ("k_dpmpp_2m",),
    "DPM++ SDE": ("k_dpmpp_sde",),
    "DPM++ 2M SDE": ("k_dpmpp_2m_sde",),
    "DPM fast": ("k_dpm_fast",),
    "DPM adaptive": ("k_dpm_ad",),
    "DDIM": ("ddim",),
    "PLMS": ("plms",),
    "UniPC": ("unipc",),
    "LCM": ("k_lcm",),
}

NEAREST: Final[Mapping[str, Sampler]] = {
    "DPM++ 2S a": Sampler.DPMPP_2S,
    "DPM++ SDE": Sampler.DPMPP_2M_SDE,
    "DPM++ 2M SDE Heun": Sampler.DPMPP_2M_SDE,
    "DPM++ 3M SDE": Sampler.DPMPP_2M_SDE,
    "DPM fast": Sampler.DPMPP_2M,
    "DPM adaptive": Sampler.DPMPP_2M,
    "Restart": Sampler.EULER,
    "DDIM CFG++": Sampler.DDIM,
}
"""A1111's samplers that are not here, and what draws most like them."""

AUTOMATIC: Final[Mapping[str, Spacing]] = {
    **dict.fromkeys(("DPM++ 2M", "DPM++ SDE", "DPM++ 2S a", "DPM2", "DPM2 a", "Restart"), Spacing.KARRAS),
    **dict.fromkeys(("DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE"), Spacing.EXPONENTIAL),
}
"""What A1111 draws a sampler with when nobody chooses; the model's own spacing for all others."""


@dataclass(frozen=True, slots=True)
class Scheduler:
    name: str
    label: str
    spacing: Spacing | None
    """None: whatever is automatic for the sampler."""
    is_exact: bool = True
    rho: float = -1.0


SCHEDULERS: Final = (
    Scheduler("automatic", "Automatic", None),
    Scheduler("uniform", "Uniform", Spacing.MODEL),
    Scheduler("karras", "Karras", Spacing.KARRAS, rho=7.0),
    Scheduler("exponential", "Exponential", Spacing.EXPONENTIAL),
    # With its rho of 1 this is the exponential one.
    Scheduler("polyexponential", "Polyexponential", Spacing.EXPONENTIAL, rho=1.0),
    Scheduler("sgm_uniform", "SGM Uniform", Spacing.SGM_UNIFORM),
    Scheduler("beta", "Beta", Spacing.BETA),
    Scheduler("kl_optimal", "KL Optimal", Spacing.KARRAS, is_exact=False),
    Scheduler("align_your_steps", "Align Your Steps", Spacing.KARRAS, is_exact=False),
    Scheduler("simple", "Simple", Spacing.SGM_UNIFORM, is_exact=False),
    Scheduler("normal", "Normal", Spacing.MODEL, is_exact=False),
    Scheduler("ddim", "DDIM", Spacing.MODEL, is_exact=False),
    Scheduler("turbo", "Turbo", Spacing.SGM_UNIFORM, is_exact=False),
)

_SAMPLERS: Final = {title: sampler for sampler, title in SAMPLER_TITLES.items()} | dict(NEAREST)
_TITLES: Final = {spelling.lower(): title for title in _SAMPLERS for spelling in (title, *ALIASES.get(title, ()))}
_SCHEDULERS: Final = {spelling.lower(): one for one in SCHEDULERS for spelling in (one.name, one.label)}
_ENDINGS: Final = {f" {one.label.lower()}": one for one in SCHEDULERS} | {"_ka": _SCHEDULERS["karras"]}


@dataclass(frozen=True, slots=True)
class Choice:
    """None: the model's own."""

    sampler: Sampler | None
    spacing: Spacing | None
    warnings: tuple[str, ...] = ()


def choose(sampler_name: str | None, scheduler_name: str | None) -> Choice:
    """Raises NotFound for a name that nobody knows, as A1111 does."""
    title, ending = _split(sampler_name) if sampler_name else (None, None)
    scheduler = _scheduler(scheduler_name) if scheduler_name else None
    if scheduler is None or scheduler.spacing is None:
        scheduler = ending or scheduler
    said: list[str] = []
    if title in NEAREST:
        said.append(f"Sampler {title} is not here; {SAMPLER_TITLES[NEAREST[title]]} was used.")
    spacing = scheduler.spacing if scheduler else None
    if scheduler and spacing and not scheduler.is_exact:
        said.append(f"Scheduler {scheduler.label} is not here; {SPACING_TITLES[spacing] or 'Uniform'} was used.")
    if title and spacing is None:
        spacing = AUTOMATIC.get(title, Spacing.MODEL)
    return Choice(_SAMPLERS[title] if title else None, spacing, tuple(said))


def listed_samplers() -> list[dict[str, Any]]:
    """Those that are drawn as they are named; others are read as well."""
    return [
        {"name": title, "aliases": list(ALIASES.get(title, ())), "options": {}} for title in SAMPLER_TITLES.values()
    ]


def listed_schedulers() -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "label": one.label,
            "aliases": None,
            "default_rho": one.rho,
            "need_inner_model": one.spacing in (Spacing.MODEL, Spacing.SGM_UNIFORM, Spacing.BETA),
        }
        for one in SCHEDULERS
        if one.is_exact
    ]


def _split(name: str) -> tuple[str, Scheduler | None]:
    """The sampler's title, and the scheduler that the name ends with."""
    spelling = " ".join(name.lower().split())
    if spelling in _TITLES:
        return _TITLES[spelling], None
    for ending, scheduler in _ENDINGS.items():
        if spelling.endswith(ending) and (title := _TITLES.get(spelling.removesuffix(ending))):
            return title, scheduler
    raise NotFound(f"Sampler not found: {name[:60]}; /sdapi/v1/samplers lists those that are here")


def _scheduler(name: str) -> Scheduler:
    scheduler = _SCHEDULERS.get(" ".join(name.lower().split()))
    if scheduler is None:
        raise NotFound(f"Scheduler not found: {name[:60]}; /sdapi/v1/schedulers lists those that are here")
    return scheduler
