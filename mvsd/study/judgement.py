"""An answer: what the browser may say, and the row it becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mvsd.errors import UserError
from mvsd.study.assignment import Trial
from mvsd.study.columns import HEADPHONES, LEFT, RIGHT, SCHEMA_VERSION, TIE
from mvsd.study.frozen import FrozenStudy, Stimulus
from mvsd.study.headphones import BURSTS, HugginsPitch
from mvsd.study.journal import Row
from mvsd.study.listening import Heard
from mvsd.study.session import Session, assign_seed
from mvsd.study.spec import Study

LONGEST_COMMENT = 2000  # characters


class Answer(BaseModel):
    """What the browser sends. at_s: since the trial was shown. log: see listening.read_log."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    response: str | int
    at_s: float = Field(ge=0, lt=1e6)
    log: list[Any]
    focus_lost: int = Field(ge=0, lt=10_000)
    input: Literal["mouse", "key", "touch"]
    comment: str = Field(default="", max_length=LONGEST_COMMENT)


@dataclass(frozen=True)
class Asker:
    """Who asked: the running program."""

    app_version: str
    git_commit: str = ""


def read_answer(values: Any, study: Study, form: str) -> Answer:
    try:
        answer = Answer.model_validate(values)
    except ValidationError as error:
        if any(fault["loc"] == ("comment",) for fault in error.errors()):
            raise UserError(f"The comment is too long; {LONGEST_COMMENT} characters fit. Shorten it.") from error
        raise UserError("This answer cannot be read. Reload the page and answer again.") from error
    if answer.response not in responses(study, form):
        raise UserError("This answer is not among those asked for. Reload the page and answer again.")
    return answer


def responses(study: Study, form: str) -> tuple[str | int, ...]:
    numbers = {"ccr": range(-3, 4), "mos": range(1, 6), HEADPHONES: range(1, BURSTS + 1)}
    if form in numbers:
        return tuple(numbers[form])
    return (LEFT, RIGHT, TIE) if study.tie and form == "preference" else (LEFT, RIGHT)


def chosen(trial: Trial, response: str | int) -> str:
    """The method behind a response; in a rating each side is the same."""
    if trial.left == trial.right or response in (TIE, 0):
        return ""
    return trial.left if response == LEFT or (isinstance(response, int) and response < 0) else trial.right


@dataclass(frozen=True)
class Shown:
    """A trial before a listener. form: the study's, or headphones, which have a pitch and no clips.

    reference: the clip in that place, in ABX the X; None where there is none.
    """

    trial: Trial
    number: int
    at: datetime
    form: str
    left: Stimulus | None = None
    right: Stimulus | None = None
    reference: Stimulus | None = None
    picture: Stimulus | None = None
    pitch: HugginsPitch | None = None


def row_of(
    frozen: FrozenStudy, session: Session, shown: Shown, answer: Answer, heard: Heard, asker: Asker, now: datetime
) -> Row:
    """The row of results.csv, but for the exclusions, which are worked out when the rows are merged."""
    trial = shown.trial
    row = {
        "schema_version": SCHEMA_VERSION,
        "study_id": frozen.id,
        "study_sha256": frozen.sha256,
        "app_version": asker.app_version,
        "git_commit": asker.git_commit,
        "session_id": session.id,
        "participant_id": session.participant,
        "block": trial.block,
        "trial_index": shown.number,
        "trial_id": trial.id,
        "trial_kind": trial.kind,
        "dataset": frozen.study.item(trial.item).dataset if trial.item else "",
        "item_id": trial.item,
        "room_image_sha256": shown.picture.sha256 if shown.picture else "",
        "reference_sha256": shown.reference.sha256 if shown.reference else "",
        **_sides(shown),
        "assign_seed": assign_seed(frozen.study, session.seat, session.id),
        "response": answer.response,
        "chosen_method": chosen(trial, answer.response),
        "t_shown_utc": shown.at.isoformat(),
        "t_answer_utc": now.isoformat(),
        "focus_lost": answer.focus_lost,
        "input": answer.input,
        "browser": session.browser,
        "device": session.device,
        "headphone_score": _score(session, shown, answer),
        "comment": answer.comment,
    }
    return {column: str(value) for column, value in (row | _heard(heard, answer)).items()}


def _sides(shown: Shown) -> dict[str, str]:
    """The clips and what made them; a rating has no right side, a headphone check none at all."""
    left, right = shown.left, shown.right
    if left is None or right is None:
        return {}
    row = {
        "left_method": shown.trial.left,
        "left_sha256": left.sha256,
        "left_gain_db": f"{left.gain_db:.2f}",
        "checkpoint_sha256": _joined(left.checkpoint_sha256, right.checkpoint_sha256),
        "model_seed": _joined(left.seed, right.seed),
    }
    if shown.form == "mos":
        return row
    return row | {
        "right_method": shown.trial.right,
        "right_sha256": right.sha256,
        "right_gain_db": f"{right.gain_db:.2f}",
    }


def _score(session: Session, shown: Shown, answer: Answer) -> str:
    before = session.headphone_score
    return str(int(before or 0) + (answer.response == shown.pitch.tone_in)) if shown.pitch else before


def _heard(heard: Heard, answer: Answer) -> dict[str, Any]:
    begun_s = answer.log[0][0] if answer.log else answer.at_s
    columns = {"rt_s": f"{max(answer.at_s - begun_s, 0):.3f}", "switches": heard.switches}
    for slot in heard.seconds:
        columns |= {f"plays_{slot}": heard.plays[slot], f"heard_s_{slot}": f"{heard.seconds[slot]:.2f}"}
    return columns | {f"full_{slot}": int(heard.full[slot]) for slot in (LEFT, RIGHT)}


def _joined(left: str, right: str) -> str:
    """Both, or one where they agree; a side without keeps its place."""
    return left if left == right else f"{left}+{right}"


def agent(text: str) -> tuple[str, str]:
    """Browser family with version, and kind of device, of a user agent; the rest of it is not kept."""
    families = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Version": "Safari"}
    found = (re.search(rf"{key}/(\d+)", text) for key in families)
    browser = next((f"{families[m[0].split('/')[0]]} {m[1]}" for m in found if m), "other")
    is_tablet = "iPad" in text or "Tablet" in text or ("Android" in text and "Mobi" not in text)
    return browser, "tablet" if is_tablet else "phone" if "Mobi" in text else "desktop"
