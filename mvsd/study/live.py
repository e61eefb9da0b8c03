"""A study that is running: sessions, the answers they give, and what each page shows next."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mvsd.errors import UserError
from mvsd.study import journal
from mvsd.study.assignment import Trial, seat_of, seats
from mvsd.study.columns import COLUMNS
from mvsd.study.frozen import FrozenStudy
from mvsd.study.headphones import headphone_trials
from mvsd.study.journal import Journal, Row
from mvsd.study.judgement import Asker, Shown, agent, read_answer, row_of
from mvsd.study.listening import SLACK_S, Segment, measure, read_log, refused, unheard
from mvsd.study.media import Medium
from mvsd.study.parts import words
from mvsd.study.questionnaire import asked, read_questionnaire
from mvsd.study.refusals import FullError, NotSavedError, StaleError, UnknownError
from mvsd.study.results import EVENTS, JUDGEMENTS, SESSIONS
from mvsd.study.session import (
    BEGUN,
    FINISHED,
    QUESTIONNAIRE,
    SESSION_COLUMNS,
    UTC_CLOCK,
    WITHDRAWN,
    Clock,
    Session,
    digest,
    event,
    holders,
    new_code,
    replay,
    session_from,
)
from mvsd.study.showing import Showing

EVENT_COLUMNS = ("session_id", "trial_id", "at_s", "slot", "from_s", "for_s", "why")
LONGEST_PARTICIPANT = 200  # characters
log = logging.getLogger(__name__)


class LiveStudy:
    """Sessions, trials and answers of a frozen study. Every method may be called from any thread.

    One session does one thing at a time, by its own lock. What all of them share is held for moments only, never while
    the disk is waited for: answers that come together reach it together.
    """

    def __init__(
        self,
        frozen: FrozenStudy,
        results: Path,
        asker: Asker,
        clock: Clock = UTC_CLOCK,
        lock: threading.Lock | None = None,
    ):
        self.frozen, self.study, self.results = frozen, frozen.study, results
        self.torn = {name: journal.set_aside(results, name) for name in (SESSIONS, JUDGEMENTS, EVENTS)}
        self._asker, self._clock = asker, clock
        self._seats = seats(self.study)
        columns = {SESSIONS: SESSION_COLUMNS, JUDGEMENTS: COLUMNS, EVENTS: EVENT_COLUMNS}
        # an answer's row holds what was heard of each clip: the log behind it may be lost with the machine's power
        self._journals = {name: Journal(results, name, of, lock, syncs=name != EVENTS) for name, of in columns.items()}
        self._sessions, self._resumes = replay(self.study, self._seats, *self._read())
        self._showing = Showing(frozen)
        self._done: dict[str, str] = {}  # trial token of an answer -> session
        self._lock = threading.RLock()

    def welcome(self, language: str) -> dict[str, Any]:
        """What anyone may read before taking part."""
        study, say = self.study, lambda text: words(text, language)
        return {
            "study": self.frozen.id,
            "title": say(study.title),
            "languages": study.languages,
            "consent": say(study.consent.text),
            "consent_version": study.consent.version,
            "retention": say(study.consent.retention),
            "ethics": study.consent.ethics,
            "contact": study.consent.contact,
            "trials": len(headphone_trials(study)) + len(self._seats[0]) + study.trials.repeat,
            "level_db": study.level.target_db,
            "participant_parameter": study.participant_parameter,
        }

    def begin(self, consent_version: str, participant: str, language: str, user_agent: str) -> str:
        """Take a seat, once consent is given. Returns the token that opens this session, now and later."""
        if consent_version != self.study.consent.version:
            raise UserError("The consent text has changed. Reload the page and read it again.")
        if len(participant) > LONGEST_PARTICIPANT:
            raise UserError(f"The participant id is too long; {LONGEST_PARTICIPANT} characters fit. Check the link.")
        token, (browser, device) = secrets.token_urlsafe(18), agent(user_agent)
        given = {
            "participant": participant,
            "code": new_code(),
            "language": language if language in self.study.languages else self.study.languages[0],
            "browser": browser,
            "device": device,
            "consent_version": consent_version,
            "study_sha256": self.frozen.sha256,
            "resume_sha256": digest(token),
        }
        with self._lock:
            now = self._clock()
            seat = seat_of(holders(self.study, self._sessions.values(), now), self.study)
            if seat is None:
                raise FullError("This study has all the listeners it needs for now. Thank you for your interest.")
            begun = event(secrets.token_hex(8), now, BEGUN, {"seat": seat} | given)
            session = self._sessions[begun["session_id"]] = session_from(self.study, self._seats, begun)
        try:
            self._save(SESSIONS, begun)
        except NotSavedError:
            with self._lock:
                del self._sessions[session.id]
            raise
        with self._lock:
            self._resumes[digest(token)] = session.id
        return token

    def state(self, token: str) -> dict[str, Any]:
        """What the page of this session shows next. Every call gives new media tokens and ends the ones before."""
        with self._open(token) as session:
            return self._state(session)

    def answer_questionnaire(self, token: str, answers: Any) -> dict[str, Any]:
        with self._open(token) as session:
            if session.questionnaire is None:
                given = read_questionnaire(self.study, answers, session.language)
                self._save(SESSIONS, event(session.id, self._clock(), QUESTIONNAIRE, given))
                session.questionnaire = given
            return self._state(session)

    def answer(self, token: str, trial_token: str, values: Any) -> dict[str, Any]:
        """Save an answer, then show what is next. The same answer again changes nothing."""
        with self._open(token) as session:
            if self._done.get(trial_token) == session.id:
                return self._state(session)
            with self._lock:
                shown, segments, row = self._judged(session, trial_token, values)
            self._save(JUDGEMENTS, row)
            with self._lock:
                session.answers = session.answers | {shown.trial.id: row}  # others may be reading the one before
                self._showing.forget(session)
                self._done[trial_token] = session.id
            self._keep_log(session, shown.trial, segments)
            return self._state(session)

    def media(self, media_token: str) -> Medium:
        """The clip or picture behind a token of a trial that is being shown."""
        with self._lock:
            return self._showing.fetch(media_token, self._clock())

    def withdraw(self, code: str) -> None:
        """Delete all that a session left, for whoever has its code. Its seat is given to another."""
        with self._lock:
            session = next((s for s in self._sessions.values() if s.code == code.strip().upper()), None)
        if session is None:
            raise UnknownError("No session has this code. Check it; it looks like ABCD-EFGH-JKLM.")
        with session.lock:
            self._save(SESSIONS, event(session.id, self._clock(), WITHDRAWN, {}))
            with self._lock:
                self._showing.forget(session)
                self._sessions.pop(session.id, None)
            for name in (JUDGEMENTS, EVENTS, SESSIONS):
                journal.erase(self.results, name, "session_id", session.id)
            self._save(SESSIONS, event(session.id, self._clock(), WITHDRAWN, {}))  # the one before is erased too

    def behind(self, trial_token: str) -> Shown:
        """What is behind a token that is being shown: for simulated listeners on the server's own side alone."""
        with self._lock:
            return self._showing.behind(trial_token)

    def sessions(self) -> list[Session]:
        with self._lock:
            return list(self._sessions.values())

    def close(self) -> None:
        for table in self._journals.values():
            table.close()

    def _read(self) -> tuple[list[Row], list[Row]]:
        events, judgements = (journal.read(self.results, name).rows for name in (SESSIONS, JUDGEMENTS))
        return events, sorted(judgements, key=lambda row: row["t_answer_utc"])

    @contextmanager
    def _open(self, token: str) -> Iterator[Session]:
        """The session of a token, which does nothing else meanwhile."""
        session = self._sessions.get(self._resumes.get(digest(token), ""))
        if session is not None:
            with session.lock:
                if session.id in self._sessions:  # it was not withdrawn while we waited
                    yield session
                    return
        raise UnknownError("This link opens no session here: it was withdrawn, or the link is cut. Begin anew.")

    def _state(self, session: Session) -> dict[str, Any]:
        session.seen = self._clock()
        self._finish_if_done(session)
        page = {"code": session.code, "language": session.language}
        if session.finished:
            return page | {"stage": "done", "completion_url": self.study.completion_url}
        if self.study.questionnaire and session.questionnaire is None:
            return page | {"stage": "questionnaire", "questions": asked(self.study, session.language)}
        if session.is_turned_away(self.study):
            return page | {"stage": "away"}
        with self._lock:
            return page | {"stage": "trial"} | self._showing.show(session, self._clock())

    def _judged(self, session: Session, trial_token: str, values: Any) -> tuple[Shown, list[Segment], Row]:
        """An answer that was checked, and the row it becomes. Raises UserError for what cannot be."""
        current, shown = self._showing.current(session)
        if shown is None or not secrets.compare_digest(current.encode(), trial_token.encode("utf-8", "replace")):
            raise StaleError("This page is out of date: the trial goes on where it was last opened.")
        now, length_s = self._clock(), self._showing.length_s(shown.trial)
        answer = read_answer(values, self.study, shown.form)
        if answer.at_s > (now - shown.at).total_seconds() + SLACK_S:
            raise refused()
        segments = read_log(answer.log, length_s, self._showing.elapsed_s(session, shown, now))
        heard = measure(segments, length_s)
        if lacking := unheard(heard, self._showing.needed(shown), self._showing.least_s(shown), length_s):
            raise UserError(f"Listen to {' and '.join(lacking)} a little longer before you answer.")
        return shown, segments, row_of(self.frozen, session, shown, answer, heard, self._asker, now)

    def _save(self, table: str, *rows: Row) -> None:
        try:
            self._journals[table].append(*rows)
        except OSError as error:
            raise NotSavedError("Your answer could not be saved. Wait a moment and send it again.") from error

    def _finish_if_done(self, session: Session) -> None:
        """Here and not in answer(): the last answer may have been saved when this could not be."""
        if not session.open_trials and not session.finished:
            self._save(SESSIONS, event(session.id, self._clock(), FINISHED, {}))
            session.finished = True

    def _keep_log(self, session: Session, trial: Trial, segments: list[Segment]) -> None:
        rows = [{"session_id": session.id, "trial_id": trial.id} | _texts(segment) for segment in segments]
        try:
            self._journals[EVENTS].append(*rows)
        except OSError as error:  # the judgement is safe, with what was heard in it
            log.warning("The log of a trial of session %s could not be saved: %s", session.id, error)


def _texts(segment: Segment) -> Row:
    return {name: f"{value:.3f}" if isinstance(value, float) else value for name, value in vars(segment).items()}
