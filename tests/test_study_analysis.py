"""From results.csv to tables: what counts, what does not, and that the same answers give the same files."""

import sys

import numpy as np
import pandas as pd
import pytest
from answered import results, study, write_study

from mvsd.cli import main
from mvsd.errors import UserError
from mvsd.study.analysis import analyse, analyse_results, remake_tables, summary
from mvsd.study.answers import read_results, valid_sessions
from mvsd.study.answers import tidy_answers as answers_of
from mvsd.study.paper_table import paper_table
from mvsd.study.shares import share_table
from mvsd.study.simulate_answers import Design, World

DESIGN = Design(12, 10)


@pytest.fixture(scope="module")
def table():
    return results(DESIGN, World(0.65, 0.5, 0.5), seed=1)


def headline(table, plan=None, who="everybody"):
    plan = plan or study()
    rows = share_table(answers_of(table, plan), plan, is_final=True)
    return rows[rows["who"] == who].iloc[0]


def test_the_share_is_that_of_the_first_method_on_whatever_side(table):
    chosen = np.where(table["response"] == "left", table["left_method"], table["right_method"])
    row = headline(table)
    assert row["share"] == pytest.approx((chosen == "ours").mean())
    assert headline(table, study(compare=[["input", "ours"]]))["share"] == pytest.approx(1 - row["share"])


def test_only_test_trials_count(table):
    gold = table.assign(trial_kind="gold", trial_id=table["trial_id"] + "g", response="left")
    assert headline(pd.concat([table, gold])).equals(headline(table))


def test_ties_are_left_out_and_counted(table):
    tied = table.copy()
    tied.loc[tied.index[:20], "response"] = "tie"
    row = headline(tied)
    assert (row["ties"], row["answers"]) == (20, 100)
    assert row["share"] == pytest.approx(headline(table.iloc[20:])["share"])


def test_the_headline_keeps_everybody_and_the_screened_result_stands_beside(table):
    marked = table.assign(excluded=np.where(table["session_id"].isin(["s0", "s1"]), "1", "0"))
    assert headline(marked)["listeners"] == 12
    assert headline(marked, who="screened")["listeners"] == 10


def test_sittings_of_one_participant_are_one_listener(table):
    known = table.assign(participant_id=np.where(table["session_id"].isin(["s0", "s1"]), "anna", ""))
    known["trial_id"] += known["session_id"]
    assert headline(known)["listeners"] == 11
    assert set(answers_of(known, study())["listener"]) == {f"L{i}" for i in range(1, 12)}  # nobody's own id


def test_sessions_are_valid_when_finished_and_not_excluded(table):
    assert valid_sessions(table, study()) == 12
    assert valid_sessions(table.iloc[1:], study()) == 11
    assert valid_sessions(table.assign(excluded="1"), study()) == 0


@pytest.mark.parametrize(("valid", "is_final"), [(11, False), (12, True)])
def test_there_is_no_p_before_the_planned_number_of_valid_listeners(table, valid, is_final):
    rows = table[table["session_id"].isin([f"s{i}" for i in range(valid)])]
    tables = analyse_results(rows, study())
    assert tables["shares"][["p", "p_holm", "these_answers_only_p"]].notna().all(axis=None) == is_final
    told = summary(tables, study(), valid)
    assert ("PRELIMINARY" in told) != is_final
    assert (", p " in told) == is_final


def test_holm_counts_the_cells_that_the_study_registered(table):
    plan = study(analysis={"cells": "pair and dataset"})
    rows = share_table(answers_of(table, plan), plan, is_final=True)
    everybody = rows[rows["who"] == "everybody"]
    assert list(everybody["dataset"]) == ["real", "sim"]
    assert everybody["p_holm"].min() == pytest.approx(2 * everybody["p"].min())


def test_the_paper_table_gives_both_shares_and_the_interval(table):
    plan = study(analysis={"cells": "pair and dataset"})
    shares = share_table(answers_of(table, plan), plan, is_final=True)
    told, row = paper_table(shares, plan), shares.iloc[0]
    assert "| Rival / method | real | sim |" in told
    assert "| Input / Ours |" in told
    assert f"{100 - 100 * row.share:.1f} % / {100 * row.share:.1f} % ({100 * row.low:.1f} to" in told


