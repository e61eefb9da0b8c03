import math
from dataclasses import replace

import pytest
import torch
from tiny import UNET, lively

from mvsd.denoiser import Denoiser, Windows, long_denoise
from mvsd.unet import Condition, ControllableUnet


def mels(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) - 6


def picture(items, seed=3):
    generator = torch.Generator().manual_seed(seed)
    scene, tokens = torch.randn(items, 256, generator=generator), torch.randn(items, 49, 256, generator=generator)
    return Condition(scene, tokens, torch.ones(items, dtype=torch.bool), *torch.full((2, items, 3), torch.nan))


@pytest.mark.parametrize("frames", [1, 95, 128, 129, 333, 3750])
def test_windows_put_together_are_the_clip(frames):
    plan = Windows(frames, window=128, past=64, blend=32)
    mel = mels(1, 128, plan.length)
    assert plan.length - frames >= plan.past
    torch.testing.assert_close(plan.join(plan.cut(mel[0])), mel)


def test_every_frame_of_a_clip_sees_a_second_of_its_past():
    plan = Windows(700, window=128, past=64, blend=32)
    assert plan.past * 256 / 16_000 >= 1.0
    assert plan.length - plan.frames >= plan.past


def test_windows_are_counted_from_the_end_of_the_clip():
    long, short = (Windows(frames, 128, 64, 32) for frames in (1300, 250))
    mel = mels(1, 128, long.length)
    last = short.cut(mel[0, :, -short.length :])[-1]
    torch.testing.assert_close(long.cut(mel[0])[-1], last, rtol=0, atol=0)


@pytest.mark.parametrize("centre", ["source", "mean", "rung"])
def test_what_diffuses_can_be_turned_back(centre):
    denoiser = Denoiser(replace(UNET, centre=centre))
    target, source = mels(2, 128, 16), mels(2, 128, 16, seed=1)
    seen = denoiser.see(source, Condition.unknown(2))
    torch.testing.assert_close(denoiser.decode(denoiser.encode(target, seen), seen), target)


def test_a_window_hears_the_room_ring_from_before_it():
    denoiser = Denoiser(replace(UNET, centre="rung", seen=2))
    source = mels(1, 128, 100)
    earlier = source.clone()
    earlier[..., :20] += 4
    rung, louder = (denoiser.see(x, Condition.unknown(1))[:, 1, :, 20:] for x in (source, earlier))
    assert (louder - rung)[..., :10].min() > 0.01
    assert (louder - rung).amax((0, 1)).diff().max() < 0.5


def test_the_room_is_as_told_else_as_read_else_as_usual():
    usual, nan = torch.tensor([0.5, -0.6, -0.2]), float("nan")
    numbers = torch.tensor([[nan, -1.0, nan], [nan, nan, nan], [nan, nan, nan], [0.5 + math.log(2), nan, nan]])
    reading = torch.tensor([[0.0, 0.1, 0.3], [0.0, 0.1, 0.3], [nan] * 3, [nan] * 3])
    condition = replace(Condition.unknown(4), numbers=numbers, reading=reading)
    log_t60, drr = condition.room(usual)
    torch.testing.assert_close(log_t60[:, 0], torch.tensor([-1.0, 0.1, -0.6, -0.6]))
    torch.testing.assert_close(drr[:, 0], torch.tensor([0.3, 0.3, -0.2, -0.2 - 0.602]), rtol=0, atol=1e-3)


def test_the_loss_is_the_error_of_target_and_estimate():
    denoiser = Denoiser(replace(UNET, past_frames=0))  # untrained: its answer is zero
    target, source = mels(4, 128, 128), mels(4, 128, 128, seed=1)
    terms = denoiser.window_loss(target, source, Condition.unknown(4), torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    t, noise = denoiser.draw_steps(4, generator), torch.randn(target.shape, generator=generator)
    clean = denoiser.encode(target, source[:, None])
    bar = denoiser.process.alpha_bar[t].float()[:, None, None]
    velocity = bar.sqrt() * noise - (1 - bar).sqrt() * clean
    estimate = bar.sqrt() * (bar.sqrt() * clean + (1 - bar).sqrt() * noise)
    assert terms["diffusion"].item() == pytest.approx(velocity.square().mean().item(), rel=1e-4)
    assert terms["style"].item() == pytest.approx((estimate - clean).abs().mean().item(), rel=1e-4)


def test_picture_numbers_step_and_source_all_change_the_answer():
    net = lively(ControllableUnet(UNET))
    x, seen, t, nothing = mels(1, 128, 64), mels(1, 1, 128, 64, seed=1), torch.tensor([0.5]), Condition.unknown(1)
    told = replace(nothing, numbers=torch.tensor([[0.7, -0.5, 0.3]]))
    with torch.no_grad():
        answers = [
            net(x, seen, t, nothing),
            net(x, seen, t, picture(1)),
            net(x, seen, t, told),
            net(x, seen, t * 0.2, nothing),
            net(x, seen + 1, t, nothing),
        ]
    assert all((answer - answers[0]).abs().max() > 1e-3 for answer in answers[1:])


def test_what_is_masked_as_unknown_cannot_be_seen():
    net = lively(ControllableUnet(UNET))
    x, t = mels(1, 128, 32), torch.tensor([0.5])
    hidden = picture(1).keep(torch.tensor([False]), torch.zeros(1, 3, dtype=torch.bool))
    with torch.no_grad():
        torch.testing.assert_close(net(x, x[:, None], t, hidden), net(x, x[:, None], t, Condition.unknown(1)))


def test_cross_attention_stands_in_the_third_encoder_and_the_first_decoder_block_only():
    net = ControllableUnet(UNET)
    assert [block.cross_attention is not None for block in net.encoder] == [False, False, True]
    assert [block.cross_attention is not None for block in net.decoder] == [True, False, False]


def test_the_scene_reaches_the_answer_by_cross_attention_alone_too():
    net = lively(ControllableUnet(replace(UNET, scene_film=False)), scale=0.2)
    x, t = mels(1, 128, 32), torch.tensor([0.5])
    with torch.no_grad():
        assert (net(x, x[:, None], t, picture(1)) - net(x, x[:, None], t, picture(1, seed=4))).abs().max() > 1e-4


def test_windows_at_once_change_nothing():
    denoiser = lively(Denoiser(UNET))
    plan = Windows.of(500, UNET)
    seen, x = mels(1, 1, 128, plan.length), torch.randn(1, 128, plan.length)
    one, many = (long_denoise(denoiser, seen, picture(1), windows_at_once=n)(x, 200) for n in (1, 8))
    torch.testing.assert_close(one, many, rtol=0, atol=1e-3)


def test_training_and_inference_give_the_same_answer():
    net = lively(ControllableUnet(UNET))
    x, t = mels(2, 128, 48), torch.tensor([0.5, 0.9])
    with torch.no_grad():
        quick = net(x, x[:, None], t, picture(2))
        torch.testing.assert_close(net.train()(x, x[:, None], t, picture(2)), quick, rtol=1e-4, atol=1e-4)
