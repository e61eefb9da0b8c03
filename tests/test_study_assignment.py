"""Assignment: sides exact for every listener and item, order by seed, seats given back."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest
from test_study_spec import SMALL

from mvsd.study.assignment import Trial, schedule, seat_of, seats
from mvsd.study.columns import GOLD, IDENTICAL, PRACTICE, REPEAT, TEST
from mvsd.study.halving import halves
from mvsd.study.spec import Study, study_from


def design(items: int, listeners: int, pairs: int = 1, per_session: int | None = None, **trials: int) -> Study:
    study = study_from(SMALL)
    rooms = [study.items[0].model_copy(update={"id": f"room{i}"}) for i in range(items)]
    compare = [["ours", "dry"], ["ours", "truth"], ["ours", "live"]][:pairs]
    given = {"per_session": per_session or items * pairs, "gold": [], **trials}
    return study.model_copy(
        update={
            "items": rooms,
            "compare": compare,
            "trials": study.trials.model_copy(update=given),
            "stop": study.stop.model_copy(update={"listeners": listeners}),
        }
    )


def order(study: Study, seat: int, session: str) -> tuple[Trial, ...]:
    return schedule(study, seats(study)[seat], session)


@pytest.mark.parametrize("rows", [4, 7])
@pytest.mark.parametrize("columns", [6, 9])
def test_every_row_and_column_is_halved(rows: int, columns: int):
    edges = [((r,), (c,)) for r in range(rows) for c in range(columns)]
    chosen = halves(edges, random.Random(rows * columns))
    for part in (0, 1):
        count = Counter(edge[part] for edge in edges)
        first = Counter(edge[part] for edge, side in zip(edges, chosen) if side)
        assert all(abs(2 * first[node] - count[node]) <= 1 for node in count)


@pytest.mark.parametrize(("listeners", "items", "pairs", "n"), [(20, 30, 1, 30), (15, 30, 3, 30), (8, 9, 2, 7)])
def test_sides_are_exact_for_listener_pair_and_item(listeners: int, items: int, pairs: int, n: int):
    study = design(items, listeners, pairs, n)
    count, first = Counter(), Counter()
    for seat, trials in enumerate(seats(study)):
        for trial in trials:
            other = trial.right if trial.left == "ours" else trial.left
            for key in (("seat", seat), ("seat", seat, other), ("item", trial.item), ("cell", trial.item, other)):
                count[key] += 1
                first[key] += trial.left == "ours"
    assert all(abs(2 * first[key] - count[key]) <= 1 for key in count)


def test_every_cell_is_heard_as_often_as_any_other():
    cells = Counter(t.id for trials in seats(design(10, 12, 3, 10)) for t in trials)
    assert len(cells) == 30
    assert set(cells.values()) == {4}


def test_a_listener_hears_an_item_once_while_there_are_others():
    for trials in seats(design(10, 12, 3, 10)):
        assert len({t.item for t in trials}) == 10


def test_the_same_seed_gives_the_same_order_and_another_session_another():
    study = design(30, 4)
    assert order(study, 0, "a") == order(study, 0, "a")
    assert order(study, 0, "a") != order(study, 0, "b")
    side = lambda session: {t.id: t.left for t in order(study, 0, session)}  # noqa: E731
    assert side("a") == side("b")


def test_repeats_come_late_and_swapped_and_ids_are_unique():
    study = design(30, 4, repeat=3, identical=2, practice=["room0", "room1"], per_session=28)
    trials = order(study, 2, "s")
    assert Counter(t.kind for t in trials) == {TEST: 28, REPEAT: 3, IDENTICAL: 2, PRACTICE: 2}
    assert len({t.id for t in trials}) == len(trials)
    assert [t.kind for t in trials[:2]] == [PRACTICE, PRACTICE]
    by_id = {t.id: (i, t) for i, t in enumerate(trials)}
    for i, trial in enumerate(trials):
        if trial.kind == REPEAT:
            at, original = by_id[trial.id.replace(REPEAT, TEST)]
            assert (trial.left, trial.right) == (original.right, original.left)
            assert i - at > 3
    assert [t.block for t in trials] == sorted(t.block for t in trials)


def test_no_item_comes_twice_in_a_row_where_that_can_be_had():
    trials = order(design(30, 4, repeat=3, identical=2), 1, "s")
    assert all(a.item != b.item for a, b in pairwise(trials))


def test_gold_has_the_truth_as_often_left_as_right():
    study = design(4, 6).model_copy(update={"trials": study_from(SMALL).trials})
    study = study.model_copy(update={"items": study_from(SMALL).items})
    for trials in seats(study):
        assert Counter(t.left == "truth" for t in trials if t.kind == GOLD) == {True: 1, False: 1}


def test_an_abandoned_seat_is_the_next_to_be_given():
    study = design(2, 3)
    assert seat_of(Counter(), study) == 0
    assert seat_of(Counter({0: 1, 1: 1, 2: 1}), study) is None
    assert seat_of(Counter({0: 1, 2: 1}), study) == 1
