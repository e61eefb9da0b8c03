import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from tiny import speechlike

from mvsd.errors import UserError
from mvsd.evaluate.paper import report
from mvsd.evaluate.paper_tables import read_run, tables
from mvsd.evaluate.published import published
from mvsd.evaluate.results import ASKED, wav_path
from mvsd.few_steps import KEYS, MEASURES, STEPS_CSV
from mvsd.training.arms import write_arms

VALUES = {
    ("match", "input", "stft_level"): 1.5,
    ("match", "mvsd", "stft_level"): 0.5,
    ("match", "unet", "stft_level"): 0.7,
    ("match", "mvsd", "RTE(slopes)"): 0.08,
    ("match", "mvsd", "rtf"): 0.1,
    ("dereverb", "mvsd", "pesq_wb"): 1.7,
    ("dereverb", "mvsd", "WER(pocketsphinx)"): 0.3,
    ("dereverb", "mvsd", "WER(pocketsphinx) closed"): 0.9,
}


def run_of(folder, steps=None, weights="a", add=0.0, split="all"):
    folder.mkdir()
    lines = [[split, *key, value + add, value + add - 0.1, value + add + 0.1, 9] for key, value in VALUES.items()]
    columns = ["split", "task", "system", "metric", "mean", "low", "high", "clips"]
    pd.DataFrame(lines, columns=columns).to_csv(folder / "table.csv", index=False)
    (folder / ASKED).write_text(json.dumps({"data": "set", "weights": weights, "steps": steps}))
    return folder


def by_title(*folders) -> dict[str, str]:
    return {title.split(":")[0]: text for title, text in tables([read_run(folder) for folder in folders])}


def test_one_run_fills_tables_1_2_and_4b_and_the_others_say_what_they_need(tmp_path):
    found = by_title(run_of(tmp_path / "first"))
    assert "| system | first all: STFT level-matched | first all: RTE(slopes) |" in found["Table 1"]
    assert found["Table 1"].splitlines()[2].startswith("| input | 1.5 (1.4 to 1.6) |")
    assert "| mvsd | 1.7 (1.6 to 1.8) | 0.3 (0.2 to 0.4) |" in found["Table 2"]
    assert "closed" not in found["Table 2"]
    assert [line.split("|")[1].strip() for line in found["Table 4b"].splitlines()[2:]] == ["mvsd", "unet"]
    for name in ("Table 4a", "Table 4c", "Table 4d"):
        assert found[name].startswith("Not measured")


def test_runs_that_differ_in_steps_weights_or_unpaired_share_are_told_apart(tmp_path):
    runs = [run_of(tmp_path / "mutual"), run_of(tmp_path / "apart", weights="b"), run_of(tmp_path / "many", steps=25)]
    runs += [run_of(tmp_path / f"unpaired-{share}", weights=f"u{share}", add=share / 100) for share in (25, 5)]
    found = by_title(*runs)
    rows = {name: [line.split("|")[1].strip() for line in found[name].splitlines()[2:]] for name in found}
    assert rows["Table 4a"] == ["mutual", "apart"]
    assert rows["Table 4c"] == ["usual", "25"]
    assert rows["Table 4d"] == ["5 %", "25 %"]
    assert "match: real-time factor" in found["Table 4c"]


def test_a_folder_of_steps_is_told_under_table_4c(tmp_path):
    (tmp_path / "ladder").mkdir()
    rows = [("match", steps, "a", 0, 6.0 - steps, 0.9, 1.5, 3.0, 0.4, 0.5, 0.1 * steps) for steps in (1, 2)]
    pd.DataFrame(rows, columns=[*KEYS, *MEASURES]).to_csv(tmp_path / "ladder" / STEPS_CSV, index=False)
    text = report([run_of(tmp_path / "first"), tmp_path / "ladder"], tmp_path / "out")
    told = text.split("## Table 4c")[1].split("## ")[0]
    assert "ladder, fixed weights" in told
    assert "| match | 2 | 4.000 |" in told
    assert "Not measured" not in told


