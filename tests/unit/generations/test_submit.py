"""What a request weighs beside others."""

from dataclasses import replace

from easel.domain.request import ControlUse, Extras, GenerationRequest
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


def test_work_counts_what_extras_take() -> None:
    plain = request()
    control = ControlUse(model_id="canny", kind="canny", image="key")

    def work(**extras: object) -> float:
        return work_of(replace(plain, extras=Extras(**extras))) / work_of(plain)

    assert work(self_attention=0.75) == 1.5
    assert work(controls=(control,)) == 1.5
    assert work(controls=(replace(control, start=0.5), replace(control, guess=True))) == 1.5
    wide = replace(plain, width=512)
    panorama = replace(wide, extras=Extras(panorama=True, window=128))
    assert work_of(panorama) == 25 * work_of(plain) > work_of(wide)
