import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.signal
import soundfile
import torch
from pesq import pesq
from PIL import Image
from pystoi import stoi as packaged_stoi
from tiny import response, speechlike, write_pairs, write_weights

from mvsd.cli import main
from mvsd.conversion import Settings
from mvsd.data.clips import ClipFiles
from mvsd.errors import UserError
from mvsd.evaluate import work
from mvsd.evaluate.controls import Made, deranged, through_truth
from mvsd.evaluate.frames import _pooled, means, read_results
from mvsd.evaluate.measure import QUICK, Bench
from mvsd.evaluate.paper import report
from mvsd.evaluate.plan import CONTROLS, Job, Plan, jobs_of, names_for
from mvsd.evaluate.results import HEAD, RESULTS, append_voice, read_voices, wav_path, write_clips
from mvsd.evaluate.run import KILLED, evaluate
from mvsd.evaluate.summary import summary
from mvsd.evaluate.tables import cell, closed, shares, write_tables
from mvsd.evaluate.truth import Truth, aligned
from mvsd.metrics.blind_t60 import blind_t60_s

FAST = Settings(steps=1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("rooms") / "set", rooms=2, views=2, seconds=3.0)


@pytest.fixture(scope="module")
def ran(tmp_path_factory, data, weights):
    """A run of ours and WPE with all controls, every sound kept."""
    out = tmp_path_factory.mktemp("run")
    outcome = evaluate(data, out, Plan(systems=("mvsd", "wpe"), settings=FAST, wavs=99), weights)
    return out, outcome


@pytest.mark.whole
def test_results_have_the_agreed_columns_and_the_planned_rows(ran):
    out, outcome = ran
    rows = pd.read_csv(out / RESULTS)
    assert tuple(rows.columns) == (*HEAD, *QUICK, "T60(slopes)", "RTE(slopes)")
    assert outcome.failed == 0
    counts = rows.groupby(["task", "system"]).size()
    assert counts["match", "mvsd"] == counts["match", "input"] == counts["dereverb", "wpe"] == 4
    firsts = set(CONTROLS) - {"input", "target"}
    assert all(counts[task, name] == 2 for task in ("match", "dereverb") for name in firsts)
    ours = rows[rows["system"] == "mvsd"]
    assert ours[["checkpoint_sha256", "steps", "sampler", "seconds", "rtf", "peak_mib"]].notna().all().all()
    assert rows.loc[rows["system"].isin(["wpe", "blind"]), ["steps", "sampler"]].isna().all().all()


def hamming_magnitudes(sound):
    """By scipy, which scales a spectrum by the sum of the window."""
    window = scipy.signal.get_window("hamming", 400)
    shape = {"nperseg": 400, "noverlap": 240, "nfft": 512, "boundary": None, "padded": False}
    return np.abs(scipy.signal.stft(sound, window=window, scaling="spectrum", **shape)[2]) * window.sum()


@pytest.mark.whole
def test_numbers_agree_with_the_packages_called_on_the_written_sounds(ran):
    out, _ = ran
    rows = pd.read_csv(out / RESULTS).set_index(["task", "system", "clip"])
    for system in ("mvsd", "wpe", "vocoder", "input"):
        got = rows.loc["dereverb", system, "r00001_v0"]
        sounds = [soundfile.read(wav_path(out, "dereverb", name, "r00001_v0"))[0] for name in (system, "target")]
        count = min(map(len, sounds))
        estimate, target = (sound[:count].astype(np.float32) for sound in sounds)
        spectra = [hamming_magnitudes(np.pad(sound, 200)) for sound in (estimate, target)]
        distance = np.mean((spectra[0] - spectra[1]) ** 2)
        assert got["pesq_wb"] == pytest.approx(pesq(16_000, target, estimate, "wb"), abs=1e-4)
        assert got["stoi"] == pytest.approx(packaged_stoi(target, estimate, 16_000), abs=1e-4)
        assert got["stft"] == pytest.approx(distance, rel=2e-3, abs=1e-6)


