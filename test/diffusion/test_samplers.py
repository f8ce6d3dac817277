"""Samplers against diffusers and against denoisers that know the answer."""

from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
import pytest
from seq_amodal_ros.diffusion import samplers, schedules
from seq_amodal_ros.diffusion.samplers import Estimate
import torch


def truth():
    """Return a mask of -1 and 1."""
    mask = -torch.ones(2, 1, 8, 8)
    mask[:, :, 2:6, 3:7] = 1
    return mask


def bent(x_t, t, before):
    """Return a made-up estimate that hangs on all of x_t and t, so that a slip of a step shows."""
    return torch.tanh(x_t * 2 + t / 1000)


@pytest.mark.parametrize('t', [1, 10, 500, 999])
def test_the_ancestral_step_is_that_of_ddpm(t):
    # The paper's Eq. 9 prints 1 / sqrt(alpha_bar_t); only 1 / sqrt(alpha_t) agrees.
    generator = torch.Generator().manual_seed(t)
    x_t, noise = (torch.randn(1, 1, 8, 8, generator=generator) for _ in range(2))
    scheduler = DDPMScheduler(beta_schedule='linear', clip_sample=False)
    theirs = scheduler.step(noise, t, x_t, generator=torch.Generator().manual_seed(7))
    fresh = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(7))
    ours = samplers.ancestral_step(x_t, noise, schedules.linear(), t, fresh)
    assert torch.allclose(ours, theirs.prev_sample, atol=1e-3)  # theirs rounds in float32


def test_the_last_ancestral_step_adds_no_noise():
    x_t, noise = torch.randn(1, 1, 4, 4), torch.randn(1, 1, 4, 4)
    steps = [samplers.ancestral_step(x_t, noise, schedules.linear(), 0, torch.full_like(x_t, f))
             for f in (0.0, 9.0)]
    assert torch.equal(*steps)


@pytest.mark.parametrize('v', [None, 0.3])
def test_the_ancestral_walk_is_that_of_ddpm(v):
    noise = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    scheduler = DDPMScheduler(beta_schedule='linear', prediction_type='sample', clip_sample=False,
                              variance_type='fixed_small' if v is None else 'learned_range')
    x_t, drawn = noise, torch.Generator().manual_seed(7)
    for t in range(999, -1, -1):
        answer = bent(x_t, t, None)
        if v is not None:
            answer = torch.cat([answer, torch.full_like(answer, v)], dim=1)
        x_t = scheduler.step(answer, t, x_t, generator=drawn).prev_sample
    drawn = torch.Generator().manual_seed(7)
    ours = samplers.ancestral(
        lambda x_t, t, before: Estimate(bent(x_t, t, before), None if v is None else
                                        torch.full_like(x_t, (v + 1) / 2)),
        noise, schedules.linear(), 1000, lambda: torch.randn(noise.shape, generator=drawn))
    assert torch.allclose(ours, x_t, atol=1e-2)


@pytest.mark.parametrize('steps', [2, 4, 8])
def test_ddim_is_that_of_diffusers(steps):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 1, 8, 8, generator=generator)

    scheduler = DDIMScheduler(beta_schedule='linear', prediction_type='sample', clip_sample=False,
                              timestep_spacing='trailing', set_alpha_to_one=True)
    scheduler.set_timesteps(steps)
    x_t = noise
    for t in scheduler.timesteps:
        x_t = scheduler.step(bent(x_t, int(t), None), t, x_t).prev_sample
    ours = samplers.ddim(lambda *given: Estimate(bent(*given)), noise, schedules.linear(), steps)
    assert torch.allclose(ours, x_t, atol=1e-4)


@pytest.mark.parametrize('steps', [2, 5, 20])
def test_dpm_is_the_second_order_multistep_solver_of_diffusers(steps):
    noise = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))

    scheduler = DPMSolverMultistepScheduler(beta_schedule='linear', prediction_type='sample',
                                            timestep_spacing='trailing', final_sigmas_type='zero')
    scheduler.set_timesteps(steps)
    x_t = noise
    for t in scheduler.timesteps:
        x_t = scheduler.step(bent(x_t, int(t), None), t, x_t).prev_sample
    ours = samplers.dpm(lambda *given: Estimate(bent(*given)), noise, schedules.linear(), steps)
    assert torch.allclose(ours, x_t, atol=1e-4)


@pytest.mark.parametrize('t', [1, 10, 500, 999])
@pytest.mark.parametrize('v', [-1.0, 0.3, 1.0])
def test_the_learned_variance_is_that_of_improved_ddpm(t, v):
    generator = torch.Generator().manual_seed(t)
    x_t, noise = (torch.randn(1, 1, 8, 8, generator=generator) for _ in range(2))
    scheduler = DDPMScheduler(beta_schedule='linear', clip_sample=False,
                              variance_type='learned_range')
    answer = torch.cat([noise, torch.full_like(noise, v)], dim=1)
    theirs = scheduler.step(answer, t, x_t, generator=torch.Generator().manual_seed(7))
    fresh = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(7))
    ours = samplers.ancestral_step(x_t, noise, schedules.linear(), t, fresh,
                                   variance=torch.full_like(noise, (v + 1) / 2))
    assert torch.allclose(ours, theirs.prev_sample, atol=1e-3)


@pytest.mark.parametrize('name, steps', [('ddim', 1), ('ddim', 4), ('dpm', 4),
                                         ('ancestral', 100)])
def test_a_denoiser_that_knows_the_mask_leads_every_sampler_to_it(name, steps):
    alpha_bar = schedules.linear(100) if name == 'ancestral' else schedules.cosine()
    result = samplers.SAMPLERS[name](
        lambda x_t, t, before: Estimate(truth()), torch.randn(2, 1, 8, 8), alpha_bar, steps,
        lambda: torch.randn(2, 1, 8, 8))
    assert torch.allclose(result, truth(), atol=0.05)


def test_the_denoiser_sees_its_own_last_estimate():
    seen = []

    def predict(x_t, t, before):
        seen.append(before.mean().item())
        return Estimate(torch.full_like(x_t, len(seen)))

    samplers.ddim(predict, torch.randn(1, 1, 4, 4), schedules.cosine(), 3)
    assert seen == [0, 1, 2]


def test_noise_and_mask_follow_from_each_other():
    x_t, noise = torch.randn(1, 1, 4, 4), torch.randn(1, 1, 4, 4)
    x0 = samplers.x0_from_noise(x_t, noise, 0.3)
    assert torch.allclose(samplers.noise_from_x0(x_t, x0, 0.3), noise, atol=1e-5)
    assert torch.allclose(schedules.add_noise(x0, noise, torch.tensor([0.3])), x_t, atol=1e-5)


def test_the_ancestral_sampler_refuses_to_skip_steps():
    with pytest.raises(ValueError, match='use the ddim or dpm sampler for fewer'):
        samplers.ancestral(lambda x_t, t, before: x_t, torch.randn(1, 1, 4, 4),
                           schedules.linear(), 50)
