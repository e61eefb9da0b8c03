"""What the bytes of a clip tell: nothing that the sound does not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from listeners import make_study

from mvsd.study.frozen import FrozenStudy, open_frozen
from mvsd.study.media import dithered, media_of


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> FrozenStudy:
    return open_frozen(make_study(tmp_path_factory.mktemp("studies") / "rooms"))


def sent(frozen: FrozenStudy, token: str) -> bytes:
    return media_of(frozen, frozen.manifest.clips["room0"]["truth"], token)[0]


def test_the_same_clip_is_never_sent_as_the_same_bytes(frozen: FrozenStudy):
    clips = [sent(frozen, token) for token in ("reference", "gold", "a", "b")]
    assert len(set(clips)) == 4
    assert len({len(clip) for clip in clips}) == 1
    pieces = {clip[at : at + 64] for clip in clips for at in range(44, 2000, 64)}
    assert len(pieces) == 4 * len(range(44, 2000, 64))  # no part in common either


def test_a_token_gives_the_same_bytes_each_time(frozen: FrozenStudy):
    assert sent(frozen, "a") == sent(frozen, "a")


def test_what_is_added_is_one_step_of_sixteen_bits(frozen: FrozenStudy):
    frozen_clip, _ = soundfile.read(frozen.path(frozen.manifest.clips["room0"]["truth"]), dtype="int16")
    heard, _ = soundfile.read(io.BytesIO(sent(frozen, "a")), dtype="int16")
    added = heard.astype(int) - frozen_clip
    assert set(np.unique(added)) == {-1, 0, 1}
    assert abs(added.mean()) < 0.02


def test_the_loudest_samples_do_not_wrap():
    edge = np.array([32767, -32768] * 50, dtype=np.int16)
    assert np.abs(dithered(edge, np.random.default_rng(0)).astype(int) - edge).max() == 1


def test_pictures_are_sent_as_they_are(frozen: FrozenStudy, tmp_path: Path):
    picture = frozen.manifest.pictures["room0"]
    assert media_of(frozen, picture, "a")[0] == frozen.path(picture).read_bytes()
