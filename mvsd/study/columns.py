"""The columns of results.csv: one row a judgement. Missing values are empty. The order is that of the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA_VERSION = 1
TEST, PRACTICE, GOLD, IDENTICAL, REPEAT = ("test", "practice", "gold", "identical", "repeat")
HEADPHONES = "headphones"
TRIAL_KINDS = (TEST, PRACTICE, GOLD, IDENTICAL, REPEAT, HEADPHONES)
LEFT, RIGHT, TIE = "left", "right", "tie"


@dataclass(frozen=True)
class Column:
    """kind `text` is free text of a participant or browser: a download guards it against spreadsheet formulas."""

    kind: Literal["id", "enum", "integer", "number", "flag", "time", "hash", "text"]
    about: str


DICTIONARY: dict[str, Column] = {
    "schema_version": Column("integer", "Version of these columns."),
    "study_id": Column("id", "Name of the study's folder."),
    "study_sha256": Column("hash", "Hash of the frozen study."),
    "app_version": Column("id", "Version of mvsd that asked."),
    "git_commit": Column("id", "Its commit, where known."),
    "session_id": Column("id", "One listener's sitting; random. With trial_id the key of a row."),
    "participant_id": Column("text", "As given by the address of the invitation; empty if none was."),
    "block": Column("integer", "Block of the session, from 1; practice and the headphone check are 0."),
    "trial_index": Column("integer", "Place in the session, from 1, practice included."),
    "trial_id": Column("id", "Kind, item and methods of the trial: the same for all listeners, whatever the side."),
    "trial_kind": Column("enum", "test, practice, gold, identical, repeat or headphones. Only test makes the share."),
    "dataset": Column("id", "Dataset of the item."),
    "item_id": Column("id", "Item: the scene and what is said in it."),
    "room_image_sha256": Column("hash", "Picture shown."),
    "reference_sha256": Column("hash", "Reference; in ABX the X, equal to left_sha256 or right_sha256."),
    "left_method": Column("id", "Method on the left (A); in mos the one that was rated."),
    "right_method": Column("id", "Method on the right (B); empty in mos."),
    "left_sha256": Column("hash", "Frozen clip on the left; the browser gets it with noise of one step of 16 bits."),
    "right_sha256": Column("hash", "Clip on the right."),
    "left_gain_db": Column("number", "Gain by the level rule, left."),
    "right_gain_db": Column("number", "Gain by the level rule, right."),
    "checkpoint_sha256": Column("hash", "Weights behind left and right, joined by + where they differ."),
    "model_seed": Column("id", "Seeds behind left and right, joined by + where they differ."),
    "assign_seed": Column("id", "Seed of order and sides: study seed, seat and session."),
    "response": Column(
        "enum",
        "left, right or tie; in ccr -3 to 3 (above 0: right is better); in mos 1 to 5; in headphones 1 to 3.",
    ),
    "chosen_method": Column("id", "Method behind the response; empty for a tie, 0 and in mos."),
    "rt_s": Column("number", "From the trial's first sound to the answer, by the browser's clock."),
    "t_shown_utc": Column("time", "Trial sent, by the server's clock, ISO 8601."),
    "t_answer_utc": Column("time", "Answer received, by the server's clock, ISO 8601."),
    "plays_ref": Column("integer", "Times the reference was begun or switched to."),
    "plays_left": Column("integer", "The same, left."),
    "plays_right": Column("integer", "The same, right."),
    "heard_s_ref": Column("number", "Seconds the reference sounded."),
    "heard_s_left": Column("number", "The same, left."),
    "heard_s_right": Column("number", "The same, right."),
    "full_left": Column("flag", "1: every part of the left clip was heard."),
    "full_right": Column("flag", "The same, right."),
    "switches": Column("integer", "Changes from one clip to another while playing."),
    "focus_lost": Column("integer", "Times the page lost the focus."),
    "input": Column("enum", "mouse, key or touch: how the answer was given."),
    "browser": Column("text", "Family and version as the browser names itself."),
    "device": Column("enum", "phone, tablet or desktop."),
    "headphone_score": Column("integer", "Right answers of the headphone check so far; empty where there is none."),
    "comment": Column("text", "Free text to this trial."),
    "excluded": Column("flag", "1: the session fails the registered rule. The headline keeps it."),
    "exclude_reason": Column("id", "Which rule."),
}
COLUMNS = tuple(DICTIONARY)
KEY = ("session_id", "trial_id")
