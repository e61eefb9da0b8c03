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
from mvsd.evaluate.measure import QUICK, Bench
from mvsd.evaluate.paper import report
from mvsd.evaluate.plan import CONTROLS, Job, Plan, jobs_of, names_for
from mvsd.evaluate.results import HEAD, RESULTS, wav_path
from mvsd.evaluate.run import KILLED, evaluate
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
