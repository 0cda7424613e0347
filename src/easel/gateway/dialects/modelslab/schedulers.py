"""The wire's scheduler names and the samplers they stand for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from easel.domain.sampling import Sampler

# A name's own sampler first, then what draws most like it. A sampler that the engine does not have yet is passed over,
# and used from the day it is there.
SCHEDULERS: Final[Mapping[str, tuple[str, ...]]] = {
    "DDIMScheduler": ("ddim",),
    "EulerDiscreteScheduler": ("euler",),
    "DPMSolverMultistepScheduler": ("dpmpp_2m",),
    "DDPMScheduler": ("ddpm", "ddim"),
    "PNDMScheduler": ("pndm", "ddim"),
    "LMSDiscreteScheduler": ("lms", "euler"),
    "EulerAncestralDiscreteScheduler": ("euler_ancestral", "euler"),
    "HeunDiscreteScheduler": ("heun", "euler"),
    "KDPM2DiscreteScheduler": ("kdpm2", "euler"),
    "KDPM2AncestralDiscreteScheduler": ("kdpm2_ancestral", "euler_ancestral", "euler"),
    "DPMSolverSinglestepScheduler": ("dpmpp_2s", "dpmpp_2m"),
    "UniPCMultistepScheduler": ("unipc", "dpmpp_2m"),
    "DEISMultistepScheduler": ("deis", "dpmpp_2m"),
    "IPNDMScheduler": ("ipndm", "dpmpp_2m"),
    "LCMScheduler": ("lcm", "euler"),
    # For turning a picture into noise, and for networks of another kind: no sampler will ever be theirs.
    "DDIMInverseScheduler": ("ddim",),
    "KarrasVeScheduler": ("euler",),
    "ScoreSdeVeScheduler": ("euler",),
}

STOCHASTIC: Final = ("dpmpp_2m_sde", "dpmpp_2m")
"""What DPMSolverMultistepScheduler stands for with algorithm_type `dpmsolver+++`, the wire's word for 2M SDE."""

_AVAILABLE: Final = frozenset(Sampler)

_WIRE_NAMES: Final = {own: wire for wire, (own, *_) in reversed(SCHEDULERS.items())} | {
    STOCHASTIC[0]: "DPMSolverMultistepScheduler"
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sampler a name gets (None: the model's own), and what is to be said when it is not the name's own."""

    sampler: Sampler | None
    warning: str | None = None


def choose(scheduler: str | None, algorithm_type: str | None) -> Choice:
    if scheduler is None:
        return Choice(None)
    if scheduler not in SCHEDULERS:
        return Choice(None, f"scheduler {scheduler} is not known here; the model's own was used.")
    stochastic = scheduler == "DPMSolverMultistepScheduler" and is_stochastic(algorithm_type)
    candidates = STOCHASTIC if stochastic else SCHEDULERS[scheduler]
    sampler = next(Sampler(one) for one in candidates if one in _AVAILABLE)
    if sampler == candidates[0] and wire_name(sampler) == scheduler:
        return Choice(sampler)
    asked = f"{scheduler} with algorithm_type {algorithm_type}" if stochastic else scheduler
    return Choice(sampler, f"scheduler {asked} is not available; {wire_name(sampler)} was used.")


def is_known(algorithm_type: str | None) -> bool:
    """`no` is how our own answers say that there is none; two pluses are what every 2M sampler is."""
    return algorithm_type in (None, "no", "dpmsolver++") or is_stochastic(algorithm_type)


def is_stochastic(algorithm_type: str | None) -> bool:
    return algorithm_type is not None and algorithm_type.startswith(("dpmsolver+++", "sde-dpmsolver"))


def is_stochastic_sampler(sampler: Sampler) -> bool:
    return str(sampler) == STOCHASTIC[0]


def wire_name(sampler: Sampler) -> str:
    return _WIRE_NAMES.get(sampler, sampler)
