import os
import pickle
import sys

import numpy as np
import pytest
import soundfile
from PIL import Image
from tiny import response, speechlike, write_rooms

from mvsd.cli import main
from mvsd.data import avspeech, librispeech, plain_folder, soundspaces
from mvsd.data.check import check_folder, describe, set_of
from mvsd.errors import UserError

SCENES = {"train": ["17DRP5sb8fy", "1LXtFkjw3qL"], "val": ["2azQ1b91cZZ"], "test-seen": ["17DRP5sb8fy"],
          "test-unseen": ["5LpN3gDmAk7"]}  # fmt: skip


def soundspaces_clip(talker_pixels: int = 60, **other) -> dict:
    """What one published pickle holds: 18 views of 64 x 384 pixels, here 8 x 4."""
    rng = np.random.default_rng(0)
    semantic = np.zeros((18, 8, 4), np.int32)
    semantic.reshape(-1)[:talker_pixels] = 41
    rir = response(0.3)[40:]
    clean = speechlike(1.0)
    return {
        "source_audio": clean, "receiver_audio": np.convolve(clean, rir), "rir": rir,
        "rgb": list(rng.integers(0, 255, (18, 8, 4, 3), np.uint8)), "depth": list(rng.random((18, 8, 4))),
        "semantic": list(semantic), "geodesic_distance": np.float64(2.0),
    } | other  # fmt: skip


def pickled(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value))
    return path


@pytest.fixture
def spaces(tmp_path):
    for split, scenes in SCENES.items():
        for scene in scenes:
            pickled(tmp_path / split / scene / "1221-135766-0003.pkl", soundspaces_clip())
    return tmp_path


@pytest.fixture
def videos(tmp_path):
    """80 clips, so that every split has some."""
    (tmp_path / "img").mkdir()
    (tmp_path / "audio").mkdir()
    for number in range(80):
        Image.new("RGB", (32, 18), (number, 90, 60)).save(tmp_path / "img" / f"v{number:03d}.png")
        soundfile.write(tmp_path / "audio" / f"v{number:03d}.wav", speechlike(0.4, number), 16_000)
    return tmp_path


@pytest.fixture
def libri(tmp_path):
    for speaker, subset in ((1221, "test-clean"), (84, "dev-clean")):
        folder = tmp_path / "LibriSpeech" / subset / str(speaker) / "7"
        folder.mkdir(parents=True)
        lines = []
        for number in range(3):
            name = f"{speaker}-7-{number:04d}"
            soundfile.write(folder / f"{name}.flac", speechlike(1.0, number), 16_000)
            lines.append(f"{name} WORDS OF {number}")
        (folder / f"{speaker}-7.trans.txt").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def plain(tmp_path):
    write_rooms(tmp_path, rooms=2, views=2)
    for part in ("clean", "reverb"):
        (tmp_path / part).mkdir()
        for rir in (tmp_path / "rir").iterdir():
            soundfile.write(tmp_path / part / rir.name, speechlike(1.0), 16_000)
    return tmp_path


