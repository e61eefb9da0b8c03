"""A study that is running: the only place that knows what is behind the tokens a browser gets."""

from __future__ import annotations

import logging
import random
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from mvsd.errors import UserError
from mvsd.study import journal
from mvsd.study.assignment import Trial, seat_of, seats
from mvsd.study.columns import COLUMNS, PRACTICE
from mvsd.study.frozen import FrozenStudy, Stimulus
from mvsd.study.journal import Journal, Row
from mvsd.study.judgement import Asker, Shown, agent, read_answer, row_of
from mvsd.study.listening import LEFT, REFERENCE, RIGHT, SLACK_S, Segment, measure, read_log, refused, unheard
from mvsd.study.questionnaire import read_questionnaire
from mvsd.study.results import EVENTS, JUDGEMENTS, SESSIONS
from mvsd.study.session import (
    BEGUN,
    FINISHED,
    QUESTIONNAIRE,
    SESSION_COLUMNS,
    WITHDRAWN,
    Session,
    assign_seed,
    digest,
    event,
    holders,
    new_code,
    replay,
    session_from,
)
from mvsd.study.spec import words

EVENT_COLUMNS = ("session_id", "trial_id", "at_s", "slot", "from_s", "for_s", "why")
LONGEST_PARTICIPANT = 200  # characters
PICTURE = "picture"
NAMES = {REFERENCE: "the reference", LEFT: "A", RIGHT: "B"}
log = logging.getLogger(__name__)
Clock = Callable[[], datetime]
UTC_CLOCK: Clock = partial(datetime.now, UTC)


class NotSavedError(UserError):
    """The answer did not reach the disk; sending it again does no harm."""


class StaleError(UserError):
    """A token of a trial that is no longer before this listener."""


class FullError(UserError):
    """No seat is free."""


class UnknownError(UserError):
    """A token that was never given, or whose session was withdrawn."""


