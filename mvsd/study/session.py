"""One listener's sitting, and the sittings of a study as the journals tell them."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from mvsd.study.assignment import Trial, schedule
from mvsd.study.columns import HEADPHONES
from mvsd.study.headphones import headphone_trials
from mvsd.study.journal import Row
from mvsd.study.screening import reason_to_exclude
from mvsd.study.spec import Study

SESSION_COLUMNS = ("session_id", "t_utc", "event", "data")
BEGUN, QUESTIONNAIRE, FINISHED, WITHDRAWN = "begun", "questionnaire", "finished", "withdrawn"
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that look alike
CODE_LETTERS = 12  # 60 bits
Clock = Callable[[], datetime]
UTC_CLOCK: Clock = partial(datetime.now, UTC)


@dataclass
class Session:
    """answers: judgements by trial_id. seen: when anything was last heard of the listener. lock: held while it acts."""

    id: str
    seat: int
    participant: str
    code: str
    language: str
    browser: str
    device: str
    seen: datetime
    trials: tuple[Trial, ...]
    answers: dict[str, Row] = field(default_factory=dict)
    questionnaire: dict[str, str] | None = None
    finished: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def open_trials(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.id not in self.answers]

    @property
    def headphone_score(self) -> str:
        """Right answers of the headphone check so far; empty where there was none."""
        return max((row["headphone_score"] for row in self.answers.values()), key=lambda s: int(s or -1), default="")

    def is_turned_away(self, study: Study) -> bool:
        """Failed a headphone check that is a gate."""
        check = study.headphones
        if check is None or not check.gate or any(trial.kind == HEADPHONES for trial in self.open_trials):
            return False
        return int(self.headphone_score or 0) < check.right_at_least

    def holds_seat(self, study: Study, now: datetime) -> bool:
        """Finished and valid, or still there."""
        if self.is_turned_away(study):
            return False
        if self.finished:
            return not reason_to_exclude(study, list(self.answers.values()))
        return now - self.seen < timedelta(minutes=study.stop.abandoned_after_min)


def assign_seed(study: Study, seat: int, session_id: str) -> str:
    return f"{study.seed}:{seat}:{session_id}"


def new_code() -> str:
    letters = "".join(secrets.choice(LETTERS) for _ in range(CODE_LETTERS))
    return "-".join(letters[i : i + 4] for i in range(0, CODE_LETTERS, 4))


def digest(token: str) -> str:
    """What is kept of a token, so that the results folder opens no session."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def event(session_id: str, now: datetime, name: str, data: dict[str, Any]) -> Row:
    return {"session_id": session_id, "t_utc": now.isoformat(), "event": name, "data": json.dumps(data)}


def withdrawn_ids(events: Iterable[Row]) -> set[str]:
    return {row["session_id"] for row in events if row["event"] == WITHDRAWN}


def session_from(study: Study, seats: tuple[tuple[Trial, ...], ...], begun: Row) -> Session:
    """The session that a `begun` event began."""
    data, id = json.loads(begun["data"]), begun["session_id"]
    given = {key: data[key] for key in ("seat", "participant", "code", "language", "browser", "device")}
    trials = (*headphone_trials(study), *schedule(study, seats[data["seat"]], assign_seed(study, data["seat"], id)))
    return Session(id=id, seen=datetime.fromisoformat(begun["t_utc"]), trials=trials, **given)


def apply(session: Session, row: Row) -> None:
    """What an event after `begun` changes."""
    data = json.loads(row["data"])
    session.seen = max(session.seen, datetime.fromisoformat(row["t_utc"]))
    if row["event"] == QUESTIONNAIRE:
        session.questionnaire = data
    elif row["event"] == FINISHED:
        session.finished = True


def replay(
    study: Study, seats: tuple[tuple[Trial, ...], ...], events: list[Row], judgements: list[Row]
) -> tuple[dict[str, Session], dict[str, str]]:
    """Sessions by id, and ids by the digest of the token that resumes them."""
    gone = withdrawn_ids(events)
    sessions: dict[str, Session] = {}
    resumes: dict[str, str] = {}
    events = [row for row in events if row["session_id"] not in gone]
    for row in events:
        if row["event"] == BEGUN:
            sessions[row["session_id"]] = session_from(study, seats, row)
            resumes[json.loads(row["data"])["resume_sha256"]] = row["session_id"]
    for row in events:
        if row["event"] != BEGUN and row["session_id"] in sessions:
            apply(sessions[row["session_id"]], row)
    for row in judgements:
        if session := sessions.get(row["session_id"]):
            session.answers.setdefault(row["trial_id"], row)
            session.seen = max(session.seen, datetime.fromisoformat(row["t_answer_utc"]))
    return sessions, resumes


def holders(study: Study, sessions: Iterable[Session], now: datetime) -> Counter[int]:
    return Counter(session.seat for session in sessions if session.holds_seat(study, now))
