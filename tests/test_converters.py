import math
from dataclasses import replace

import pytest
import soundfile
import torch
from PIL import Image
from tiny import speechlike, write_weights

from mvsd.audio import SAMPLE_RATE, log_mel
from mvsd.clip import Clip
from mvsd.conversion import Conversion, Progress, Settings
from mvsd.converters import Dereverberator, Reverberator, convert, convert_file, open_clip
from mvsd.errors import UserError

PHOTO = Image.new("RGB", (80, 60), (180, 120, 60))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def reverberator(weights):
    return Reverberator.from_pretrained(weights, "cpu")


@pytest.fixture(scope="module")
def dereverberator(weights):
    return Dereverberator.from_pretrained(weights, "cpu")


def clip(seconds=2.0, image=PHOTO, gain=1.0):
    return Clip(torch.from_numpy(speechlike(seconds)) * gain, SAMPLE_RATE, image)


def mel_of(converter, clip, settings):
    *steps, _ = converter.stream(clip, settings)
    return steps[-1].mel


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ddpm"])
def test_the_seed_decides_the_mel(reverberator, sampler):
    settings = Settings(steps=3, sampler=sampler, seed=4)
    once, again = (mel_of(reverberator, clip(), settings) for _ in range(2))
    torch.testing.assert_close(once, again, rtol=0, atol=0)
    other = mel_of(reverberator, clip(), replace(settings, seed=5))
    assert (once - other).abs().mean() > 1e-3


def test_threads_do_not_change_the_mel(reverberator):
    before = torch.get_num_threads()
    try:
        mels = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            mels.append(mel_of(reverberator, clip(), Settings(steps=4)))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(mels[0], mels[1], rtol=0, atol=1e-3)


def test_a_progress_a_step_and_the_conversion_last(dereverberator):
    *steps, made = dereverberator.stream(clip(), Settings(steps=5))
    assert [(step.done, step.total) for step in steps] == [(i, 5) for i in range(1, 6)]
    assert all(isinstance(step, Progress) for step in steps)
    assert isinstance(made, Conversion)


def test_only_wav_is_written_and_said_so(reverberator, tmp_path):
    with pytest.raises(UserError, match="End it in .wav"):
        convert_file(reverberator, tmp_path / "s.wav", None, tmp_path / "o.mp3")


def test_what_was_read_in_the_picture_is_told(reverberator):
    seen, blind = convert(reverberator, clip()), convert(reverberator, clip(image=None), Settings(t60_s=0.5))
    scene = reverberator.scene
    assert seen.read.t60_s == pytest.approx(scene.read(scene.see(PHOTO)[0]).t60_s, rel=1e-4)
    assert blind.read is None


def test_a_matched_clip_is_longer_by_a_tail_and_a_dry_one_is_not(reverberator, dereverberator):
    matched, dry = (convert(c, clip(), Settings(steps=2)) for c in (reverberator, dereverberator))
    assert 2.0 * SAMPLE_RATE < len(matched.audio) <= 5.0 * SAMPLE_RATE
    assert matched.speech_end == len(dry.audio) == 2.0 * SAMPLE_RATE
    assert matched.audio[-1] == 0
    assert len(matched.source) == len(matched.audio)


def test_the_level_of_the_source_is_the_level_of_the_result(dereverberator):
    loud, soft = (convert(dereverberator, clip(gain=gain), Settings(steps=2)) for gain in (0.1, 0.01))
    assert loud.gain_db == 0
    torch.testing.assert_close(soft.audio * 10, loud.audio, rtol=1e-3, atol=1e-4)


def test_what_would_clip_is_lowered_and_told(reverberator):
    made = convert(reverberator, clip(gain=60), Settings(steps=2))
    assert made.gain_db < 0
    assert made.audio.abs().max() <= 0.9901


def test_the_last_word_of_a_long_clip_is_that_of_its_last_four_seconds(dereverberator):
    whole = clip(20.0)
    end = replace(whole, audio=whole.audio[-4 * SAMPLE_RATE :])
    settings = Settings(steps=4, seed=1)
    long, short = (mel_of(dereverberator, part, settings)[:, -60:] for part in (whole, end))
    source = log_mel(end.audio[None])[0][:, -60:]
    assert (long - short).abs().mean() < 0.05 * (short - source).abs().mean()


