"""Label projects in the researcher area: how far they are, how far raters agree, what can be downloaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from html import escape

from mvsd.study.journal import Row
from mvsd.study.label_agreement import agreement
from mvsd.study.label_store import all_rows, export_csv, latest
from mvsd.study.labelling import LiveLabels
from mvsd.study.parts import words
from mvsd.study.table_files import to_csv

AGREEMENT = ("field", "choice", "alpha", "overlap")


def label_files(live: LiveLabels) -> dict[str, Callable[[], str]]:
    """export.csv can be imported; labels.csv is the same for a spreadsheet, where no text can act as a formula."""
    return {
        "labels.csv": lambda: export_csv(live.opened, live.results, guards=True),
        "export.csv": lambda: export_csv(live.opened, live.results),
        "agreement.csv": lambda: to_csv(_agreement(live), AGREEMENT),
    }


def label_section(live: LiveLabels, html_table: Callable[[list[Row]], str]) -> str:
    id, at, rows = live.opened.id, live.progress(), latest(all_rows(live.results))
    torn = [name for files in live.torn.values() for name in files]
    wanted = at["items"] * live.project.raters
    parts = [
        f"<h2>{escape(words(live.project.title, ''))} <small>{id}, labels</small></h2>",
        f"<p><strong>{wanted - at['lacking']} of {wanted} labels</strong> on {at['items']} clips, "
        f"{live.project.raters} raters each.</p>",
        f'<p>Invitation: <a href="/label/{id}/">/label/{id}/</a></p>',
        f"<p>Rows cut short by a crash, set aside: {escape(', '.join(torn))}.</p>" if torn else "",
        "<p>"
        + " · ".join(f'<a href="/researcher/label/{id}/{name}">{name}</a>' for name in label_files(live))
        + "</p>",
        "<h3>Raters</h3>" + html_table(_raters(rows)),
        "<h3>Clips</h3>" + html_table(_clips(live, rows)),
        "<h3>Agreement</h3><p>Krippendorff's alpha; of regions also time common to two raters over time of either.</p>"
        + html_table(_agreement(live)),
    ]
    return "".join(parts)


def _agreement(live: LiveLabels) -> list[Row]:
    return agreement(live.project, latest(all_rows(live.results)))


def _raters(rows: list[Row]) -> list[Row]:
    counts = Counter(row["rater"] for row in rows)
    last = {row["rater"]: row["t_utc"][:16].replace("T", " ") for row in sorted(rows, key=lambda row: row["t_utc"])}
    return [{"rater": name, "labels": str(count), "last (UTC)": last[name]} for name, count in counts.most_common()]


def _clips(live: LiveLabels, rows: list[Row]) -> list[Row]:
    counts = Counter(row["item_id"] for row in rows)
    return [{"clip": item, "labels": f"{counts[item]} of {live.project.raters}"} for item in live.opened.clips]