@pytest.mark.whole
def test_the_truth_itself_is_without_error_and_the_oracle_near(ran):
    rows = pd.read_csv(ran[0] / RESULTS).set_index(["task", "system"])
    for task in ("match", "dereverb"):
        truth = rows.loc[task, "target"]
        assert truth["pesq_wb"].to_numpy() == pytest.approx(4.644, abs=0.01)
        assert truth[["stft", "sound_db", "RTE(slopes)"]].to_numpy() == pytest.approx(0)
        assert (rows.loc[task, "oracle"]["stft"] < 0.1 * rows.loc[task, "input"]["stft"].max()).all()


@pytest.mark.whole
def test_tables_and_figures_are_written(ran):
    out, outcome = ran
    for name in ("table.csv", "table.md", "means-match.png", "means-dereverb.png", "clips.csv"):
        assert (out / name).stat().st_size > 0
    for said in (
        "share of what the truth would gain",
        "PESQ-wb less WPE's",
        "## match",
        "pesq_wb closed",
        "Floor of RTE",
    ):
        assert said in outcome.table
    assert (out / "table.md").read_text(encoding="utf-8").strip() == outcome.table.strip()


@pytest.mark.whole
def test_a_run_goes_on_and_tries_again_what_failed(tmp_path, weights):
    folder = write_pairs(tmp_path / "set", rooms=3, views=1)
    (folder / "image" / "r00001_v0.jpg").write_bytes(b"broken")
    (folder / "image" / "r00002_v0.jpg").unlink()
    plan = Plan(tasks=("dereverb",), systems=("wpe", "input"), settings=FAST)
    assert evaluate(folder, tmp_path / "out", plan, weights).failed == 4
    rows = pd.read_csv(tmp_path / "out" / RESULTS).set_index(["clip", "system"])
    assert "not a picture" in rows.loc[("r00001_v0", "wpe"), "reason"]
    assert "is not in image/" in rows.loc[("r00002_v0", "input"), "reason"]
    assert rows.loc["r00000_v0"]["status"].eq("ok").all()
    for name in ("r00001_v0", "r00002_v0"):
        Image.new("RGB", (8, 8)).save(folder / "image" / f"{name}.jpg")
    before = rows.loc[("r00000_v0", "wpe"), "seconds"]
    assert evaluate(folder, tmp_path / "out", plan, weights).failed == 0
    rows = pd.read_csv(tmp_path / "out" / RESULTS).set_index(["clip", "system"])
    assert len(rows) == 6
    assert rows.loc[("r00000_v0", "wpe"), "seconds"] == before
    with pytest.raises(UserError, match="was made with steps"):
        evaluate(folder, tmp_path / "out", replace(plan, settings=Settings(steps=2)), weights)


@pytest.mark.whole
def test_failed_rows_end_in_exit_code_3(tmp_path, data, weights, monkeypatch, capsys):
    words = ["evaluate", "--data", data, "--out", tmp_path, "--task", "match", "--systems", "blind,oracle_numbers"]
    words += ["--limit", 1, "--workers", 1, "--weights", weights, "--steps", 900]
    monkeypatch.setattr(sys, "argv", ["mvsd", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert "1 rows failed" in capsys.readouterr().err
    rows = pd.read_csv(tmp_path / RESULTS).set_index("system")
    assert rows.loc["blind", "status"] == "ok"
    assert "900 steps were asked for" in rows.loc["oracle_numbers", "reason"]


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(systems=("nobody",)), "no system nobody"),
        (Plan(tasks=("sing",)), "no task sing"),
        (Plan(metrics="some"), "no metrics some"),
        (Plan(split="test"), "no clip of split test"),
        (Plan(systems=("avitar",)), "Train it"),
    ],
)
def test_what_cannot_be_begun_is_said(tmp_path, data, weights, plan, said):
    with pytest.raises(UserError, match=said):
        evaluate(data, tmp_path, plan, weights)


