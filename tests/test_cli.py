import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from tiny import response, speechlike, write_rooms, write_weights

from mvsd.cli import main
from mvsd.conversion import Settings
from mvsd.evaluate import COLUMNS, Plan, evaluate_rooms, summary

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    root = tmp_path_factory.mktemp("cli")
    write_weights(root / "weights")
    soundfile.write(root / "s.wav", speechlike(1.0), 16_000)
    Image.new("RGB", (60, 40), "tan").save(root / "p.jpg")
    return root


def shell(*words, **environment):
    """The command as a user runs it, in a process of its own."""
    command = [sys.executable, "-m", "mvsd", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | environment, check=False)


@pytest.fixture
def mvsd(monkeypatch, capsys):
    """The command inside this process: (exit code, stdout, stderr)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["mvsd", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


@pytest.mark.whole
def test_match_writes_a_wav_and_says_what_it_did(lab):
    done = shell("match", "--image", lab / "p.jpg", "--speech", lab / "s.wav", "--out", lab / "o.wav",
                 "--steps", 2, "--seed", 3, "--distance", 2, "--weights", lab / "weights")  # fmt: skip
    assert done.returncode == 0, done.stderr
    for word in ("mvsd reverberator", "2 steps of dpm++", "seed 3", "real-time factor"):
        assert word in done.stdout
    assert soundfile.info(lab / "o.wav").frames > 16_000


def test_dereverb_needs_no_picture(lab, mvsd):
    words = ("--speech", lab / "s.wav", "--out", lab / "d.wav", "--steps", 1, "--weights", lab / "weights")
    code, _, talk = mvsd("dereverb", *words)
    assert code == 0, talk
    assert soundfile.info(lab / "d.wav").frames == 16_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("match", "--speech", "s.wav", "--out", "o.wav"), "needs a picture"),
        (("match", "--image", "s.wav", "--speech", "s.wav", "--out", "o.wav"), "not a picture"),
        (("dereverb", "--speech", "p.jpg", "--out", "o.wav"), "not a sound file"),
        (("dereverb", "--speech", "none.wav", "--out", "o.wav"), "no file none.wav"),
        (("dereverb", "--speech", "s.wav", "--out", "no/where/o.wav"), "no folder"),
        (("dereverb", "--speech", "s.wav", "--out", "o.wav", "--weights", "no-such"), "holds no dereverberator"),
        (("dereverb", "--speech", "s.wav", "--out", "o.wav", "--steps", "0"), "steps"),
    ],
)
def test_bad_input_ends_in_one_line_and_code_2(lab, mvsd, words, said):
    given = [lab / word if word.endswith((".wav", ".jpg")) else word for word in words]
    extra = () if "--weights" in words else ("--weights", lab / "weights")
    code, _, talk = mvsd(*given, *extra)
    assert code == 2
    assert said in talk
    assert len(talk.strip().splitlines()) == 1


@pytest.mark.whole
def test_a_command_without_its_packages_names_the_line_that_installs_them(lab, tmp_path):
    (tmp_path / "accelerate.py").write_text("raise ModuleNotFoundError(name='accelerate')")
    done = shell("train", "tiny", "--data", lab, "--out", tmp_path / "run", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "pip install -r mvsd/requirements-lab.txt" in done.stderr


def pairs(folder):
    """A folder as `rooms --speech` writes it."""
    write_rooms(folder, rooms=3, views=2)
    for kind in ("clean", "reverb"):
        (folder / kind).mkdir()
    for row in pd.read_csv(folder / "rooms.csv").itertuples():
        clean = np.pad(speechlike(2.0, row.room), (0, 16_000))
        wet = np.convolve(clean, response(row.t60_s, row.room))[40 : 40 + len(clean)]
        for kind, sound in (("clean", clean), ("reverb", wet)):
            soundfile.write(folder / kind / f"{row.stem}.wav", sound, 16_000, subtype="FLOAT")
    return folder


def test_evaluation_has_a_row_a_condition_goes_on_and_survives_a_broken_clip(lab, tmp_path):
    data = pairs(tmp_path / "rooms")
    (data / "image" / "r00001_v0.jpg").write_bytes(b"broken")
    plan = Plan(settings=Settings(steps=1), inverses=True)
    first = evaluate_rooms(data, tmp_path / "out", replace(plan, limit=2), lab / "weights")
    table = evaluate_rooms(data, tmp_path / "out", replace(plan, limit=4), lab / "weights")
    results = pd.read_csv(tmp_path / "out" / "results.csv")
    assert list(results.columns) == list(COLUMNS)
    assert len(results) == 4 * 2 + 2 * 3
    failed = results[results.status == "failed"]
    assert set(failed["clip"]) >= {"r00001_v0"}
    assert failed.reason.str.contains("not a picture").all()
    assert table != first
    assert f"{len(failed)} conversions failed" in table
    ok = results[(results.status == "ok") & (results.condition == "picture")]
    assert (ok.detail > 0).all()


def test_the_table_is_the_mean_of_the_rows():
    base = {
        "clip": "r0",
        "room": 0,
        "status": "ok",
        "sound_db": 3.0,
        "pesq": 2.0,
        "pesq_input": 1.5,
        "detail": 0.9,
        "rtf": 0.1,
        "t60_true_s": 1.0,
        "t60_s": 1.0,
    }
    errors = {"picture": 4.0, "other_picture": 5.0, "no_picture": 4.6, "truth": 3.6}
    rows = [base | {"task": "match", "condition": c, "input_db": 8.0, "error_db": e} for c, e in errors.items()]
    table = summary(pd.DataFrame(rows))
    assert "| result over input | 0.500 |" in table
    assert "picture gains | 0.60 |" in table