def test_more_than_two_methods_get_a_scale():
    plan = study(compare=[["ours", "input"], ["blind", "input"]], trials={"per_session": 20})
    both = pd.concat(
        [results(DESIGN, World(0.8, 0, 0)), results(DESIGN, World(0.65, 0, 0), first="blind")], ignore_index=True
    )
    tables = analyse(answers_of(both, plan), plan, is_final=True)
    assert list(tables["strengths"]["method"][:3]) == ["ours", "blind", "input"]
    assert len(tables["shares"]) == 4


def test_abx_counts_right_answers(table):
    plan = study(form="abx")
    right = table.assign(response=np.where(table["reference_sha256"] == table["left_sha256"], "left", "right"))
    row = headline(right, plan)
    assert (row["share"], row["left_share"]) == (1.0, 0.5)
    assert row["p"] < 0.02


def test_comparison_ratings_speak_of_the_first_method_whatever_its_side(table):
    plan = study(form="ccr")
    rated = table.assign(response=np.where(table["left_method"] == "ours", "-2", "1"))
    scores = analyse(answers_of(rated, plan), plan, is_final=True)["scores"]
    assert scores["mean"][0] == pytest.approx(1.5)
    assert scores["low"][0] < 1.5 < scores["high"][0]


def test_opinion_scores_are_given_for_methods_and_differences_within_listener_and_item():
    plan = study(form="mos", trials={"per_session": 20})
    rng = np.random.default_rng(0)
    parts = []
    for method, level in (("ours", 4), ("input", 3)):
        part = results(DESIGN, World(), first=method, second=method).assign(right_method="")
        listener = part["session_id"].str[1:].astype(int) % 2
        parts.append(part.assign(response=(level + listener - (rng.random(len(part)) < 0.3)).astype(str)))
    scores = analyse(answers_of(pd.concat(parts, ignore_index=True), plan), plan, is_final=True)["scores"]
    named = scores[scores["who"] == "everybody"].set_index("first")
    difference = scores[(scores["second"] == "input") & (scores["who"] == "everybody")].iloc[0]
    assert difference["mean"] == pytest.approx(1.0, abs=0.15)
    assert difference["p"] < 0.001
    assert named.loc["input", "mean"] == pytest.approx(3.2, abs=0.15)
    assert np.isnan(named.loc["input", "p"])


def test_a_study_without_answers_has_empty_tables(table, tmp_path):
    remake_tables(write_study(tmp_path, table.iloc[:0]))
    assert "0 valid listeners" in (tmp_path / "results" / "analysis" / "summary.md").read_text()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows.drop(columns="response"), "lack the column response"),
        (lambda rows: pd.concat([rows, rows]), "there twice"),
        (lambda rows: rows.assign(left_method="other"), "study.yaml does not"),
    ],
)
def test_results_that_are_not_of_the_study_are_user_errors(table, spoil, said):
    with pytest.raises(UserError, match=said):
        answers_of(spoil(table), study())


def test_a_file_that_is_no_table_is_a_user_error(tmp_path):
    (tmp_path / "results.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="no table"):
        read_results(tmp_path / "results.csv")


def test_the_command_writes_the_same_files_every_time_and_ends_in_2_without_answers(
    table, tmp_path, monkeypatch, capsys
):
    folder = write_study(tmp_path / "s", table)
    first = {path.name: path.read_bytes() for path in remake_tables(folder)}
    for name, code in ((folder, 0), (tmp_path, 2)):
        monkeypatch.setattr(sys, "argv", ["mvsd", "study", "analyse", str(name), "--out", str(tmp_path / "again")])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == code
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert {"shares.csv", "models.csv", "model.R", "paper_table.md", "intervals.png", "listeners.png"} <= first.keys()
    said = capsys.readouterr()
    assert "shares.csv" in said.out
    assert len(said.err.strip().splitlines()) == 1
