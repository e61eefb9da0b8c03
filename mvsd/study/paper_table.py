"""Tables as papers print them, in Markdown."""

from __future__ import annotations

import pandas as pd

from mvsd.study.answers import EVERYBODY, SCREENED
from mvsd.study.spec import Study

NOTHING = "-"


def paper_table(shares: pd.DataFrame, study: Study) -> str:
    """'X % / Y % prefer', as table 3 of the MVSD paper (arXiv 2407.10373), with the interval it lacks."""
    blocks = []
    for who, title in ((EVERYBODY, "All listeners"), (SCREENED, "Without excluded sessions")):
        rows = shares[shares["who"] == who] if len(shares) else shares
        if len(rows):
            blocks.append(f"**{title}**\n\n{_block(rows, study)}")
    level = f"{100 * study.analysis.confidence:g} %"
    foot = (
        f"X % / Y %: X % of answers prefer the rival, Y % the method; in brackets the {level} interval of "
        "Y, over listeners and items. Ties are left out."
    )
    return "\n\n".join([*blocks, foot]) + "\n"


def _block(rows: pd.DataFrame, study: Study) -> str:
    datasets = list(dict.fromkeys(rows["dataset"]))
    lines = ["| Rival / method | " + " | ".join(datasets) + " |", "|---" * (len(datasets) + 1) + "|"]
    for (first, second), group in rows.groupby(["first", "second"], sort=False):
        entries = {row.dataset: _entry(row) for row in group.itertuples()}
        name = f"{label(second, study)} / {label(first, study)}"
        lines.append(f"| {name} | " + " | ".join(entries.get(dataset, NOTHING) for dataset in datasets) + " |")
    return "\n".join(lines)


def _entry(row) -> str:
    if not row.answers:
        return NOTHING
    return f"{100 - 100 * row.share:.1f} % / {100 * row.share:.1f} % ({span(row.low, row.high)})"


def span(low: float, high: float) -> str:
    """An interval of shares in percent."""
    return "no interval: too few" if pd.isna(low) else f"{100 * low:.1f} to {100 * high:.1f}"


def label(method: str, study: Study) -> str:
    return study.methods[method].label if method in study.methods else method
