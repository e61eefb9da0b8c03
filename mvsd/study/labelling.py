"""A label project at work: who labels what next, and labels that are on disk before they are acknowledged."""

from __future__ import annotations

import json
import random
import secrets
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mvsd.errors import UserError
from mvsd.study import journal
from mvsd.study.journal import Journal, Row
from mvsd.study.label_spec import Asked, LabelProject
from mvsd.study.label_store import (
    LABEL_COLUMNS,
    LABEL_TABLE,
    RATER_TABLE,
    SCHEMA_VERSION,
    Clip,
    OpenProject,
    all_rows,
    values_of,
)
from mvsd.study.label_values import read_values
from mvsd.study.parts import words
from mvsd.study.refusals import NotSavedError, StaleError, UnknownError
from mvsd.study.session import BEGUN, SESSION_COLUMNS, UTC_CLOCK, Clock, digest, event

LONGEST_RATER = 200  # characters


@dataclass
class Rater:
    """One sitting. at: the item before the rater, mine: items saved here, in order."""

    id: str
    name: str
    language: str
    seen: datetime
    at: str | None = None
    shown: datetime | None = None
    mine: list[str] = field(default_factory=list)


class LiveLabels:
    """Every method may be called from any thread."""

    def __init__(
        self, opened: OpenProject, results: Path, clock: Clock = UTC_CLOCK, lock: threading.Lock | None = None
    ):
        self.opened, self.project, self.results = opened, opened.project, results
        self.torn = {name: journal.set_aside(results, name) for name in (RATER_TABLE, LABEL_TABLE)}
        self._clock, self._lock = clock, threading.RLock()
        self._labels = Journal(results, LABEL_TABLE, LABEL_COLUMNS, lock)
        self._events = Journal(results, RATER_TABLE, SESSION_COLUMNS, lock)
        self._rows: dict[tuple[str, str], Row] = {}  # (rater, item) -> last revision
        self._raters: dict[str, Rater] = {}  # by digest of their token
        self._media: dict[str, tuple[str, str, Clip]] = {}  # token -> (rater, what, clip)
        self._replay()

    def welcome(self, language: str = "") -> dict[str, Any]:
        title, instructions = (words(text, language) for text in (self.project.title, self.project.instructions))
        return {"title": title, "instructions": instructions, "languages": self.project.languages}

    def begin(self, name: str, language: str = "") -> str:
        """A new sitting. Whoever comes again under the same name gets none of their items twice."""
        name = name.strip()
        if not name or len(name) > LONGEST_RATER:
            raise UserError(f"Give a name or a pseudonym of at most {LONGEST_RATER} characters, the same each time.")
        with self._lock:
            token, now = secrets.token_urlsafe(18), self._clock()
            spoken = language if language in self.project.languages else self.project.languages[0]
            data = {"rater": name, "language": spoken, "resume_sha256": digest(token)}
            begun = event(secrets.token_hex(8), now, BEGUN, data)
            self._save(self._events, begun)
            self._raters[digest(token)] = Rater(begun["session_id"], name, spoken, now)
            return token

    def state(self, token: str) -> dict[str, Any]:
        """What is before the rater: the item in hand, else the one that is labelled least."""
        with self._lock:
            rater = self._rater(token)
            rater.seen = self._clock()
            if rater.at is None:
                rater.at, rater.shown = self._next(rater), rater.seen
            done = sum(name == rater.name for name, _ in self._rows)
            page = {"rater": rater.name, "language": rater.language, "done": done, "of": len(self.opened.clips)}
            page["can_undo"] = _before(rater) > 0
            if rater.at is None:
                return page | {"stage": "done"}
            return page | {"stage": "label"} | self._show(rater)

    def save(self, token: str, body: dict[str, Any]) -> dict[str, Any]:
        """Save the label of the item in hand, then show the next. The same label sent again changes nothing."""
        with self._lock:
            rater = self._rater(token)
            sent = (str(body.get("item")), body.get("revision"))
            if sent in [(_handle(rater, item), int(self._rows[rater.name, item]["revision"])) for item in rater.mine]:
                return self.state(token)
            if rater.at is None:  # a page from before the server was started anew
                rater.at = self._next(rater)
            if rater.at is None or sent != (_handle(rater, rater.at), self._revision(rater, rater.at)):
                raise StaleError("This page is out of date: labelling goes on where it was last opened.")
            clip, now = self.opened.clips[rater.at], self._clock()
            values = read_values(self.project, body.get("values"), clip.length_s)
            row = {
                "schema_version": SCHEMA_VERSION,
                "session_id": rater.id,
                "rater": rater.name,
                "item_id": rater.at,
                "clip_sha256": clip.sha256,
                "revision": str(sent[1]),
                "seconds": f"{(now - (rater.shown or now)).total_seconds():.2f}",
                "input": body["input"] if body.get("input") in ("mouse", "key", "touch") else "",
                "t_utc": now.isoformat(),
                "values": json.dumps(values),
            }
            self._save(self._labels, row)
            self._take(rater, row)
            rater.at = None
            return self.state(token)

    def undo(self, token: str) -> dict[str, Any]:
        """Put the label before the one in hand back before the rater; saved anew it counts instead."""
        with self._lock:
            rater = self._rater(token)
            if _before(rater) == 0:
                raise UserError("There is no label before this one in this sitting.")
            rater.at, rater.shown = rater.mine[_before(rater) - 1], self._clock()
            return self.state(token)

    def media(self, media_token: str) -> tuple[str, Clip]:
        """What is asked for (clip, spectrogram or picture) and of which clip."""
        with self._lock:
            if media_token not in self._media:
                raise UnknownError("There is nothing here.")
            return self._media[media_token][1:]

    def progress(self) -> dict[str, int]:
        """Labels and what is still lacking."""
        with self._lock:
            counts = Counter(item for _, item in self._rows)
            wanted = self.project.raters
            lacking = sum(max(wanted - counts[item], 0) for item in self.opened.clips)
            return {"items": len(self.opened.clips), "labels": counts.total(), "lacking": lacking}

    def close(self) -> None:
        self._labels.close()
        self._events.close()

    def _replay(self) -> None:
        by_id = {}
        for row in journal.read(self.results, RATER_TABLE).rows:
            data = json.loads(row["data"])
            spoken = data.get("language", self.project.languages[0])
            rater = Rater(row["session_id"], data["rater"], spoken, datetime.fromisoformat(row["t_utc"]))
            by_id[rater.id] = self._raters[data["resume_sha256"]] = rater
        for row in all_rows(self.results):
            self._take(by_id.get(row["session_id"]), row)

    def _take(self, rater: Rater | None, row: Row) -> None:
        if row["item_id"] not in self.opened.clips:
            return  # was taken out of the project
        self._rows[row["rater"], row["item_id"]] = row
        if rater and row["item_id"] not in rater.mine:
            rater.mine.append(row["item_id"])

    def _rater(self, token: str) -> Rater:
        rater = self._raters.get(digest(token))
        if rater is None:
            raise UnknownError("This link opens no sitting here. Begin anew under the same name.")
        return rater

    def _next(self, rater: Rater) -> str | None:
        """The item with the fewest labels, those in others' hands included; chance decides between equals."""
        counts = Counter(item for _, item in self._rows)
        since = rater.seen - timedelta(minutes=self.project.abandoned_after_min)
        held = {(other.name, other.at) for other in self._raters.values() if other.at and other.seen > since}
        counts.update(item for name, item in held if (name, item) not in self._rows)
        chance = random.Random(f"{self.project.seed}:{rater.name}")
        rank = {item: chance.random() for item in self.opened.clips}
        mine = {item for name, item in {*self._rows, *held} if name == rater.name}
        free = [item for item in self.opened.clips if item not in mine and counts[item] < self.project.raters]
        return min(free, key=lambda item: (counts[item], rank[item]), default=None)

    def _show(self, rater: Rater) -> dict[str, Any]:
        item = rater.at
        clip, row = self.opened.clips[item], self._rows.get((rater.name, item))
        self._media = {token: value for token, value in self._media.items() if value[0] != rater.id}
        kinds = ["clip", "spectrogram", *(["picture"] if clip.picture else [])]
        return {
            "item": _handle(rater, item),
            "revision": self._revision(rater, item),
            "values": values_of(row) if row else {},
            "length_s": clip.length_s,
            "top_hz": clip.rate / 2,
            "media": {kind: self._issue(rater, kind, clip) for kind in kinds},
            "form": [_asked(self.project, field, rater.language) for field in self.project.form],
        }

    def _issue(self, rater: Rater, kind: str, clip: Clip) -> str:
        token = secrets.token_urlsafe(16)
        self._media[token] = (rater.id, kind, clip)
        return token

    def _revision(self, rater: Rater, item: str) -> int:
        row = self._rows.get((rater.name, item))
        return int(row["revision"]) + 1 if row else 1

    def _save(self, table: Journal, row: Row) -> None:
        try:
            table.append(row)
        except OSError as error:
            raise NotSavedError("This could not be saved. Wait a moment and send it again.") from error


def _before(rater: Rater) -> int:
    """How many labels of this sitting come before the item in hand."""
    return rater.mine.index(rater.at) if rater.at in rater.mine else len(rater.mine)


def _asked(project: LabelProject, field: Asked, language: str) -> dict[str, Any]:
    """A question as the page shows it."""
    named = zip(project.names(field), field.choices, strict=True)
    choices = [{"value": name, "label": words(choice, language)} for name, choice in named]
    about = {"id": field.id, "kind": field.kind, "most": field.most, "required": field.is_required}
    return about | {"ask": words(field.ask, language), "choices": choices}


def _handle(rater: Rater, item: str) -> str:
    """What the page calls an item: the same after a restart, and without its name, which may tell the method."""
    return digest(f"{rater.id}:{item}")[:16]
