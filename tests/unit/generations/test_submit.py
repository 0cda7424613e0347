"""What a request weighs beside others."""

from easel.domain.request import GenerationRequest
from easel.domain.sampling import Sampler, Spacing
from easel.generations.submit import work_of


def request(prompt: str = "a red star", guidance: float = 7.5, samples: int = 1, side: int = 128) -> GenerationRequest:
    return GenerationRequest(
        model_id="easel-starter",
        prompt=prompt,
        negative_prompt="",
        width=side,
        height=side,
        samples=samples,
        steps=20,
        guidance=guidance,
        seed=1,
        sampler=Sampler.DDIM,
        spacing=Spacing.MODEL,
    )


def test_work_grows_with_what_the_network_is_asked_for() -> None:
    assert work_of(request(side=256)) == 4 * work_of(request())
    assert work_of(request(samples=3)) == 3 * work_of(request())
    assert 2 * work_of(request(guidance=1.0)) == work_of(request())
    assert 2 * work_of(request("a star AND a heart AND the sea")) == 4 * work_of(request())