def test_the_network_draws_what_is_fine_and_the_room_model_what_is_slow(reverberator, dereverberator):
    frames = torch.arange(400.0)
    slow, fine = 0.01 * frames, torch.cos(2 * torch.pi * frames / 5)
    change = (slow + fine).expand(1, 128, -1)
    kept = reverberator.kept(change)[..., 20:-20]
    torch.testing.assert_close(kept, fine.expand(1, 128, -1)[..., 20:-20], atol=0.1, rtol=0)
    assert dereverberator.kept(change) is change


def test_the_smooth_answer_of_one_step_is_given_the_detail_of_speech(dereverberator, reverberator):
    frames = torch.arange(400.0)
    slow, fine = 0.01 * frames, torch.cos(2 * torch.pi * frames / 5)
    mel = (slow + fine).expand(1, 128, -1)
    drawn = dereverberator.drawn(mel, steps=1)
    wanted = (slow + dereverberator.stretch * fine).expand(1, 128, -1)
    torch.testing.assert_close(drawn[..., 20:-20], wanted[..., 20:-20], atol=0.02, rtol=0)
    assert dereverberator.drawn(mel, steps=2) is mel
    assert reverberator.drawn(mel, steps=1) is mel


def test_no_seam_can_be_found(dereverberator):
    from mvsd.denoiser import Windows

    long = clip(12.0)
    mel = mel_of(dereverberator, long, Settings(steps=4))
    jumps = mel.diff(dim=-1).abs().mean(0)
    plan = Windows.of(mel.shape[1], dereverberator.denoiser.config)
    borders = [mel.shape[1] - i * plan.hop for i in range(1, plan.count)]
    blends = [mel.shape[1] - i * plan.hop + plan.blend for i in range(1, plan.count)]
    at_borders = torch.tensor([jumps[b - 1].item() for b in borders + blends if 0 < b < len(jumps)]).mean()
    assert at_borders < jumps.mean() + 3 * jumps.std() / math.sqrt(len(borders + blends))


def test_a_room_may_be_given_in_numbers_instead_of_a_picture(reverberator):
    blind = clip(image=None)
    with pytest.raises(UserError, match="needs a picture of the room"):
        convert(reverberator, blind)
    small, large = (convert(reverberator, blind, Settings(steps=2, t60_s=t60)).mel for t60 in (0.3, 2.0))
    frames = min(small.shape[1], large.shape[1])
    assert (small[:, :frames] - large[:, :frames]).abs().mean() > 1e-3


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (Settings(steps=0), "steps"),
        (Settings(sampler="euler"), "sampler euler"),
        (Settings(distance_m=-1.0), "distance"),
        (Settings(t60_s=60.0), "T60"),
        (Settings(seed=-1), "seed"),
    ],
)
def test_settings_out_of_range_are_told(dereverberator, settings, wrong):
    with pytest.raises(UserError, match=wrong):
        convert(dereverberator, clip(), settings)


def test_weights_of_the_other_direction_are_refused(weights, tmp_path):
    (tmp_path / "scene.safetensors").write_bytes((weights / "scene.safetensors").read_bytes())
    (tmp_path / "vocoder.safetensors").write_bytes((weights / "vocoder.safetensors").read_bytes())
    (tmp_path / "dereverberator.safetensors").write_bytes((weights / "reverberator.safetensors").read_bytes())
    with pytest.raises(UserError, match="trained to match, not to dereverb"):
        Dereverberator.from_pretrained(tmp_path, "cpu")


def test_files_in_and_a_wav_out(reverberator, tmp_path):
    soundfile.write(tmp_path / "s.wav", speechlike(1.0), SAMPLE_RATE)
    PHOTO.save(tmp_path / "p.png")
    made = convert_file(reverberator, tmp_path / "s.wav", tmp_path / "p.png", tmp_path / "o.wav", Settings(steps=1))
    info = soundfile.info(tmp_path / "o.wav")
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (16_000, 1, "PCM_16", len(made.audio))


@pytest.mark.parametrize("seconds", [0.3, 7.77])
def test_any_length_goes_through(dereverberator, seconds):
    made = convert(dereverberator, clip(seconds), Settings(steps=1))
    assert len(made.audio) == round(seconds * SAMPLE_RATE)
    assert made.audio.isfinite().all()


def test_open_clip_reads_both(tmp_path):
    soundfile.write(tmp_path / "s.wav", speechlike(1.0), SAMPLE_RATE)
    PHOTO.save(tmp_path / "p.png")
    opened = open_clip(tmp_path / "s.wav", tmp_path / "p.png")
    assert opened.seconds == 1.0
    assert opened.image.size == (80, 60)