def test_every_layout_is_told_from_the_others(spaces, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    assert set_of(spaces) is soundspaces
    with pytest.raises(UserError, match="no data set we know"):
        set_of(empty)
    with pytest.raises(UserError, match="There is no folder"):
        set_of(empty / "none")


def test_views_are_joined_in_order_and_sounds_kept_as_stored(spaces):
    clip = soundspaces.list_clips(spaces).clips[0]
    held, got = soundspaces_clip(), soundspaces.read_clip(clip)
    assert got.image.size == (18 * 4, 8)
    np.testing.assert_array_equal(np.asarray(got.image)[:, 4:8], held["rgb"][1])
    np.testing.assert_allclose(got.depth_m[:, -4:], held["depth"][-1], rtol=1e-6)
    np.testing.assert_array_equal(got.clean, held["source_audio"])
    assert (clip.room, clip.speaker, clip.split) == ("17DRP5sb8fy", "1221", "train")


def test_the_archive_val_mini_is_the_split_val(spaces):
    (spaces / "val").rename(spaces / "val-mini")
    assert {clip.split for clip in soundspaces.list_clips(spaces).clips} == set(SCENES)


@pytest.mark.parametrize(
    ("change", "seen"),
    [({}, True), ({"talker_pixels": 50}, True), ({"talker_pixels": 49}, False), ({"rir": np.array([0.1, 1.0])}, False)],
)
def test_a_clip_passes_with_50_pixels_of_the_talker_and_the_direct_sound_first(tmp_path, change, seen):
    held = soundspaces_clip(**change)
    assert soundspaces.is_in_view(held["semantic"], held["rir"]) == seen


def test_the_filter_can_be_left_out(spaces):
    path = spaces / "train" / "17DRP5sb8fy" / "1221-135766-0003.pkl"
    pickled(path, soundspaces_clip(talker_pixels=0))
    clip = soundspaces.list_clips(spaces).clips[0]
    with pytest.raises(UserError, match="out of view"):
        soundspaces.read_clip(clip)
    assert soundspaces.read_clip(clip, only_in_view=False).image is not None


class Evil:
    def __reduce__(self):
        return os.system, ("touch made-by-a-pickle",)


def test_bad_pickles_are_counted_and_run_nothing(spaces, monkeypatch):
    monkeypatch.chdir(spaces)
    scene = spaces / "train" / "17DRP5sb8fy"
    pickled(scene / "1-1-0001.pkl", soundspaces_clip(rir=Evil()))
    pickled(scene / "1-1-0002.pkl", {"rir": np.zeros(3)})
    pickled(scene / "1-1-0003.pkl", soundspaces_clip(talker_pixels=0))
    pickled(scene / "1-1-0004.pkl", soundspaces_clip(rgb=[np.zeros((8, 4, 3)), np.zeros((9, 4, 3))]))
    report = describe(check_folder(spaces))
    assert "9 clips, 5 usable" in report
    for said in ("more than numbers", "lacks depth", "talker is out of view", "wrong shape"):
        assert said in report
    assert not (spaces / "made-by-a-pickle").exists()


def test_missing_splits_and_scenes_in_both_unseen_and_train_are_told(spaces):
    (spaces / "val" / "2azQ1b91cZZ").rename(spaces / "test-unseen" / "1LXtFkjw3qL")
    lacks = soundspaces.list_clips(spaces).lacks
    assert "split val" in lacks
    assert any("both hold scene 1LXtFkjw3qL" in what for what in lacks)


def test_avspeech_splits_are_the_published_places():
    places = avspeech.split_places(120_000)
    assert [len(places[split]) for split in ("train", "val", "test-seen", "test-unseen")] == [114_000, 2999, 3000, 2999]
    assert set(places["test-seen"]) < set(places["train"])
    assert not set(places["train"]) & {*places["val"], *places["test-unseen"]}


def test_avspeech_seen_clips_are_marked_as_training_clips_and_have_no_clean_source(videos):
    clips = avspeech.list_clips(videos).clips
    assert {clip.split for clip in clips if clip.is_training} == {"train", "test-seen"}
    got = avspeech.read_clip(clips[0])
    assert got.clean is None
    assert got.image.size == (32, 18)
    assert len(got.reverb) == 6400


def test_avspeech_without_its_other_half_or_broken_is_skipped(videos):
    (videos / "img" / "v003.png").unlink()
    (videos / "audio" / "v030.wav").unlink()
    (videos / "audio" / "v040.wav").write_bytes(b"no sound")
    (videos / "img" / "v050.png").write_bytes(b"no picture")
    report = describe(check_folder(videos))
    for said in ("sound but no picture (v003)", "picture but no sound (v030)", "(v040)", "(v050)", "clean sources"):
        assert said in report
    assert "test-seen 1 (training clips)" in report


@pytest.mark.parametrize("below", ["", "LibriSpeech", "LibriSpeech/dev-clean"])
def test_librispeech_is_found_from_above_and_from_inside(libri, below):
    listing = librispeech.list_clips(libri / below)
    assert {clip.split for clip in listing.clips} == ({"dev-clean"} if "dev" in below else {"dev-clean", "test-clean"})
    clip = listing.clips[0]
    assert (clip.name, clip.speaker, clip.transcript) == ("84-7-0000", "84", "WORDS OF 0")
    np.testing.assert_allclose(librispeech.read_clip(clip).clean, speechlike(1.0), atol=1e-4)


def test_an_utterance_without_transcript_and_a_broken_one_are_skipped(libri):
    folder = libri / "LibriSpeech" / "dev-clean" / "84" / "7"
    (folder / "84-7.trans.txt").write_text("84-7-0000 WORDS OF 0\n84-7-0001 AND MORE\n")
    (folder / "84-7-0001.flac").write_bytes(b"fLaC")
    report = describe(check_folder(libri))
    assert "6 clips, 4 usable" in report
    assert "no transcript" in report
    assert "not a sound file" in report


def test_a_plain_folder_gives_room_and_parts_of_each_stem(plain):
    clip = plain_folder.list_clips(plain).clips[2]
    assert (clip.name, clip.room, clip.split) == ("r00001_v0", "1", "all")
    got = plain_folder.read_clip(clip)
    np.testing.assert_array_equal(got.rir, response(0.2 + 0.04, 1))
    assert got.image.size == (64, 48)


def test_a_plain_folder_skips_what_is_incomplete_broken_or_out_of_step(plain):
    (plain / "image" / "r00000_v0.jpg").unlink()
    (plain / "reverb" / "r00000_v1.wav").write_bytes(b"RIFF")
    soundfile.write(plain / "clean" / "r00001_v0.wav", speechlike(0.5), 16_000)
    report = describe(check_folder(plain))
    assert "4 clips, 1 usable" in report
    for said in ("is not in image/", "not a sound file", "unequal length"):
        assert said in report


def test_a_quick_check_opens_no_file(plain):
    for path in (plain / "clean").iterdir():
        path.write_bytes(b"")
    assert len(check_folder(plain, read=False).usable) == 4


def test_a_set_of_which_nothing_is_left_is_a_user_error(plain):
    for path in (plain / "clean").iterdir():
        path.write_bytes(b"")
    with pytest.raises(UserError, match="no clip that can be used: is empty"):
        describe(check_folder(plain))


def test_the_command_says_what_it_found_and_ends_in_2_where_there_is_nothing(plain, monkeypatch, capsys, tmp_path):
    for folder, code in ((plain, 0), (plain / "rir", 2)):
        monkeypatch.setattr(sys, "argv", ["mvsd", "data", "check", str(folder)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == code
    said = capsys.readouterr()
    assert "Plain folder: 4 clips, 4 usable" in said.out
    assert "no data set we know" in said.err.strip().splitlines()[-1]


def test_a_table_may_tell_split_and_words(plain):
    table = plain / "rooms.csv"
    head, *rows = table.read_text().splitlines()
    told = [f"{row},{split},{words}" for row, split, words in zip(rows, ["train", "", "test", "test"], ["go on"] * 4)]
    table.write_text("\n".join([f"{head},split,transcript", *told]))
    clips = plain_folder.list_clips(plain).clips
    assert [(clip.split, clip.is_training) for clip in clips[:3]] == [("train", True), ("all", False), ("test", False)]
    assert {clip.transcript for clip in clips} == {"go on"}


def test_words_are_found_by_utterance(libri, tmp_path_factory):
    assert librispeech.transcripts(libri)["1221-7-0002"] == "WORDS OF 2"
    with pytest.raises(UserError, match="no transcripts"):
        librispeech.transcripts(tmp_path_factory.mktemp("none"))
