"""Stimuli: one level, one length, no name; and a study from init to frozen."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from mvsd.cli import main
from mvsd.errors import UserError
from mvsd.study.build import Made, build
from mvsd.study.checks import missing_sources, told
from mvsd.study.exports import write_exports
from mvsd.study.frozen import Manifest, freeze, open_frozen, unfreeze
from mvsd.study.loudness import loudness_lufs
from mvsd.study.template import write_template

RATE = 8_000


def noise(seconds: float, level: float) -> np.ndarray:
    return (level * np.random.default_rng(0).standard_normal(round(seconds * RATE))).astype(np.float32)


SYSTEMS = {
    "source": lambda sources, settings: Made(noise(1.0, 0.02)),
    "reverberator": lambda sources, settings: Made(noise(1.5, 0.2), "ab" * 32, "3", settings),
    "noise-tail": lambda sources, settings: Made(noise(0.7, 0.9)),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As `study init` leaves it, with sources."""
    folder = write_template(tmp_path / "mine").parent
    for room in ("room-1", "room-2"):
        Image.new("RGB", (1500, 1000)).save(folder / f"sources/{room}.jpg", exif=b"Exif\0\0secret")
        for name, seconds in ((room, 1.2), (f"{room}-dry", 1.0)):
            soundfile.write(folder / f"sources/{name}.wav", noise(seconds, 0.1), RATE)
    return folder


def load(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]


def test_a_sine_of_full_scale_reads_as_the_recommendation_says():
    time_s = np.arange(48_000 * 3) / 48_000
    assert loudness_lufs(np.sin(2 * np.pi * 997 * time_s), 48_000) == pytest.approx(-3.01, abs=0.01)
    time_s = np.arange(16_000 * 3) / 16_000
    assert loudness_lufs(0.1 * np.sin(2 * np.pi * 997 * time_s), 16_000) == pytest.approx(-23.01, abs=0.05)


def test_silence_has_no_loudness():
    assert loudness_lufs(np.zeros(RATE), RATE) == -np.inf


def test_clips_of_an_item_are_equally_long_and_loud(folder: Path):
    manifest = build(folder, SYSTEMS, load, RATE)
    for clips in manifest.clips.values():
        sounds = [load(folder / "stimuli" / clip.file) for clip in clips.values()]
        assert {len(sound) for sound in sounds} == {round(1.5 * RATE)}
        assert {clip.seconds for clip in clips.values()} == {1.5}
    sounds = [load(folder / "stimuli" / clip.file) for clip in manifest.clips["room-1"].values()]
    levels = [loudness_lufs(np.trim_zeros(sound, "b"), RATE) for sound in sounds]
    assert levels == pytest.approx([-26.0] * 4, abs=0.1)
    assert manifest.clips["room-1"]["ours"].seed == "3"


def test_the_truth_is_the_reference_to_the_bit(folder: Path):
    manifest = build(folder, SYSTEMS, load, RATE)
    assert manifest.clips["room-1"]["truth"] == manifest.references["room-1"]


def test_files_tell_nothing_of_what_they_hold(folder: Path):
    manifest = build(folder, SYSTEMS, load, RATE)
    assert Manifest.read(folder) == manifest
    for file in (folder / "stimuli").iterdir():
        if file.name != "manifest.json":
            assert b"secret" not in file.read_bytes()
            assert not any(name in file.name for name in ("ours", "room", "truth", "input"))
    with Image.open(folder / "stimuli" / manifest.pictures["room-1"].file) as picture:
        assert picture.size == (1024, 683)


def test_a_study_goes_from_init_to_frozen(folder: Path):
    assert "Not built yet" in told(folder)
    build(folder, SYSTEMS, load, RATE)
    assert "Built: listen, then freeze" in told(folder)
    sha256 = freeze(folder, "0.1", datetime(2026, 1, 1, tzinfo=UTC))
    assert f"Frozen as {sha256}" in told(folder)
    assert open_frozen(folder).length_s == {"room-1": 1.5, "room-2": 1.5}
    texts = [file.read_text(encoding="utf-8") for file in write_exports(folder)]
    assert all(sha256[:12] in text for text in texts)
    with pytest.raises(UserError, match="frozen already"):
        freeze(folder, "0.1", datetime.now(UTC))
    with pytest.raises(UserError, match="stimuli stay as they are"):
        build(folder, SYSTEMS, load, RATE)