def test_t_as_trained_stands_in_a_table_of_its_own_and_in_no_other(tmp_path):
    run_of(tmp_path / "first")
    (tmp_path / "trained").mkdir()
    arms = ["150 linear-0.02", "150 zero-snr"]
    rows = [["", "match", arm, name, 3.0, 2.5, 3.5, 8] for arm in arms for name in ("error_db", "rtf")]
    columns = ["split", "task", "system", "metric", "mean", "low", "high", "clips"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "trained" / "table.csv", index=False)
    (tmp_path / "trained" / ASKED).write_text(json.dumps({"data": "x", "weights": None, "schedules": arms}))
    found = by_title(tmp_path / "first", tmp_path / "trained")
    lines = found["Table 4c, T as trained"].splitlines()
    assert lines[0] == "| T, schedule | match: log-mel error, dB | match: real-time factor |"
    assert lines[2:] == [f"| trained: {arm} | 3 (2.5 to 3.5) | 3 (2.5 to 3.5) |" for arm in arms]
    assert not any("trained" in text for title, text in found.items() if title != "Table 4c, T as trained")


def test_splits_are_rows_and_columns_of_their_own_and_nothing_stands_empty(tmp_path):
    folder = run_of(tmp_path / "both", split="seen")
    unseen = pd.read_csv(folder / "table.csv").assign(split="unseen")
    unseen = unseen[~unseen["metric"].str.startswith("RTE")]
    pd.concat([pd.read_csv(folder / "table.csv"), unseen]).to_csv(folder / "table.csv", index=False)
    told = by_title(folder)
    assert [row.split("|")[1].strip() for row in told["Table 4b"].splitlines()[2:]] == [
        "mvsd, both seen", "mvsd, both unseen", "unet, both seen", "unet, both unseen"
    ]  # fmt: skip
    head = told["Table 1"].splitlines()[0]
    assert "both seen: RTE(slopes)" in head
    assert "both unseen: STFT level-matched" in head
    assert "both unseen: RTE" not in head


def test_arms_of_an_ablation_are_tables_4a_and_4d_and_no_systems(tmp_path):
    (tmp_path / "arms").mkdir()
    rooms, windows = np.repeat(["a", "b"], 2), np.array([4.0, 5.0, 6.0, np.nan])
    arms = {"separate": windows, "mutual": windows - 1, "unpaired 25%": windows - 2}
    found = {arm: {(task, "error_db"): values for task in ("match", "dereverb")} for arm, values in arms.items()}
    write_arms(tmp_path / "arms", "ways", found, rooms)
    told = by_title(run_of(tmp_path / "first"), tmp_path / "arms")
    lines = told["Table 4a, at equal compute"].splitlines()
    assert lines[0] == "| training | match: log-mel error, dB | dereverb: log-mel error, dB |"
    assert lines[3] == "| arms: mutual | 4 (3.5 to 5) | 4 (3.5 to 5) |"
    assert told["Table 4d, at equal compute"].splitlines()[2].startswith("| arms: unpaired 25% | 3 ")
    assert "arms" not in told["Table 1"]


def test_the_published_numbers_stand_apart(tmp_path):
    text = report([run_of(tmp_path / "first")], tmp_path / "out")
    ours, theirs = text.split("## Published numbers")
    assert (tmp_path / "out" / "report.md").read_text(encoding="utf-8") == text
    assert ".051" in theirs
    assert ".051" not in ours
    assert published() in text


@pytest.mark.whole
def test_kept_sounds_become_figures_of_all_systems(tmp_path):
    folder = run_of(tmp_path / "first")
    for system in ("input", "mvsd", "target"):
        path = wav_path(folder, "match", system, "a/b")
        path.parent.mkdir(parents=True)
        soundfile.write(path, speechlike(1.0).astype(np.float32), 16_000)
    text = report([folder], tmp_path / "out")
    assert (tmp_path / "out" / "figure-4.png").stat().st_size > 5000
    assert "figure-4.png" in text
    assert "figure-5.png" not in text


def test_folders_without_results_or_of_one_name_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds no table"):
        report([tmp_path], tmp_path / "out")
    (tmp_path / "x").mkdir()
    with pytest.raises(UserError, match="one name"):
        report([run_of(tmp_path / "first"), run_of(tmp_path / "x" / "first")], tmp_path / "out")
