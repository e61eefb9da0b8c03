import math

import pytest
import torch
from tiny import lively, speechlike, write_rooms, write_speech

from mvsd.audio import load, log_mel, stft
from mvsd.bigvgan import OURS, load_bigvgan
from mvsd.data.pack import read_pack, write_pack
from mvsd.errors import UserError
from mvsd.plain_vocoder import PlainVocoder, PlainVocoderConfig
from mvsd.resound import resound
from mvsd.training.plain import FRAMES, PlainVocoderTask
from mvsd.vocoder import linear_magnitude

SMALL = PlainVocoderConfig(width=16, blocks=1)
MEL_OF = log_mel(torch.from_numpy(speechlike(1.024))[None])
STAND_IN = """
import torch

class BigVGAN(torch.nn.Module):
    def __init__(self, h):
        super().__init__()
        self.h, self.normed = h, True
        self.up = torch.nn.ConvTranspose1d(h["num_mels"], 1, h["hop_size"], h["hop_size"])

    @classmethod
    def from_pretrained(cls, name, use_cuda_kernel=False):
        if name == "nobody/nothing":
            raise FileNotFoundError("no such repository")
        return cls(dict(part.split("=") for part in []) | eval(open(name).read(), {}))

    def remove_weight_norm(self):
        self.normed = False

    def forward(self, mel):
        assert not self.normed
        return self.up(mel)
"""


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """Writes a checkpoint of given settings, which a package of BigVGAN's interface reads."""
    (tmp_path / "bigvgan.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "bigvgan", raising=False)

    def write(**settings):
        (tmp_path / "checkpoint").write_text(repr(OURS | settings))
        return str(tmp_path / "checkpoint")

    return write


def test_it_makes_as_many_samples_as_the_mel_says():
    made = lively(PlainVocoder(SMALL))(MEL_OF)
    assert made.shape == (1, 64 * 256)
    assert made.isfinite().all()


def test_louder_mels_make_louder_sounds():
    vocoder = lively(PlainVocoder(SMALL))
    assert vocoder(MEL_OF + 1).norm() > 1.3 * vocoder(MEL_OF).norm()


def test_with_the_right_phase_and_no_correction_the_sound_is_nearly_back():
    """What the head has to learn is the phase: given it, the rest is in place."""
    sound, vocoder = torch.from_numpy(speechlike(1.024))[None], PlainVocoder(SMALL).eval()
    answer = torch.cat([torch.zeros(1, 513, 64), stft(sound).angle()], 1).transpose(1, 2)
    vocoder.exit = torch.nn.Module()
    vocoder.exit.forward = lambda h: answer
    made = vocoder(MEL_OF)
    assert (made * sound).sum() / (made.norm() * sound.norm()) > 0.6
    assert linear_magnitude(MEL_OF).shape == (1, 513, 64)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    root = tmp_path_factory.mktemp("plain")
    write_pack([write_rooms(root / "rooms", 12)], write_speech(root / "speech", 12), root / "pack")
    return read_pack(root / "pack")


def test_half_a_batch_is_dry_and_a_window_is_of_its_mel(pack):
    mel, sound = PlainVocoderTask(SMALL, pack, 4).draw(torch.Generator().manual_seed(0))
    assert mel.shape == (4, 128, FRAMES)
    torch.testing.assert_close(log_mel(sound)[..., 4:-4], mel[..., 4:-4], rtol=0, atol=1e-3)


def test_a_critic_is_asked_only_where_there_is_one(pack):
    generator, names = torch.Generator().manual_seed(0), []
    for width in (0, 2):
        task = PlainVocoderTask(SMALL, pack, 4, critic_width=width)
        names.append(task.losses(task.model, task.draw(generator), generator, 0).keys())
    assert names[1] - names[0] == {"critic", "fooled", "feature"}
    assert "complex" not in names[0]


def test_a_bigvgan_of_our_settings_turns_mels_into_sound(checkpoint):
    assert load_bigvgan(checkpoint(fmax=None))(MEL_OF).shape == (1, 64 * 256)


def test_one_of_other_settings_is_refused_with_both(checkpoint):
    with pytest.raises(UserError, match=r"sampling_rate 44100 \(ours 16000\), .*fmax 22050 \(ours 8000\)"):
        load_bigvgan(checkpoint(sampling_rate=44_100, fmax=None))


def test_a_name_that_leads_nowhere_is_told(checkpoint):
    with pytest.raises(UserError, match="no such repository"):
        load_bigvgan("nobody/nothing")


def test_without_the_package_it_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "bigvgan", None)
    with pytest.raises(UserError, match="pip install bigvgan"):
        load_bigvgan("somebody/something")


def test_copies_are_written_and_scored(tmp_path, speech):
    lively(PlainVocoder(SMALL)).save(tmp_path / "plain_vocoder.safetensors")
    scores = {name: resound(speech, tmp_path / f"{name}.wav", name, tmp_path) for name in ("plain", "griffin-lim")}
    assert scores["griffin-lim"] > scores["plain"] > 1.0
    assert len(load(tmp_path / "plain.wav")) == len(load(speech))


@pytest.mark.whole
def test_training_brings_the_mel_back(pack, tmp_path):
    from mvsd.training.loop import LoopConfig, Run, train

    task = PlainVocoderTask(PlainVocoderConfig(width=32, blocks=2), pack, 4, critic_width=2)
    run = Run(tmp_path, task, LoopConfig(lr=2e-3, warmup_steps=5, bf16=False, ema=0.5, validate_every=0), {})
    generator = torch.Generator().manual_seed(7)
    batch = task.draw(generator)
    before = task.losses(task.model, batch, generator, 0)["mel"].item()
    train(run, steps=30)
    vocoder = PlainVocoder.from_pretrained(tmp_path / "plain_vocoder.safetensors")
    after = (log_mel(vocoder(batch[0])) - log_mel(batch[1])).abs().mean().item()
    assert after < 0.8 * before
    assert math.isfinite(before)
