import pandas as pd
import pytest

from mvsd.errors import UserError
from mvsd.evaluate.comparison import compare
from mvsd.evaluate.results import CLIPS, RESULTS


def write_run(folder, pesq, failed=()):
    """Results of mvsd: a clip for each value, two clips a room."""
    folder.mkdir()
    clips = [f"c{number}" for number in range(len(pesq))]
    status = ["failed" if clip in failed else "ok" for clip in clips]
    rows = {"clip": clips, "task": "dereverb", "system": "mvsd", "seed": 0, "status": status, "pesq_wb": pesq}
    pd.DataFrame(rows).to_csv(folder / RESULTS, index=False)
    pd.DataFrame({"clip": clips, "room": [number // 2 for number in range(len(pesq))]}).to_csv(folder / CLIPS)
    return folder


def test_the_difference_is_paired_by_clip_and_its_interval_is_over_rooms(tmp_path):
    before = write_run(tmp_path / "before", [1.0, 3.0, 1.5, 2.5, 2.0, 9.0], failed=["c5"])
    after = write_run(tmp_path / "after", [1.1, 3.1, 1.7, 2.7, 2.3, 2.0])
    row = compare(before, after, metrics=("pesq_wb",)).splitlines()[-1]
    assert row.startswith("| dereverb: pesq_wb | 5 | 2.000 | 2.180 | +0.180 (+0.")
    low, high = (float(end) for end in row.split("(")[1].split(")")[0].split(" to "))
    assert 0.1 <= low < 0.18 < high <= 0.3  # the spread between rooms, not that between voices


def test_runs_that_share_nothing_and_columns_that_are_not_there_are_told(tmp_path):
    before = write_run(tmp_path / "before", [1.0, 2.0])
    with pytest.raises(UserError, match="no column srmr"):
        compare(before, before, metrics=("srmr",))
    with pytest.raises(UserError, match="share no clip"):
        compare(before, before, system="wpe", metrics=("pesq_wb",))
    with pytest.raises(UserError, match="holds no results.csv"):
        compare(before, tmp_path / "nowhere", metrics=("pesq_wb",))
