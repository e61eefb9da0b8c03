"""How far raters agree on labels: Krippendorff's alpha of each answer, and overlap of the regions."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, product

import numpy as np
import pandas as pd

from mvsd.study.agreement import krippendorff_alpha
from mvsd.study.journal import Row
from mvsd.study.label_spec import CHOICE, RATING, REGIONS, TAGS, Asked, LabelProject
from mvsd.study.label_store import values_of

Spans = list[tuple[float, float]]


def agreement(project: LabelProject, rows: list[Row]) -> list[dict[str, str]]:
    """One row a field, a tag or a name of regions. rows: the latest labels."""
    labels = [(row["item_id"], row["rater"], values_of(row)) for row in rows]
    table = []
    for field in project.form:
        if field.kind in (CHOICE, RATING):
            codes = {choice: code for code, choice in enumerate(project.names(field))}
            cells = [(item, rater, codes.get(v.get(field.id), v.get(field.id))) for item, rater, v in labels]
            scale = "ordinal" if field.ordered or field.kind == RATING else "nominal"
            table.append(_row(field, "", _alpha(cells, scale)))
        elif field.kind in (TAGS, REGIONS):
            table += [_of_choice(field, choice, labels) for choice in project.names(field)]
    return table


def _of_choice(field: Asked, choice: str, labels: list) -> dict[str, str]:
    """Was it said at all; of regions also how much of their time is common."""
    if field.kind == TAGS:
        cells = [(item, rater, float(choice in v.get(field.id, []))) for item, rater, v in labels]
        return _row(field, choice, _alpha(cells, "nominal"))
    spans = [(i, r, [(a, b) for a, b, name in v.get(field.id, []) if name == choice]) for i, r, v in labels]
    alpha = _alpha([(item, rater, float(bool(found))) for item, rater, found in spans], "nominal")
    return _row(field, choice, alpha, mean_overlap(spans))


def mean_overlap(spans: list[tuple[str, str, Spans]]) -> float:
    """Mean over items and pairs of raters of whom at least one marked something; NaN where nobody did."""
    of_item = defaultdict(list)
    for item, _, found in spans:
        of_item[item].append(found)
    pairs = [pair for found in of_item.values() for pair in combinations(found, 2) if any(pair)]
    return float(np.mean([overlap(*pair) for pair in pairs])) if pairs else np.nan


def overlap(first: Spans, second: Spans) -> float:
    """Time common to both over time of either (intersection over union); 1 where both are empty."""
    first, second = merged(first), merged(second)
    common = sum(max(min(a[1], b[1]) - max(a[0], b[0]), 0.0) for a, b in product(first, second))
    either = sum(end - begin for begin, end in first + second) - common
    return common / either if either else 1.0


def merged(spans: Spans) -> Spans:
    """The same time without overlaps."""
    out: Spans = []
    for begin, end in sorted(spans):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((begin, end))
    return out


def _alpha(cells: list[tuple[str, str, float | None]], scale: str) -> float:
    if not cells:
        return np.nan
    frame = pd.DataFrame(cells, columns=["item", "rater", "value"])
    return krippendorff_alpha(frame.pivot(index="item", columns="rater", values="value").astype(float), scale)


def _row(field: Asked, choice: str, alpha: float, shared: float = np.nan) -> dict[str, str]:
    text = lambda number: "" if np.isnan(number) else f"{number:.3f}"  # noqa: E731
    return {"field": field.id, "choice": choice, "alpha": text(alpha), "overlap": text(shared)}