def test_what_was_not_built_is_not_frozen(folder: Path):
    build(folder, SYSTEMS, load, RATE)
    file = folder / "study.yaml"
    file.write_text(file.read_text().replace("  live:", "  late: {label: Late, system: source}\n  live:"))
    with pytest.raises(UserError, match="Not built yet: late of room-1, late of room-2"):
        freeze(folder, "0.1", datetime.now(UTC))


def test_a_source_that_is_missing_is_named(folder: Path):
    (folder / "sources/room-2.wav").unlink()
    with pytest.raises(UserError, match=r"room-2\.wav is not there"):
        told(folder)


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (lambda sources, settings: Made(noise(1, 0)), "silent"),
        (lambda sources, settings: Made(np.full(RATE, np.nan, np.float32)), "empty or broken"),
        (lambda sources, settings: Made(noise(31, 0.1)), r"31\.0 s long"),
    ],
)
def test_a_clip_that_cannot_be_used_is_told(folder: Path, system: object, message: str):
    with pytest.raises(UserError, match=message):
        build(folder, SYSTEMS | {"source": system}, load, RATE)


def test_an_unknown_system_is_told(folder: Path):
    with pytest.raises(UserError, match="There is no system source. Name one of files, noise-tail, reverberator"):
        build(folder, {name: SYSTEMS[name] for name in ("noise-tail", "reverberator")}, load, RATE)


def test_init_leaves_alone_what_is_there(folder: Path):
    with pytest.raises(UserError, match="is there already"):
        write_template(folder)
    with pytest.raises(UserError, match="no name for a study"):
        write_template(folder.parent / "My Study")


@pytest.fixture
def mvsd(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """The command inside this process, on studies in tmp_path: (exit code, stdout, stderr)."""

    def run(command: str, name: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mvsd", "study", command, name, "--studies", str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def test_the_commands_lead_from_init_to_results(mvsd, folder: Path):
    assert mvsd("init", "other")[:2] == (0, f"{folder.parent / 'other' / 'study.yaml'}\n")
    code, _, said = mvsd("check", "other")
    assert code == 2
    assert "room-1.jpg is not there" in said
    build(folder, SYSTEMS, load, RATE)
    assert mvsd("freeze", "mine")[0] == 0
    assert "Frozen as" in mvsd("check", "mine")[1]
    assert mvsd("results", "mine")[0] == 0
    assert (folder / "results" / "results.csv").read_text().startswith("schema_version,study_id")


SHIPPED = Path(__file__).parents[1] / "studies"


@pytest.mark.parametrize("name", ["matching", "dereverberation", "dereverberation-voice"])
def test_the_studies_that_ship_are_as_they_were_frozen(name: str):
    frozen = open_frozen(SHIPPED / name)
    assert missing_sources(SHIPPED / name, frozen.study) == []
    truth = frozen.study.truth
    for item, clips in frozen.manifest.clips.items():
        assert truth is None or clips[truth].sha256 == frozen.manifest.references[item].sha256


def test_a_frozen_study_is_built_anew_only_while_nobody_has_answered(folder: Path):
    build(folder, SYSTEMS, load, RATE)
    freeze(folder, "0.1", datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(UserError, match="is frozen"):
        build(folder, SYSTEMS, load, RATE)
    (folder / "results").mkdir()
    (folder / "results" / "sessions-1.csv").touch()
    with pytest.raises(UserError, match="has answers"):
        unfreeze(folder)
    (folder / "results" / "sessions-1.csv").unlink()
    unfreeze(folder)
    assert build(folder, SYSTEMS, load, RATE).clips
