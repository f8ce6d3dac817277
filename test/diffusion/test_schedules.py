"""Noise schedules against their equations and against diffusers."""

from diffusers import DDPMScheduler
import pytest
from seq_amodal_ros.diffusion import schedules
from seq_amodal_ros.diffusion.samplers import ddim, Estimate
import torch


def test_linear_is_the_schedule_of_ddpm():
    theirs = DDPMScheduler(num_train_timesteps=1000, beta_schedule='linear').alphas_cumprod
    assert torch.allclose(schedules.linear(1000), theirs.double(), atol=1e-6)


def test_cosine_is_the_schedule_of_improved_ddpm():
    theirs = DDPMScheduler(num_train_timesteps=1000, beta_schedule='squaredcos_cap_v2')
    assert torch.allclose(schedules.cosine(1000), theirs.alphas_cumprod.double(), atol=1e-6)


def test_flow_makes_ddim_walk_a_straight_path_by_euler():
    # x on the path (1 - s) M + s eps moves by ds (eps - M); Eq. 8's x is that over its deviation.
    steps, mask, eps = 4, torch.tensor([[[[0.7]]]]), torch.tensor([[[[-1.3]]]])
    seen = []

    def predict(x_t, t, before):
        seen.append((x_t, t))
        return Estimate(mask)

    alpha_bar = schedules.flow()
    s = (torch.arange(1000, dtype=torch.float64) + 1) / 1000.5
    deviation = ((1 - s) ** 2 + s ** 2).sqrt()
    x = (1 - s[999]) * mask + s[999] * eps
    ddim(predict, (x / deviation[999]).float(), alpha_bar, steps)
    for (x_t, t), (_, following) in zip(seen, [*seen[1:], (None, None)]):
        assert torch.allclose(x_t, (x / deviation[t]).float(), atol=1e-3)
        if following is not None:
            x = x + (s[following] - s[t]) * (eps - mask)


@pytest.mark.parametrize('name', schedules.SCHEDULES)
def test_signal_only_falls(name):
    alpha_bar = schedules.SCHEDULES[name]()
    assert (alpha_bar[1:] < alpha_bar[:-1]).all()
    assert 0 < alpha_bar[-1] < alpha_bar[0] < 1


def test_noising_mixes_mask_and_noise_by_eq_8():
    mask, noise = torch.ones(2, 1, 2, 2), torch.full((2, 1, 2, 2), 3.0)
    noised = schedules.add_noise(mask, noise, torch.tensor([0.64, 0.0]))
    assert torch.allclose(noised[0], torch.tensor(0.8 + 0.6 * 3))
    assert torch.equal(noised[1], noise[1])


def test_noising_agrees_with_diffusers():
    scheduler = DDPMScheduler(beta_schedule='linear')
    mask, noise = torch.rand(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    times = torch.tensor([0, 400, 999])
    ours = schedules.add_noise(mask, noise, schedules.linear()[times])
    assert torch.allclose(ours, scheduler.add_noise(mask, noise, times), atol=1e-5)


@pytest.mark.parametrize('steps, expected', [
    (1, [999]), (2, [999, 499]), (3, [999, 666, 332]), (4, [999, 749, 499, 249]),
    (1000, list(range(999, -1, -1)))])
def test_trailing_steps_start_at_pure_noise(steps, expected):
    assert schedules.trailing(1000, steps) == expected


@pytest.mark.parametrize('steps', [0, 1001])
def test_impossible_numbers_of_steps_are_refused(steps):
    with pytest.raises(ValueError, match=f'steps must lie in 1 to 1000, got {steps}'):
        schedules.trailing(1000, steps)


def test_the_posterior_variance_is_diffusers_but_at_its_first_step_which_takes_the_seconds():
    scheduler = DDPMScheduler(beta_schedule='linear', variance_type='fixed_small')
    ours = schedules.posterior_variance(schedules.linear())
    for t in (1, 2, 500, 999):
        assert float(ours[t]) == pytest.approx(float(scheduler._get_variance(t)), rel=1e-3)
    assert ours[0] == ours[1]
