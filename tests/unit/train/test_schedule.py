import torch
from diffusers import DDIMScheduler

from easel.train import schedule


def test_nothing_of_the_picture_is_left_at_the_end():
    alpha, sigma = schedule.tables()
    assert alpha[-1] == 0
    assert sigma[-1] == 1
    assert torch.allclose(alpha**2 + sigma**2, torch.ones(schedule.STEPS))
    assert (alpha[1:] < alpha[:-1]).all()


def test_the_ordinary_scheduler_has_the_very_same_noise():
    scheduler = DDIMScheduler(**schedule.scheduler_config())
    alpha, _ = schedule.tables()
    assert scheduler.alphas_cumprod[-1] == 0
    assert torch.allclose(scheduler.alphas_cumprod, alpha**2, rtol=1e-3, atol=1e-7)


def test_sampling_starts_at_the_last_time_and_ends_with_a_clean_picture():
    scheduler = DDIMScheduler(**schedule.scheduler_config())
    scheduler.set_timesteps(25)
    assert scheduler.timesteps[0] == schedule.STEPS - 1
    assert scheduler.final_alpha_cumprod == 1


def test_a_perfect_v_brings_the_picture_back_from_pure_noise():
    """One DDIM step with the true v of any time must land on the picture itself when it goes to the end."""
    scheduler = DDIMScheduler(**schedule.scheduler_config())
    scheduler.set_timesteps(1)
    picture, noise = torch.randn(2, 1, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    alpha, sigma = schedule.tables()
    v = alpha[-1] * noise - sigma[-1] * picture
    made = scheduler.step(v, scheduler.timesteps[0], alpha[-1] * picture + sigma[-1] * noise).prev_sample
    assert torch.allclose(made, picture, atol=1e-5)


def test_times_are_spread_evenly():
    times = schedule.stratified_times(20, torch.Generator().manual_seed(0))
    assert (times // 50).tolist() == list(range(20))


def test_times_can_be_bent_to_the_middle():
    times = schedule.stratified_times(4000, torch.Generator().manual_seed(0), middle=1.0)
    inside = ((times > 350) & (times < 750)).float().mean()
    assert 0.55 < inside < 0.65  # 0.4 when spread evenly
    assert times.min() >= 0
    assert times.max() <= schedule.STEPS - 1
