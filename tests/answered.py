"""A study that was answered by nobody: its study.yaml, and results.csv from a grid of choices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from mvsd.study.columns import COLUMNS
from mvsd.study.simulate_answers import Design, World, simulate
from mvsd.study.spec import Study, study_from

STUDY = {
    "title": "Rooms",
    "question": "Which is more consistent with the room?",
    "consent": {"version": "1", "text": "I agree.", "retention": "a year"},
    "reference": "none",
    "picture": False,
    "methods": {name: {"label": name.title()} for name in ("ours", "input", "blind")},
    "compare": [["ours", "input"]],
    "stop": {"listeners": 12},
}


def study_text(items: int = 10, **changes) -> str:
    clips = dict.fromkeys(STUDY["methods"], "c.wav")
    listed = [{"id": f"i{i}", "dataset": ("sim", "real")[i % 2], "clips": clips} for i in range(items)]
    return yaml.safe_dump(STUDY | {"items": listed, "trials": {"per_session": items}} | changes)


def study(items: int = 10, **changes) -> Study:
    return study_from(study_text(items, **changes))


def results(design: Design, world: World, seed: int = 0, first: str = "ours", second: str = "input") -> pd.DataFrame:
    """results.csv of one simulated study, a row an answer, as text."""
    grid = simulate(design, world, 1, np.random.default_rng(seed))
    rows = []
    for listener, item in zip(*np.nonzero(grid.counts[0]), strict=True):
        is_left, took_first = design.first_is_left[listener, item], grid.sums[0, listener, item] == 1
        rows.append(
            {
                "session_id": f"s{listener}",
                "trial_id": f"test-{first}-{second}-i{item}",
                "trial_kind": "test",
                "dataset": ("sim", "real")[item % 2],
                "item_id": f"i{item}",
                "left_method": first if is_left else second,
                "right_method": second if is_left else first,
                "left_sha256": "aa",
                "right_sha256": "bb",
                "reference_sha256": "aa" if is_left else "bb",
                "response": "left" if is_left == took_first else "right",
                "excluded": "0",
            }
        )
    return pd.DataFrame(rows).reindex(columns=COLUMNS, fill_value="").astype(str)


def write_study(folder: Path, table: pd.DataFrame, **changes) -> Path:
    (folder / "results").mkdir(parents=True)
    (folder / "study.yaml").write_text(study_text(**changes))
    table.to_csv(folder / "results" / "results.csv", index=False)
    return folder