class LiveStudy:
    """Sessions, trials and answers of a frozen study. Every method may be called from any thread."""

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
        self._journals = {name: Journal(results, name, of, lock) for name, of in columns.items()}
        self._sessions, self._resumes = replay(self.study, self._seats, *self._read())
        self._shown: dict[str, tuple[str, Shown]] = {}  # session -> trial token, trial
        self._done: dict[str, str] = {}  # trial token of an answer -> session
        self._media: dict[str, tuple[str, str, Stimulus]] = {}  # media token -> session, slot, stimulus
        self._fetched: dict[str, dict[str, datetime]] = {}  # trial token -> slot -> when
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
            "trials": len(self._seats[0]) + study.trials.repeat,
            "level_db": study.level.target_db,
            "participant_parameter": study.participant_parameter,
        }

    def begin(self, consent_version: str, participant: str, language: str, user_agent: str) -> str:
        """Take a seat, once consent is given. Returns the token that opens this session, now and later."""
        if consent_version != self.study.consent.version:
            raise UserError("The consent text has changed. Reload the page and read it again.")
        if len(participant) > LONGEST_PARTICIPANT:
            raise UserError(f"The participant id is too long; {LONGEST_PARTICIPANT} characters fit. Check the link.")
        with self._lock:
            now = self._clock()
            seat = seat_of(holders(self.study, self._sessions.values(), now), self.study)
            if seat is None:
                raise FullError("This study has all the listeners it needs for now. Thank you for your interest.")
            token, (browser, device) = secrets.token_urlsafe(18), agent(user_agent)
            given = {
                "seat": seat,
                "participant": participant,
                "code": new_code(),
                "language": language if language in self.study.languages else self.study.languages[0],
                "browser": browser,
                "device": device,
                "consent_version": consent_version,
                "study_sha256": self.frozen.sha256,
                "resume_sha256": digest(token),
            }
            begun = event(secrets.token_hex(8), now, BEGUN, given)
            self._save(SESSIONS, begun)
            self._sessions[begun["session_id"]] = session_from(self.study, self._seats, begun)
            self._resumes[digest(token)] = begun["session_id"]
            return token

    def state(self, token: str) -> dict[str, Any]:
        """What the page of this session shows next. Every call gives new media tokens and ends the ones before."""
        with self._lock:
            session = self._session(token)
            session.seen = self._clock()
            self._finish_if_done(session)
            page = {"code": session.code, "language": session.language}
            if session.finished:
                return page | {"stage": "done", "completion_url": self.study.completion_url}
            if self.study.questionnaire and session.questionnaire is None:
                return page | {"stage": "questionnaire", "questions": self._questions(session)}
            return page | {"stage": "trial"} | self._show(session)

    def answer_questionnaire(self, token: str, answers: Any) -> dict[str, Any]:
        with self._lock:
            session = self._session(token)
            if session.questionnaire is None:
                given = read_questionnaire(self.study, answers, session.language)
                self._save(SESSIONS, event(session.id, self._clock(), QUESTIONNAIRE, given))
                session.questionnaire = given
            return self.state(token)

    def answer(self, token: str, trial_token: str, values: Any) -> dict[str, Any]:
        """Save an answer, then show what is next. The same answer again changes nothing."""
        with self._lock:
            session = self._session(token)
            if self._done.get(trial_token) == session.id:
                return self.state(token)
            current, shown = self._shown.get(session.id, ("", None))
            if shown is None or not secrets.compare_digest(current.encode(), trial_token.encode("utf-8", "replace")):
                raise StaleError("This page is out of date: the trial goes on where it was last opened.")
            now, length_s = self._clock(), self.frozen.length_s[shown.trial.item]
            answer = read_answer(values, self.study)
            if answer.at_s > (now - shown.at).total_seconds() + SLACK_S:
                raise refused()
            segments = read_log(answer.log, length_s, self._elapsed_s(current, shown, now))
            heard = measure(segments, length_s)
            if lacking := unheard(heard, self._needed(shown), self.study.listening.min_heard_s, length_s):
                raise UserError(f"Listen to {' and '.join(lacking)} a little longer before you answer.")
            row = row_of(self.frozen, session, shown, answer, heard, self._asker, now)
            self._save(JUDGEMENTS, row)
            session.answers[shown.trial.id] = row
            self._forget(session)
            self._done[current] = session.id
            self._keep_log(session, shown.trial, segments)
            return self.state(token)

    def media(self, media_token: str) -> Stimulus:
        """The clip or picture behind a token of a trial that is being shown."""
        with self._lock:
            if media_token not in self._media:
                raise UnknownError("There is nothing here.")
            session, slot, stimulus = self._media[media_token]
            trial_token, _ = self._shown[session]
            self._fetched[trial_token].setdefault(slot, self._clock())
            return stimulus

    def withdraw(self, code: str) -> None:
        """Delete all that a session left, for whoever has its code. Its seat is given to another."""
        with self._lock:
            session = next((s for s in self._sessions.values() if s.code == code.strip().upper()), None)
            if session is None:
                raise UnknownError("No session has this code. Check it; it looks like ABCD-EFGH-JKLM.")
            self._save(SESSIONS, event(session.id, self._clock(), WITHDRAWN, {}))
            self._forget(session)
            del self._sessions[session.id]
            for name in (JUDGEMENTS, EVENTS):
                journal.erase(self.results, name, "session_id", session.id)
            journal.erase(self.results, SESSIONS, "session_id", session.id)
            self._save(SESSIONS, event(session.id, self._clock(), WITHDRAWN, {}))  # the one before is erased too

    def behind(self, trial_token: str) -> Trial:
        """The trial behind a token that is being shown: for simulated listeners on the server's own side alone."""
        with self._lock:
            return next(shown.trial for token, shown in self._shown.values() if token == trial_token)

    def sessions(self) -> list[Session]:
        with self._lock:
            return list(self._sessions.values())

    def close(self) -> None:
        for table in self._journals.values():
            table.close()

    def _read(self) -> tuple[list[Row], list[Row]]:
        events, judgements = (journal.read(self.results, name).rows for name in (SESSIONS, JUDGEMENTS))
        return events, sorted(judgements, key=lambda row: row["t_answer_utc"])

    def _session(self, token: str) -> Session:
        session = self._sessions.get(self._resumes.get(digest(token), ""))
        if session is None:
            raise UnknownError("This link opens no session here: it was withdrawn, or the link is cut. Begin anew.")
        return session

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

    def _questions(self, session: Session) -> list[dict[str, Any]]:
        asked = self.study.questionnaire
        return [q.model_dump() | {"ask": words(q.ask, session.language)} for q in asked]

    def _show(self, session: Session) -> dict[str, Any]:
        """Put the next trial before the listener under fresh tokens."""
        self._forget(session)
        trial, number = session.open_trials[0], len(session.answers) + 1
        shown = self._stimuli(session, trial, number)
        trial_token = secrets.token_urlsafe(12)
        self._shown[session.id] = (trial_token, shown)
        self._fetched[trial_token] = {}
        slots = {slot: self._issue(session, slot, stimulus) for slot, stimulus in _slots(shown, self.study.form)}
        before = session.trials[number - 2] if number > 1 else trial
        breaks = before.kind != PRACTICE and before.block != trial.block
        return {
            "trial": trial_token,
            "number": number,
            "of": len(session.trials),
            "practice": trial.kind == PRACTICE,
            "form": self.study.form,
            "tie": self.study.tie,
            "question": words(self.study.question, session.language),
            "same_words": self.study.reference == "same words",
            "clips": {slot: token for slot, token in slots.items() if slot != PICTURE},
            "picture": slots.get(PICTURE),
            "needed": list(self._needed(shown)),
            "min_heard_s": self.study.listening.min_heard_s,
            "break_s": self.study.trials.break_s if breaks else 0,
        }

    def _stimuli(self, session: Session, trial: Trial, number: int) -> Shown:
        manifest = self.frozen.manifest
        left, right = (manifest.clips[trial.item][method] for method in (trial.left, trial.right))
        reference = manifest.references.get(trial.item) if self.study.reference != "none" else None
        if self.study.form == "abx":
            coin = random.Random(f"{assign_seed(self.study, session.seat, session.id)}:{trial.id}")
            reference = coin.choice((left, right))
        picture = manifest.pictures.get(trial.item) if self.study.picture else None
        return Shown(trial, number, self._clock(), left, right, reference, picture)

    def _issue(self, session: Session, slot: str, stimulus: Stimulus) -> str:
        token = secrets.token_urlsafe(16)
        self._media[token] = (session.id, slot, stimulus)
        return token

    def _forget(self, session: Session) -> None:
        """Let the tokens of a session's trial open nothing any more."""
        if session.id in self._shown:
            self._fetched.pop(self._shown.pop(session.id)[0], None)
        self._media = {token: value for token, value in self._media.items() if value[0] != session.id}

    def _needed(self, shown: Shown) -> dict[str, str]:
        must = self.study.listening.reference or self.study.form == "abx"
        slots = [slot for slot, _ in _slots(shown, self.study.form) if slot in NAMES]
        return {slot: NAMES[slot] for slot in slots if slot != REFERENCE or must}

    def _elapsed_s(self, trial_token: str, shown: Shown, now: datetime) -> float:
        """Since every clip had been fetched: before that nothing can have sounded."""
        fetched = self._fetched[trial_token]
        if lacking := [name for slot, name in self._needed(shown).items() if slot not in fetched]:
            raise UserError(f"The browser has not loaded {' and '.join(lacking)}. Reload the page.")
        clips = [at for slot, at in fetched.items() if slot != PICTURE]
        return (now - max(clips)).total_seconds()

    def _keep_log(self, session: Session, trial: Trial, segments: list[Segment]) -> None:
        rows = [{"session_id": session.id, "trial_id": trial.id} | _texts(segment) for segment in segments]
        try:
            self._journals[EVENTS].append(*rows)
        except OSError as error:  # the judgement is safe, with what was heard in it
            log.warning("The log of a trial of session %s could not be saved: %s", session.id, error)


def _texts(segment: Segment) -> Row:
    return {name: f"{value:.3f}" if isinstance(value, float) else value for name, value in vars(segment).items()}


def _slots(shown: Shown, form: str) -> list[tuple[str, Stimulus]]:
    """Places of a trial and what is in them. A rating has no right side."""
    places = {REFERENCE: shown.reference, LEFT: shown.left, RIGHT: shown.right, PICTURE: shown.picture}
    if form == "mos":
        del places[RIGHT]
    return [(slot, stimulus) for slot, stimulus in places.items() if stimulus is not None]
