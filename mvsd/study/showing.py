"""What is before each listener: the trial under fresh tokens, and when its clips were fetched."""

from __future__ import annotations

import random
import secrets
from datetime import datetime
from typing import Any

from mvsd.errors import UserError
from mvsd.study.assignment import Trial
from mvsd.study.columns import HEADPHONES, PRACTICE
from mvsd.study.frozen import FrozenStudy, Stimulus
from mvsd.study.headphones import LENGTH_S, HugginsPitch, tone_of
from mvsd.study.judgement import Shown
from mvsd.study.listening import LEFT, REFERENCE, RIGHT
from mvsd.study.media import Medium
from mvsd.study.parts import words
from mvsd.study.refusals import UnknownError
from mvsd.study.session import Session, assign_seed

PICTURE = "picture"
NAMES = {REFERENCE: "the reference", LEFT: "A", RIGHT: "B"}


class Showing:
    """The only place that knows what is behind the tokens a browser gets. Not for several threads at once."""

    def __init__(self, frozen: FrozenStudy):
        self.frozen, self.study = frozen, frozen.study
        self._shown: dict[str, tuple[str, Shown]] = {}  # session -> trial token, trial
        self._media: dict[str, tuple[str, str, Medium]] = {}  # media token -> session, slot, medium
        self._tokens: dict[str, list[str]] = {}  # session -> its media tokens
        self._fetched: dict[str, dict[str, datetime]] = {}  # session -> slot -> when

    def current(self, session: Session) -> tuple[str, Shown | None]:
        """The trial before a listener, and its token."""
        return self._shown.get(session.id, ("", None))

    def behind(self, trial_token: str) -> Shown:
        return next(shown for token, shown in self._shown.values() if token == trial_token)

    def length_s(self, trial: Trial) -> float:
        return LENGTH_S if trial.kind == HEADPHONES else self.frozen.length_s[trial.item]

    def show(self, session: Session, now: datetime) -> dict[str, Any]:
        """Put the next trial before the listener under fresh tokens; those before open nothing any more."""
        self.forget(session)
        trial, number = session.open_trials[0], len(session.answers) + 1
        shown = self._stimuli(session, trial, number, now)
        trial_token = secrets.token_urlsafe(12)
        self._shown[session.id] = (trial_token, shown)
        slots = {slot: self._issue(session, slot, medium) for slot, medium in _slots(shown)}
        before = session.trials[number - 2] if number > 1 else trial
        breaks = before.block > 0 and before.block != trial.block
        return {
            "trial": trial_token,
            "number": number,
            "of": len(session.trials),
            "practice": trial.kind == PRACTICE,
            "form": shown.form,
            "tie": self.study.tie,
            "question": words(self.study.question, session.language),
            "same_words": self.study.reference == "same words",
            "clips": {slot: token for slot, token in slots.items() if slot != PICTURE},
            "picture": slots.get(PICTURE),
            "needed": list(self.needed(shown)),
            "min_heard_s": self.least_s(shown),
            "break_s": self.study.trials.break_s if breaks else 0,
        }

    def fetch(self, media_token: str, now: datetime) -> Medium:
        """What is behind a token of a trial that is being shown, taken down as fetched."""
        if media_token not in self._media:
            raise UnknownError("There is nothing here.")
        session, slot, medium = self._media[media_token]
        self._fetched[session].setdefault(slot, now)
        return medium

    def forget(self, session: Session) -> None:
        """Let the tokens of a session's trial open nothing any more."""
        self._shown.pop(session.id, None)
        self._fetched[session.id] = {}
        for token in self._tokens.pop(session.id, []):
            del self._media[token]

    def needed(self, shown: Shown) -> dict[str, str]:
        """Slots that must be heard, with their names."""
        must = self.study.listening.reference or self.study.form == "abx"
        slots = [slot for slot, _ in _slots(shown) if slot in NAMES]
        return {slot: NAMES[slot] for slot in slots if slot != REFERENCE or must}

    def least_s(self, shown: Shown) -> float:
        """How much of each must be heard."""
        return LENGTH_S if shown.trial.kind == HEADPHONES else self.study.listening.min_heard_s

    def elapsed_s(self, session: Session, shown: Shown, now: datetime) -> float:
        """Since every clip had been fetched: before that nothing can have sounded."""
        fetched = self._fetched[session.id]
        if lacking := [name for slot, name in self.needed(shown).items() if slot not in fetched]:
            raise UserError(f"The browser has not loaded {' and '.join(lacking)}. Reload the page.")
        clips = [at for slot, at in fetched.items() if slot != PICTURE]
        return (now - max(clips)).total_seconds()

    def _stimuli(self, session: Session, trial: Trial, number: int, now: datetime) -> Shown:
        manifest, seed = self.frozen.manifest, assign_seed(self.study, session.seat, session.id)
        if trial.kind == HEADPHONES:
            return Shown(trial, number, now, HEADPHONES, pitch=tone_of(trial, seed))
        left, right = (manifest.clips[trial.item][method] for method in (trial.left, trial.right))
        reference = manifest.references.get(trial.item) if self.study.reference != "none" else None
        if self.study.form == "abx":
            reference = random.Random(f"{seed}:{trial.id}").choice((left, right))
        picture = manifest.pictures.get(trial.item) if self.study.picture else None
        return Shown(trial, number, now, self.study.form, left, right, reference, picture)

    def _issue(self, session: Session, slot: str, medium: Medium) -> str:
        token = secrets.token_urlsafe(16)
        self._media[token] = (session.id, slot, medium)
        self._tokens.setdefault(session.id, []).append(token)
        return token


def _slots(shown: Shown) -> list[tuple[str, Stimulus | HugginsPitch]]:
    """Places of a trial and what is in them. A rating has no right side, a headphone check one clip alone."""
    places = {REFERENCE: shown.reference, LEFT: shown.pitch or shown.left, RIGHT: shown.right, PICTURE: shown.picture}
    if shown.form == "mos":
        del places[RIGHT]
    return [(slot, medium) for slot, medium in places.items() if medium is not None]
