from pathlib import Path

import numpy as np
import pytest
import soundfile

from mvsd.data.speech import draw_clip, held_out, list_speech, speaker_of
from mvsd.errors import UserError


def write_noise(path: Path, seconds: float, rate: int = 16_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * np.random.default_rng(0).standard_normal(int(seconds * rate))
    soundfile.write(path, noise, rate)


def test_librispeech_names_tell_the_speaker():
    assert speaker_of(Path("other/103/103-1240-0000.flac")) == "103"


def test_other_names_take_the_folder_as_speaker():
    assert speaker_of(Path("voices/anna/take-1.wav")) == "anna"


def test_one_speaker_in_eight_is_held_out():
    share = np.mean([held_out(str(speaker)) for speaker in range(4000)])
    assert share == pytest.approx(1 / 8, abs=0.02)


def test_train_and_held_out_share_no_file_and_leave_none(tmp_path):
    for speaker in range(30):
        (tmp_path / f"{speaker}-1-0000.flac").touch()
    train, test = list_speech(tmp_path, "train"), list_speech(tmp_path, "held-out")
    assert sorted(train + test) == list_speech(tmp_path)
    assert not {speaker_of(path) for path in train} & {speaker_of(path) for path in test}


def test_folder_without_speech_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="holds no"):
        list_speech(tmp_path)


def test_unknown_choice_of_speakers_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="all, train, held-out"):
        list_speech(tmp_path, "some")


def test_clip_is_five_seconds_at_minus_26_db_whatever_the_rate(tmp_path):
    write_noise(tmp_path / "a" / "long.wav", 8, rate=22_050)
    _, clip = draw_clip(np.random.default_rng(1), list_speech(tmp_path))
    assert len(clip) == 5 * 16_000
    assert 10 * np.log10(np.mean(clip**2)) == pytest.approx(-26, abs=0.01)


def test_utterances_below_three_seconds_are_passed_over(tmp_path):
    write_noise(tmp_path / "a" / "short.wav", 1)
    write_noise(tmp_path / "a" / "long.wav", 4)
    assert {draw_clip(np.random.default_rng(seed), list_speech(tmp_path))[0].stem for seed in range(8)} == {"long"}