@pytest.mark.whole
def test_a_set_without_clean_speech_is_matched_back_and_marked(tmp_path, weights):
    for part in ("img", "audio"):
        (tmp_path / "set" / part).mkdir(parents=True)
    for number in range(80):
        Image.new("RGB", (32, 18), (number, 90, 60)).save(tmp_path / "set" / "img" / f"v{number:03d}.png")
        soundfile.write(tmp_path / "set" / "audio" / f"v{number:03d}.wav", speechlike(0.8, number), 16_000)
    plan = Plan(systems=("mvsd", "input", "shuffled"), settings=FAST, limit=3)
    with pytest.raises(UserError, match="no clean speech"):
        evaluate(tmp_path / "set", tmp_path / "out", replace(plan, tasks=("dereverb",)), weights)
    outcome = evaluate(tmp_path / "set", tmp_path / "out", plan, weights)
    rows = pd.read_csv(tmp_path / "out" / RESULTS)
    assert outcome.failed == 0
    assert "test-seen (training clips)" in outcome.table
    assert "Nobody knows the clean speech" in outcome.table
    assert "out test-seen (training clips): RTE(slopes) |" in report([tmp_path / "out"], tmp_path / "report")
    assert set(rows["task"]) == {"match"}
    assert rows["RTE(slopes)"].notna().all()
    assert rows[["pesq_wb", "stft", "sound_db"]].isna().all().all()
    made = soundfile.read(tmp_path / "out" / "sources" / "v000.wav")[0]
    assert rows.loc[rows["system"] == "input", "T60(slopes)"].iloc[0] == pytest.approx(
        blind_t60_s(torch.from_numpy(made).float()), rel=1e-3
    )


def truth(seconds: float, t60_s: float = 0.5) -> Truth:
    rir = response(t60_s)
    dry = torch.from_numpy(speechlike(seconds, 1))
    wet = torch.from_numpy(np.convolve(dry.numpy(), rir)[40 : 40 + len(dry)].astype(np.float32))
    return Truth(dry, wet, dry, rir=rir, t60_s=t60_s, drr_db=0.0)


LABELS = ("RTE(slopes)", "mel", "stft", "pesq_wb", "stoi", "estoi", "si_sdr_db", "c50_db", "t60_s")
FILLS = {"mel": "sound_db"}


@pytest.mark.parametrize("seconds", [0.3, 0.5, 5.0, pytest.param(60.0, marks=pytest.mark.whole)])
def test_every_measure_has_a_value_or_a_reason_at_any_length(seconds):
    known = truth(seconds)
    values, reasons, _ = Bench({"slopes": blind_t60_s}).measure(Made(0.5 * known.target), known, "match", "clip")
    for label in LABELS:
        assert np.isfinite(values.get(FILLS.get(label, label), np.nan)) != any(why.startswith(label) for why in reasons)


def test_silence_and_clipping_have_values_or_reasons():
    known, bench = truth(2.0), Bench({"slopes": blind_t60_s})
    _, reasons, _ = bench.measure(Made(known.target), replace(known, target=torch.zeros(32_000)), "dereverb", "silent")
    assert {"pesq_wb: the reference is silent", "stft: the reference is silent"} <= set(reasons)
    _, reasons, _ = bench.measure(Made(torch.zeros(32_000)), known, "match", "nothing")
    assert "stoi: the result is silent" in reasons
    clipped, reasons, _ = bench.measure(Made((50 * known.target).clamp(-1, 1)), known, "match", "clipped")
    assert {why.split(":")[0] for why in reasons} <= {"t60_s"}
    assert 1 <= clipped["pesq_wb"] < 4


