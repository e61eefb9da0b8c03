import math

import pytest
import torch

from mvsd.diffusion import (
    SAMPLERS,
    SCHEDULES,
    Process,
    SeededNoise,
    cosine_alpha_bar,
    linear_alpha_bar,
    sample_ddim,
    sample_ddpm,
    sample_dpm2m,
    sample_from_source,
    trailing_steps,
)

STD = 0.5


def draws(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def wiener(process):
    """The exact denoiser of Gaussian data of standard deviation STD."""

    def denoise(x, t):
        bar = process.alpha_bar[t].item()
        return x * math.sqrt(bar) * STD**2 / (bar * STD**2 + 1 - bar)

    return denoise


def last(stream):
    *_, x = stream
    return x


@pytest.mark.parametrize("name", ["cosine", "linear", "zero-snr"])
def test_schedules_fall_from_one_to_almost_nothing(name):
    bars = SCHEDULES[name](250)
    assert bars[0] == 1
    assert (bars.diff() <= 0).all()
    assert bars[-1].sqrt() < 0.03


def test_the_common_linear_schedule_leaves_28_percent_of_the_signal():
    assert linear_alpha_bar(250, 0.02)[-1].sqrt() == pytest.approx(0.28, abs=0.01)


@pytest.mark.parametrize("target", ["noise", "velocity"])
def test_the_clean_signal_comes_back_from_what_the_network_should_say(target):
    process = Process(linear_alpha_bar(250), target)
    clean, noise, t = draws(6, 4, 5), draws(6, 4, 5, seed=1), torch.tensor([1, 20, 80, 125, 200, 250])
    x = process.noised(clean, noise, t)
    back = process.clean(x, process.wanted(clean, noise, t), t)
    torch.testing.assert_close(back, clean)


def test_noised_data_keep_unit_variance():
    process = Process()
    clean, noise = draws(250, 4000), draws(250, 4000, seed=1)
    x = process.noised(clean, noise, torch.arange(1, 251))
    assert (x.var(1) - 1).abs().max() < 0.1


@pytest.mark.parametrize("sampler", [sample_ddim, sample_dpm2m])
def test_deterministic_samplers_reach_the_closed_form_for_gaussian_data(sampler):
    process = Process(cosine_alpha_bar(4000))
    x = draws(4, 80)
    got = last(sampler(wiener(process), x, trailing_steps(4000, 1000), process, None))
    bar = process.alpha_bar[-1].item()
    want = x * STD / math.sqrt(bar * STD**2 + 1 - bar)
    torch.testing.assert_close(got, want, rtol=0.02, atol=0)


def test_the_ancestral_sampler_reaches_the_variance_of_gaussian_data():
    process = Process(cosine_alpha_bar(500))
    noise = iter(draws(40_000, seed=i) for i in range(1, 1000))
    got = last(sample_ddpm(wiener(process), draws(40_000), trailing_steps(500, 500), process, lambda: next(noise)))
    assert got.std() == pytest.approx(STD, rel=0.02)


def test_the_second_order_sampler_is_nearer_at_few_steps():
    process = Process(cosine_alpha_bar(1000))
    x, bar = draws(1000), process.alpha_bar[-1].item()
    want = x * STD / math.sqrt(bar * STD**2 + 1 - bar)
    ddim, dpm = (
        last(s(wiener(process), x, trailing_steps(1000, 12), process, None)) for s in (sample_ddim, sample_dpm2m)
    )
    assert (dpm - want).abs().mean() < 0.7 * (ddim - want).abs().mean()


def ours_and_diffusers(scheduler, sampler, steps, process):
    """One sample by our sampler and by theirs on the same nonlinear denoiser."""
    denoise = lambda x, t: torch.tanh(x * (1 + t / 250))  # noqa: E731
    ladder, x = trailing_steps(process.steps, steps), draws(2, 3, 8).float()
    scheduler.set_timesteps(steps)
    assert [int(t) + 1 for t in scheduler.timesteps] == ladder[:-1]
    ours = last(sampler(denoise, x, ladder, process, None))
    for t in scheduler.timesteps:
        x = scheduler.step(denoise(x, int(t) + 1), t, x).prev_sample
    return ours, x


def betas(process):
    return (1 - process.alpha_bar[1:] / process.alpha_bar[:-1]).numpy()


def test_ddim_agrees_with_diffusers():
    from diffusers import DDIMScheduler

    process = Process(linear_alpha_bar(250))
    theirs = DDIMScheduler(
        250, trained_betas=betas(process), prediction_type="sample", clip_sample=False, timestep_spacing="trailing",
        set_alpha_to_one=True,
    )  # fmt: skip
    ours, reference = ours_and_diffusers(theirs, sample_ddim, 10, process)
    torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-4)


