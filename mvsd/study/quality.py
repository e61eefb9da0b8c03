"""What a researcher may see while a study runs: how far it is and how good the data are, never what is preferred."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from mvsd.study.columns import IDENTICAL, LEFT, REPEAT, TEST
from mvsd.study.journal import Row
from mvsd.study.screening import fast, gold_wrong, one_sided, reason_to_exclude
from mvsd.study.session import Session
from mvsd.study.spec import Study


@dataclass(frozen=True)
class Progress:
    wanted: int
    begun: int
    finished: int
    valid: int
    reasons: dict[str, int]  # exclusions by rule

    @property
    def is_complete(self) -> bool:
        return self.valid >= self.wanted


def progress(study: Study, sessions: list[Session]) -> Progress:
    reasons = [reason_to_exclude(study, list(session.answers.values())) for session in sessions]
    finished = [reason for session, reason in zip(sessions, reasons) if session.finished]
    failed = Counter(reason for reason in reasons if reason)
    return Progress(study.stop.listeners, len(sessions), len(finished), finished.count(""), dict(failed))


def by_cell(study: Study, sessions: list[Session]) -> list[Row]:
    """For each item and pair: test answers, and on how many of them the first method was on the left."""
    count, left = Counter(), Counter()
    for row in _answers(sessions):
        if row["trial_kind"] == TEST:
            first, _ = row["trial_id"].split(":")[2].split("~")
            cell = (row["item_id"], row["trial_id"].split(":")[2].replace("~", " and "))
            count[cell] += 1
            left[cell] += row["left_method"] == first
    cells = [(item.id, f"{a} and {b}") for item in study.test_items for a, b in study.pairs]
    return [{"item": i, "pair": p, "answers": str(count[i, p]), "first on the left": str(left[i, p])} for i, p in cells]


def by_session(study: Study, sessions: list[Session]) -> list[Row]:
    """One line a session. What was preferred cannot be read from it."""
    return [_session_row(study, session) for session in sessions]


def _session_row(study: Study, session: Session) -> Row:
    rows = list(session.answers.values())
    tests = [row for row in rows if row["trial_kind"] == TEST]
    lefts = sum(row["response"] == LEFT for row in tests)
    return {
        "session": session.id,
        "participant": session.participant,
        "seat": str(session.seat),
        "answers": f"{len(rows)} of {len(session.trials)}",
        "last seen (UTC)": f"{session.seen:%Y-%m-%d %H:%M}",
        "headphones": session.headphone_score,
        "gold wrong": f"{gold_wrong(study, rows)} of {len(study.trials.gold)}",
        "left": f"{lefts} of {len(tests)}",
        "identical, on one side": f"{one_sided(rows)} of {sum(row['trial_kind'] == IDENTICAL for row in rows)}",
        "same answer when repeated": _consistent(session),
        "fast": str(fast(study, rows)),
        "not heard to the end": str(sum("0" in (row["full_left"], row["full_right"]) for row in tests)),
        "focus lost": str(sum(int(row["focus_lost"]) for row in rows)),
        "device": f"{session.device}, {session.browser}",
        "excluded": reason_to_exclude(study, rows),
    }


def _consistent(session: Session) -> str:
    again = [row for row in session.answers.values() if row["trial_kind"] == REPEAT]
    first = [session.answers.get(row["trial_id"].replace(REPEAT, TEST, 1)) for row in again]
    same = sum(a["chosen_method"] == b["chosen_method"] for a, b in zip(again, first) if b)
    return f"{same} of {len(again)}"


def _answers(sessions: list[Session]) -> list[Row]:
    return [row for session in sessions for row in session.answers.values()]