def test_the_slow_judges_are_heard_and_wer_says_what_it_is_against():
    judges = {"MOSE": "DNSMOS", "WER": "pocketsphinx", "EER": "Resemblyzer"}
    with_words, without = (Bench({}, judges, known) for known in (True, False))
    assert with_words.columns == ("SRMR", "DNSMOS", "MOSE(DNSMOS)", "WER(pocketsphinx)", "words", "voice(Resemblyzer)")
    assert "WER(pocketsphinx re clean)" in without.columns


def clips(count: int, rooms: int) -> list[ClipFiles]:
    return [ClipFiles(f"c{number}", "all", {}, room=str(number % rooms)) for number in range(count)]


def test_no_clip_is_shown_its_own_picture_and_gaps_are_spread():
    rooms = clips(60, 60)
    t60s = list(np.geomspace(0.2, 2.0, 60))
    shown = deranged(rooms, t60s, seed=0)
    assert all(shown[clip.name].name != clip.name for clip in rooms)
    assert len({clip.name for clip in shown.values()}) == 60
    place = {clip.name: number for number, clip in enumerate(rooms)}
    gaps = [abs(place[name] - place[other.name]) for name, other in shown.items()]
    edges = np.quantile([abs(a - b) for a in range(60) for b in range(60) if a != b], [1 / 3, 2 / 3])
    counts = np.bincount(np.searchsorted(edges, gaps), minlength=3)
    assert counts.max() - counts.min() <= 3
    assert {name: clip.name for name, clip in deranged(rooms, t60s, 0).items()} == {n: c.name for n, c in shown.items()}
    assert set(deranged(clips(5, 5), [None] * 5)) == {f"c{number}" for number in range(5)}


def test_seeds_are_repeated_only_where_they_matter():
    plan = Plan(repeats=3, settings=Settings(seed=7))
    names = names_for(plan, "dereverb", ["mvsd", "wpe"])
    jobs = jobs_of(plan, "dereverb", names, clips(4, 2), {})
    seeds = {name: sorted({job.settings.seed for job in jobs if job.system == name}) for name in names}
    assert seeds["mvsd"] == seeds["vocoder"] == [7, 8, 9]
    assert seeds["wpe"] == seeds["input"] == seeds["oracle"] == [7]
    assert len({job.key for job in jobs}) == len(jobs)


def test_controls_of_ours_are_left_out_where_ours_is():
    assert "shuffled" not in names_for(Plan(systems=("wpe",)), "dereverb", [])
    assert names_for(Plan(systems=("wpe", "shuffled")), "dereverb", []) == ["wpe", "shuffled"]
    assert names_for(Plan(controls=False), "match", ["mvsd"]) == ["mvsd"]


def test_the_inverse_of_a_response_gives_dry_speech_back():
    known = truth(2.0)
    dry = through_truth(Truth(known.target, known.source, known.source, rir=known.rir), "dereverb")
    assert float((dry - known.source).square().mean() / known.source.square().mean()) < 0.05


def test_a_response_is_aligned_at_its_direct_sound():
    rir = aligned(np.concatenate([np.zeros(100), [0.5, 0.1]]))
    assert (rir[40], rir[41]) == (1.0, 0.2)


@pytest.mark.whole
def test_a_process_that_dies_fails_its_row_and_no_other(tmp_path, data, weights, monkeypatch):
    from mvsd.evaluate import run

    place = work.Place(data, tmp_path, str(weights), ("slopes",))
    found = run.listed(data, None, None)[0]
    jobs = [Job(clip, "match", "input", FAST) for clip in found]
    killer = replace(jobs[1], system="oracle")
    monkeypatch.setattr(work, "done", die_at_oracle)
    rows = [row for _, (row, _) in run._done([jobs[0], killer, *jobs[1:]], place, 1 + 1)]
    assert len(rows) == 5
    assert {row["status"] for row in rows if row["reason"] != KILLED} == {"ok"}
    assert any(row["reason"] == KILLED and row["system"] == "oracle" for row in rows)


def die_at_oracle(job, place):
    import os

    if job.system == "oracle":
        os._exit(9)
    return work.blank(job), None


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