def test_dpm_solver_agrees_with_diffusers():
    from diffusers import DPMSolverMultistepScheduler

    process = Process(linear_alpha_bar(250))
    theirs = DPMSolverMultistepScheduler(
        250, trained_betas=betas(process), prediction_type="sample", timestep_spacing="trailing",
        algorithm_type="dpmsolver++", solver_order=2, final_sigmas_type="zero",
    )  # fmt: skip
    ours, reference = ours_and_diffusers(theirs, sample_dpm2m, 10, process)
    torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-3)


def test_ancestral_steps_agree_with_diffusers_in_the_mean():
    from diffusers import DDPMScheduler

    process = Process(linear_alpha_bar(250))
    theirs = DDPMScheduler(250, trained_betas=betas(process), prediction_type="sample", clip_sample=False)
    x, clean = draws(2, 8).float(), draws(2, 8, seed=3).float()
    for t in (250, 100, 2):
        seen = []

        def denoise(x, t, seen=seen):
            seen.append(x)
            return clean

        list(sample_ddpm(denoise, x, [t, t - 1, 0], process, lambda: torch.zeros(2, 8)))
        reference = theirs.step(clean, t - 1, x, generator=torch.Generator().manual_seed(0))
        drawn = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
        spread = theirs._get_variance(t - 1) ** 0.5
        torch.testing.assert_close(seen[1], reference.prev_sample - spread * drawn, rtol=1e-3, atol=1e-4)


def test_steps_begin_at_the_terminal_noise_and_end_at_none():
    assert trailing_steps(250, 5) == [250, 200, 150, 100, 50, 0]
    assert trailing_steps(250, 1000) == list(range(250, -1, -1))


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_tell_every_evaluation_and_can_be_left(name):
    process, calls = Process(), []
    stream = SAMPLERS[name](lambda x, t: calls.append(t) or x * 0, draws(3), trailing_steps(250, 6), process, lambda: 0)
    next(stream), next(stream)
    stream.close()
    assert len(calls) == 2


def test_from_the_source_sampling_begins_half_way_at_no_change_under_noise():
    process, seen, unit = Process(), [], draws(3)
    stream = sample_from_source(lambda x, t: seen.append((x, t)) or x * 0, unit, [250, 100, 0], process, lambda: unit)
    assert torch.equal([*stream][-1], unit * 0)
    assert [t for _, t in seen] == [125, 50]
    torch.testing.assert_close(seen[0][0], unit * (1 - process.alpha_bar[125]).sqrt())


def test_noise_is_the_same_alone_and_in_a_batch():
    alone, batch = SeededNoise([7], 128, 50), SeededNoise([3, 7, 9], 128, 50)
    for _ in range(2):
        torch.testing.assert_close(alone()[0], batch()[1], rtol=0, atol=0)


def test_noise_at_the_end_does_not_depend_on_the_length():
    long, short = SeededNoise([5], 128, 900)(), SeededNoise([5], 128, 200)()
    torch.testing.assert_close(long[..., -200:], short, rtol=0, atol=0)


def test_seeds_and_draws_differ():
    noise = SeededNoise([1, 2], 128, 20)
    first, second = noise(), noise()
    assert (first[0] - first[1]).abs().mean() > 0.5
    assert (first - second).abs().mean() > 0.5
