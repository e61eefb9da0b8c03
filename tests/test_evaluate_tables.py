"""What the tables of `evaluate` say of rows that are given."""

import json

import numpy as np
import pandas as pd
import pytest

from mvsd.data.clips import ClipFiles
from mvsd.evaluate.frames import _pooled, means, read_results
from mvsd.evaluate.measure import QUICK
from mvsd.evaluate.results import HEAD, RESULTS, append_voice, read_voices, write_clips
from mvsd.evaluate.summary import summary
from mvsd.evaluate.tables import cell, closed, shares, write_tables

ABOUT = "clip,room,speaker,split,is_training\n"


def results(tmp_path, lines: list[dict], about: str = ABOUT + "a,1,x,all,0\nb,2,y,all,0\n"):
    table = pd.DataFrame(lines).reindex(columns=[*HEAD, *QUICK, "T60(slopes)", "RTE(slopes)", "voice(Judge)"])
    table.to_csv(tmp_path / RESULTS, index=False)
    (tmp_path / "clips.csv").write_text(about)
    return tmp_path


def line(clip: str, system: str, task: str = "match", **values) -> dict:
    return {"clip": clip, "system": system, "task": task, "status": "ok", "seed": 0, "reason": ""} | values


def test_means_are_of_clips_whatever_the_number_of_seeds(tmp_path):
    lines = [line("a", "mvsd", pesq_wb=1.0, seed=seed) for seed in range(3)] + [line("b", "mvsd", pesq_wb=2.0)]
    table = means(read_results(results(tmp_path, lines))).set_index("metric")
    assert table.loc["pesq_wb", "mean"] == 1.5
    assert (table.loc["pesq_wb", "low"], table.loc["pesq_wb", "high"], table.loc["pesq_wb", "clips"]) == (1, 2, 2)


def test_seeds_are_no_clips_of_their_own(tmp_path):
    errors = {"a": (0.5, 0.7, 3.0), "b": (3.0, 3.0, 3.0)}  # of DRR, by seed; 2.5 dB can just be noticed
    lines = [line(clip, "mvsd", seed=seed, drr_error_db=error) for clip in errors
             for seed, error in enumerate(errors[clip])]  # fmt: skip
    rows = read_results(results(tmp_path, lines))
    within = shares(rows).set_index("metric").loc["within 1 JND DRR"]
    assert (within["mean"], within["clips"]) == (pytest.approx(1 / 3), 2)
    told = means(rows).set_index("metric").loc["drr_error_db"]
    assert told["seed_sd"] == pytest.approx(np.std([1.75, 1.85, 3.0], ddof=1))
    assert cell(told).startswith("2.2 ±0.695 (1.4 to 3")


def test_columns_that_a_network_makes_unsure_are_marked_and_their_floor_is_told(tmp_path):
    lines = [line(clip, name, c50_db=1.0, drr_db=1.0, c50_error_db=2.0, drr_error_db=8.0, pesq_wb=1.5)
             for clip in "ab" for name in ("mvsd", "vocoder")]  # fmt: skip
    text = write_tables(results(tmp_path, lines))
    assert "| drr_error_db \\* |" in text
    assert "| pesq_wb |" in text
    assert "already 8.0 dB in DRR and 2.0 dB in C50 off" in text


def test_the_word_error_rate_of_a_set_is_all_errors_over_all_words():
    values = pd.DataFrame({"words": [10.0, 30.0], "WER(x)": [0.5, 0.1], "pesq_wb": [1.0, 2.0]})
    assert _pooled(values)["WER(x)"].mean() == pytest.approx((5 + 3) / 40)
    assert _pooled(values)["pesq_wb"].mean() == 1.5


def test_our_table_is_of_means_over_means(tmp_path):
    errors = {"mvsd": 4.0, "input": 8.0, "shuffled": 5.0, "no_picture": 4.6, "oracle_numbers": 3.6}
    lines = [line("a", name, error_db=error) for name, error in errors.items()]
    lines += [line(clip, name, "dereverb", error_db=1.0, pesq_wb=pesq) for clip in "ab" for name, pesq in
              (("mvsd", 1.7), ("wpe", 1.5))]  # fmt: skip
    table = summary(read_results(results(tmp_path, lines)))
    assert "| result over input | 0.500 |" in table
    assert "picture gains | 0.60 |" in table
    assert "+0.200 (+0.200 to +0.200)" in table


