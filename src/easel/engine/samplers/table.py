"""A run of a sampler as a table of numbers, planned once, in float64, before the first network call.

Every solver here is linear in the latents, the network's newest answers and fresh noise, so one formula with other
numbers serves them all, and pictures under different solvers share a network call:

    out = network(x, timestep)
    p   = from_x * x + from_out * out              the solver's own prediction: of x0, or of the noise
    x'  = keep * x + kept * k + sum_i predictions[i] * p_i + noise * n        p_0 is the newest prediction
    k'  = x if keeps else k                        latents set aside for a later step

Latents stay in the variance-preserving space in which the network was trained, x = alpha * x0 + sigma * eps with
alpha**2 + sigma**2 = 1. So nothing is scaled before a call, and an alpha of zero (zero terminal SNR) needs no special
case as long as the prediction is of x0. Flow matching is the same table with alpha = 1 - sigma.

How each solver fits (s = sigma / alpha, the noise level that k-diffusion counts in):

    DDIM, Euler       x' = (sigma'/sigma) x + (alpha' - alpha sigma'/sigma) x0: one rule, steps in other places
    Euler ancestral, DDPM, LCM       the same towards a smaller sigma', and noise
    DPM++ 2M and its SDE             and the last x0
    LMS, PNDM, iPNDM, DEIS           predictions of the noise, up to four of them
    Heun, KDPM2, DPM++ 2S            two calls a step: the first keeps x, the second starts again from what was kept
    UniPC             the corrected latents are linear in x' and in the predictions that made x', so that to correct
                      the last step and to predict the next is one rule with one prediction more
    DPM++ SDE         two calls a step; the noise that both share is linear in x', in what was kept and in p
"""

from dataclasses import dataclass
from typing import NamedTuple

from easel.engine.samplers.schedule import Node, Prediction


class FromNetwork(NamedTuple):
    """p = x * latents + out * the network's answer."""

    x: float
    out: float


class Mix(NamedTuple):
    """How much of the picture and how much noise latents hold: alpha * x0 + sigma * eps."""

    alpha: float
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One network call and the rule that follows it."""

    timestep: float
    """What the network is told, in units of the training schedule; may lie between two of its steps."""
    prediction: FromNetwork
    keep: float
    predictions: tuple[float, ...]
    """Weights of the predictions, newest first."""
    kept: float = 0.0
    noise: float = 0.0
    """Where this is not zero, one draw is made from the picture's generator."""
    keeps: bool = False
    clean: FromNetwork
    """x0 as the network sees it at this call, whatever the solver's own prediction is of: what a preview shows."""
    lands: Mix
    """What x' holds: where known latents must be put beside those that were drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps of a run: all of them, or the last when it begins from a picture."""

    noise: float
    """Scales the unit Gaussian that a run from noise alone starts from."""
    begins: Mix
    """What a run from a picture starts from."""
    steps: tuple[Step, ...]
    taken: int
    """Steps in the request's count: a solver of two calls a step has more calls than these."""
    notes: tuple[str, ...] = ()
    """Sentences about what was planned otherwise than asked."""

    def mix_at(self, call: int) -> Mix:
        """What the latents hold at network call number `call`."""
        return self.steps[call - 1].lands if call else self.begins

    @property
    def history(self) -> int:
        """How many predictions must be remembered."""
        return max(len(step.predictions) for step in self.steps)


def x0_from(prediction: Prediction, at: Node) -> FromNetwork:
    """The clean latents x0 from a network trained for `prediction` (v: Salimans and Ho, arXiv:2202.00512)."""
    match prediction:
        case Prediction.EPSILON:
            return FromNetwork(1 / at.alpha, -at.sigma / at.alpha)
        case Prediction.V:
            return FromNetwork(at.alpha, -at.sigma)
        case Prediction.SAMPLE:
            return FromNetwork(0.0, 1.0)


def noise_from(prediction: Prediction, at: Node) -> FromNetwork:
    """The noise eps from the same network."""
    match prediction:
        case Prediction.EPSILON:
            return FromNetwork(0.0, 1.0)
        case Prediction.V:
            return FromNetwork(at.sigma, at.alpha)
        case Prediction.SAMPLE:
            return FromNetwork(1 / at.sigma, -at.alpha / at.sigma)


def mix_of(node: Node) -> Mix:
    return Mix(node.alpha, node.sigma)


def first_order(prediction: Prediction, at: Node, to: Node, *, keeps: bool = False) -> Step:
    """Straight on along the probability-flow ODE: DDIM with eta 0 (arXiv:2010.02502, eq. 12), Euler's step in s."""
    ratio = to.sigma / at.sigma
    return Step(
        timestep=at.timestep,
        prediction=x0_from(prediction, at),
        keep=ratio,
        predictions=(to.alpha - at.alpha * ratio,),
        keeps=keeps,
        clean=x0_from(prediction, at),
        lands=mix_of(to),
    )


def ancestral(prediction: Prediction, at: Node, to: Node) -> Step:
    """Sample the posterior of `to` given `at` and x0: DDPM (arXiv:2006.11239, eq. 7), Euler ancestral in s.

    In s: go straight to s'**2 / s, then add noise until the level is s'.
    """
    shrink = (to.level * at.alpha / at.sigma) ** 2
    return Step(
        timestep=at.timestep,
        prediction=x0_from(prediction, at),
        keep=to.level**2 * at.alpha * to.alpha / at.sigma**2,
        predictions=(to.alpha * (1 - shrink),),
        noise=to.sigma * max(0.0, 1 - shrink) ** 0.5,
        clean=x0_from(prediction, at),
        lands=mix_of(to),
    )
