"""What people really upload: each bad file is told in one sentence, each unusual one is read."""

import struct

import numpy as np
import pytest
import soundfile

from mvsd.audio import LIMITS, LONGEST_S, SHORTEST_S, load
from mvsd.errors import UserError

RATE = 16_000


def voice(seconds: float, rate: int = RATE) -> np.ndarray:
    """A tone with the rhythm of syllables, (samples,) float32."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2).astype(np.float32)


def refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        load(path)
    message = str(caught.value)
    assert path.name in message  # which file
    assert message.endswith(".")
    assert message.count("\n") == 0
    assert str(path.parent) not in message  # nobody needs to see our folders
    return message


def test_no_such_file(tmp_path):
    assert "There is no file" in refusal(tmp_path / "absent.wav")
    (tmp_path / "folder.wav").mkdir()
    assert "There is no file" in refusal(tmp_path / "folder.wav")


def test_empty_file(tmp_path):
    (tmp_path / "a.wav").touch()
    assert "is empty" in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.raw", "a", "a.txt"])
def test_text_that_calls_itself_sound(tmp_path, name):
    (tmp_path / name).write_text("This is no sound, whatever its name says.\n" * 100)
    assert "not a sound file" in refusal(tmp_path / name)


def test_bytes_at_random(tmp_path):
    (tmp_path / "a.wav").write_bytes(np.random.default_rng(0).bytes(50_000))
    assert "not a sound file" in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize("kept", [10, 30, 43, 44, 46, 1_000, 32_000, 60_000])
def test_truncated_wav(tmp_path, kept):
    soundfile.write(tmp_path / "whole.wav", voice(2.0), RATE)
    (tmp_path / "a.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:kept])
    message = refusal(tmp_path / "a.wav")
    assert "cut off" in message or "not a sound file" in message or LIMITS in message


def test_truncated_wav_of_six_channels(tmp_path):
    soundfile.write(tmp_path / "whole.wav", np.stack([voice(2.0)] * 6, 1), RATE, format="WAVEX")
    whole = (tmp_path / "whole.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) * 2 // 3])
    assert "cut off" in refusal(tmp_path / "a.wav")


def test_truncated_flac(tmp_path):
    soundfile.write(tmp_path / "whole.flac", voice(2.0), RATE)
    whole = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])
    refusal(tmp_path / "a.flac")


def test_truncated_mp3_of_which_too_little_is_left(tmp_path):
    """Its header still promises the whole; only the decoded samples tell."""
    soundfile.write(tmp_path / "whole.mp3", voice(5.0), RATE)
    (tmp_path / "a.mp3").write_bytes((tmp_path / "whole.mp3").read_bytes()[:1_000])
    assert LIMITS in refusal(tmp_path / "a.mp3")


def test_wav_without_samples(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE)
    refusal(tmp_path / "a.wav")


def test_wav_that_was_streamed_is_read(tmp_path):
    """A recorder that writes to a pipe leaves the sizes in the header open."""
    soundfile.write(tmp_path / "a.wav", voice(1.0), RATE)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[4:8] = data[40:44] = struct.pack("<I", 0xFFFFFFFF)
    (tmp_path / "a.wav").write_bytes(data)
    assert load(tmp_path / "a.wav").shape == (RATE,)


def test_wav_with_a_byte_missing_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", voice(1.0), RATE)
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:-1])
    assert len(load(tmp_path / "a.wav")) == RATE - 1


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence(tmp_path, level):
    soundfile.write(tmp_path / "a.wav", level * voice(2.0), RATE, subtype="FLOAT")
    assert "is silent" in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_no_numbers(tmp_path, bad, channels):
    audio = np.stack([voice(2.0)] * channels, 1)
    audio[100, -1] = bad
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype="FLOAT")
    assert "not numbers" in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize("seconds", [0.05, SHORTEST_S - 0.01])
def test_too_short(tmp_path, seconds):
    soundfile.write(tmp_path / "a.wav", voice(seconds), RATE)
    message = refusal(tmp_path / "a.wav")
    assert f"{seconds:.2f} s" in message
    assert LIMITS in message


@pytest.mark.parametrize("seconds", [LONGEST_S + 0.01, 600.0])
def test_too_long(tmp_path, seconds):
    soundfile.write(tmp_path / "a.flac", voice(seconds, 8_000), 8_000)
    message = refusal(tmp_path / "a.flac")
    assert f"{seconds:.2f} s" in message
    assert LIMITS in message


@pytest.mark.parametrize("seconds", [SHORTEST_S, LONGEST_S])
def test_the_limits_themselves_are_allowed(tmp_path, seconds):
    soundfile.write(tmp_path / "a.wav", voice(seconds), RATE)
    assert len(load(tmp_path / "a.wav")) == round(seconds * RATE)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 96_000, 192_000])
def test_unusual_rates(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", voice(1.0, rate), rate)
    audio = load(tmp_path / "a.wav")
    assert len(audio) == RATE
    np.testing.assert_allclose(audio[400:-400], voice(1.0)[400:-400], atol=2e-3)


@pytest.mark.parametrize(
    ("subtype", "step"),
    [
        ("PCM_U8", 2**-7),
        ("PCM_16", 2**-15),
        ("PCM_24", 2**-23),
        ("PCM_32", 2**-23),
        ("FLOAT", 2**-23),
        ("DOUBLE", 2**-23),
    ],
)
def test_bit_depths(tmp_path, subtype, step):
    soundfile.write(tmp_path / "a.wav", voice(1.0), RATE, subtype=subtype)
    np.testing.assert_allclose(load(tmp_path / "a.wav"), voice(1.0), atol=1.01 * step)


def test_six_channels(tmp_path):
    parts = np.stack([voice(1.0) * weight for weight in (1.0, 0.5, 0.25, 0.0, 0.75, 0.5)], 1)
    soundfile.write(tmp_path / "a.wav", parts, RATE, subtype="FLOAT")
    np.testing.assert_allclose(load(tmp_path / "a.wav"), 0.5 * voice(1.0), atol=1e-6)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "aiff"])
def test_other_containers(tmp_path, suffix):
    soundfile.write(tmp_path / f"a.{suffix}", voice(1.0), RATE)
    audio = load(tmp_path / f"a.{suffix}").numpy()
    assert len(audio) == RATE
    assert np.corrcoef(audio, voice(1.0))[0, 1] > 0.99


@pytest.mark.parametrize("name", ["ein Raum (1).wav", "räumlich.wav", "録音.wav", "a", "UPPER.WAV"])
def test_names_of_all_kinds(tmp_path, name):
    soundfile.write(tmp_path / name, voice(0.5), RATE, format="WAV")
    assert len(load(tmp_path / name)) == RATE // 2
