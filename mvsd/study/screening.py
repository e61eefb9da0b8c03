"""The registered exclusions: decided on gold, identical pairs and play data alone, never on what was preferred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mvsd.study.columns import GOLD, IDENTICAL, LEFT, RIGHT, TEST
from mvsd.study.journal import Row
from mvsd.study.spec import Study


def gold_wrong(study: Study, rows: Sequence[Row]) -> int:
    return sum(row["trial_kind"] == GOLD and row["chosen_method"] != study.truth for row in rows)


def one_sided(rows: Sequence[Row]) -> int:
    """Answers to identical pairs on the side that was chosen more often."""
    sides = Counter(row["response"] for row in rows if row["trial_kind"] == IDENTICAL)
    return max(sides[LEFT], sides[RIGHT])


def fast(study: Study, rows: Sequence[Row]) -> int:
    return sum(row["trial_kind"] == TEST and float(row["rt_s"]) < study.exclusions.fast_s for row in rows)


def reason_to_exclude(study: Study, rows: Sequence[Row]) -> str:
    """The first rule a session fails, or nothing. rows: its judgements."""
    rules = study.exclusions
    counted = {
        "gold": (gold_wrong(study, rows), rules.gold_wrong_at_most),
        "identical": (one_sided(rows), rules.identical_one_side_at_most),
        "fast answers": (fast(study, rows), rules.fast_answers_at_most),
    }
    failed = (name for name, (count, most) in counted.items() if most is not None and count > most)
    return next(failed, "")