def test_how_far_t60_is_off_is_told_as_a_share_and_silence_counts_as_none(tmp_path):
    lines = [line("a", "mvsd", error_db=1, t60_s=1.5, t60_true_s=1.0), line("a", "target", t60_s=1.2, t60_true_s=1.0)]
    lines += [line("b", "mvsd", error_db=1), line("b", "target", t60_s=0.5, t60_true_s=0.6)]  # no decay in ours
    lines += [line("c", "mvsd", error_db=1, t60_s=2.0, t60_true_s=2.0), line("c", "target", t60_s=2.3, t60_true_s=2.0)]
    table = summary(read_results(results(tmp_path, lines)))
    by_response, by_tail = (row.split("|")[2] for row in table.splitlines() if "T60 off" in row or "tail too" in row)
    assert float(by_response.split("(")[0]) == pytest.approx((0.5 + 0.6 + 0.0) / 3.6, abs=1e-3)
    assert float(by_tail.split("(")[0]) == pytest.approx((0.3 + 0.5 + 0.3) / 4.0, abs=1e-3)


def test_seen_rooms_are_not_averaged_with_unseen_ones(tmp_path):
    lines = [line(clip, name, error_db=error) for clip, error in (("a", 4.0), ("b", 6.0)) for name in ("mvsd", "input")]
    text = write_tables(results(tmp_path, lines, ABOUT + "a,1,x,train,1\nb,2,y,unseen,0\n"))
    seen, unseen = (text.split(f"## Ours, {split}")[1] for split in ("train", "unseen"))
    assert "result, dB | 4.00 |" in seen.split("## ")[0]
    assert "result, dB | 6.00 |" in unseen.split("## ")[0]
    assert "## match, train (training clips)" in text
    assert "## match, unseen\n" in text


def test_the_gap_closed_is_from_input_to_target():
    values = {"input": 1.5, "mvsd": 2.0, "target": 4.5}
    table = pd.DataFrame([["all", "match", name, "pesq_wb", mean] for name, mean in values.items()],
                         columns=["split", "task", "system", "metric", "mean"])  # fmt: skip
    assert closed(table).set_index("system").loc["mvsd", "mean"] == pytest.approx(1 / 6)


def test_clips_of_an_earlier_run_keep_their_split(tmp_path):
    rooms = [ClipFiles(name, split, {}, room=name) for name, split in (("a", "seen"), ("b", "unseen"))]
    write_clips(tmp_path, rooms)
    write_clips(tmp_path, rooms[:1])
    results(tmp_path, [line("b", "mvsd", error_db=1.0)], (tmp_path / "clips.csv").read_text())
    assert read_results(tmp_path)["split"].tolist() == ["unseen"]


def test_the_error_rate_of_voices_is_in_the_table(tmp_path):
    about = ABOUT + "".join(f"{clip},{clip},{'xy'[number // 2]},all,0\n" for number, clip in enumerate("abcd"))
    systems = {"target": 0, "mvsd": 1}
    lines = [line(clip, name, "dereverb", **{"voice(Judge)": 1.0}) for name in systems for clip in "abcd"]
    out = results(tmp_path, lines, about)
    for number, clip in enumerate("abcd"):
        append_voice(out, (clip, "dereverb", "target", 0), np.eye(2)[number // 2])
        append_voice(out, (clip, "dereverb", "mvsd", 0), np.eye(2)[number % 2])
    with (out / "voices.jsonl").open("a") as file:
        file.write(json.dumps(["a", "dereverb", "mvsd"])[:-3])  # cut off by a kill
    assert len(read_voices(out)) == 8
    write_tables(out)
    table = pd.read_csv(out / "table.csv").set_index(["system", "metric"])["mean"]
    assert table["target", "EER(Judge)"] == 0
    assert table["mvsd", "EER(Judge)"] == pytest.approx(0.5)
