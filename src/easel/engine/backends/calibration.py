"""What a network is really given: the inputs of calls of whole pictures, at steps from the first to the last.

Eight bits hold 256 numbers, and which ones is read off these samples. So they come from pictures that the network
itself draws, by prompts of the kinds that people write, with and without guidance; noise made up would be of another
range at most steps.
"""

import torch

from easel.domain.prompt import Piece
from easel.domain.sampling import Sampler, Spacing
from easel.engine.advance import Canvas, advance
from easel.engine.backends.base import Network, Opened, Tensors
from easel.engine.families.base import Conditioning, LoadedFamily
from easel.engine.samplers import NoiseSchedule, plan

STEPS = 20
EVERY = 3
"""Each picture gives every third call, and the next picture begins one call later."""
GUIDANCE = 5.0
PROMPTS = (
    "",
    "a red circle on a blue background",
    "a portrait of an old fisherman, dramatic light, 85mm",
    "three small green triangles",
    "a watercolour of a harbour at dawn",
    "a yellow star above a purple square",
    "a black cat asleep on a windowsill, photograph",
    "snowy mountains under a pink sky",
    "a large orange ring to the left of a small white cross",
    "an astronaut riding a horse, oil on canvas",
    "a city street at night in the rain, neon reflections",
    "two brown hearts on a gray background",
    "a bowl of fruit, studio lighting, highly detailed",
    "a green meadow with trees beside a lake",
    "concept art of a ruined temple in the jungle",
    "a diagram of a bicycle on white paper",
)


def samples(family: LoadedFamily, schedule: NoiseSchedule, *, width: int, height: int) -> list[Tensors]:
    """Inputs of `family.network`, about a hundred calls of two rows and a dozen of one. Always the same ones."""
    network, seen = family.network, list[Tensors]()
    try:
        for number, prompt in enumerate(PROMPTS):
            taken = range(number % EVERY, STEPS, EVERY)
            tapped = _tapped(network, taken, seen)
            family.network = Opened(network.network, tapped, tapped)
            _draw(family, schedule, prompt, number, family.autoencoder.latent_shape(width, height))
    finally:
        family.network = network
    return seen


def _tapped(network: Network, taken: range, seen: list[Tensors]) -> Network:
    """`network`, whose inputs at the calls `taken` go into `seen`."""
    calls = 0

    def call(*inputs: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        if calls in taken:
            seen.append(tuple(tensor.clone() for tensor in inputs))
        calls += 1
        return network(*inputs)

    return call


@torch.inference_mode()
def _draw(family: LoadedFamily, schedule: NoiseSchedule, prompt: str, seed: int, shape: tuple[int, int, int]) -> None:
    """A picture as the engine draws it, but for the decoding; every eighth is not guided."""
    generator = torch.Generator().manual_seed(seed)
    run = plan(schedule, Sampler.DDIM, Spacing.MODEL, STEPS)
    texts = [_encoded(family, text) for text in ([prompt] if seed % 8 == 7 else [prompt, ""])]
    canvas = Canvas(torch.randn(shape, generator=generator) * run.noise, {}, generator, run.history)
    for step in run.steps:
        rows = canvas.latents[None].repeat(len(texts), 1, 1, 1)
        if family.reads_mask:  # one that is drawn anew everywhere
            rows = torch.cat([rows, torch.ones_like(rows[:, :1]), torch.zeros_like(rows)], dim=1)
        answers = family.predict(rows, torch.full((len(texts),), step.timestep), texts, family.adaptable.no_factors)
        guided = answers[-1:] + GUIDANCE * (answers[:1] - answers[-1:])
        advance([canvas], [step], canvas.latents[None], guided)


def _encoded(family: LoadedFamily, text: str) -> Conditioning:
    [first, *_] = family.text.chunks(((Piece(text),),), {})
    return family.encode(first, {}, 1)
