import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from PIL import Image
from tiny import speechlike, write_weights

from mvsd.cli import main
from mvsd.cli_options import Bar

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
    assert [line.split()[0] for line in talk.strip().splitlines()] == ["loading", "mvsd:"]


@pytest.mark.whole
def test_a_command_without_its_packages_names_the_line_that_installs_them(lab, tmp_path):
    (tmp_path / "accelerate.py").write_text("raise ModuleNotFoundError(name='accelerate')")
    done = shell("train", "tiny", "--data", lab, "--out", tmp_path / "run", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "pip install -r mvsd/requirements-lab.txt" in done.stderr


def test_the_time_left_is_that_of_the_stage_at_hand(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 100.0, 200.0, 201.0, 203.0])  # when the bar is made, then one for each call
    monkeypatch.setattr("mvsd.cli_options.time.monotonic", lambda: next(clock))
    bar = Bar("step")
    for done, total in ((1, 3), (2, 3), (3, 3), (1, 11), (2, 11)):
        bar(done, total)
    told = capsys.readouterr().err
    assert "step 2 of 3, 100 s left" in told
    assert "step 2 of 11, 18 s left" in told
