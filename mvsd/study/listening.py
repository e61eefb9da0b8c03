"""What was heard, worked out from the player's log and held against the server's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mvsd.errors import UserError

REFERENCE, LEFT, RIGHT = SLOTS = ("ref", "left", "right")
PLAY, SWITCH, LOOP, SEEK = WHYS = ("play", "switch", "loop", "seek")
SLACK_S = 0.5  # clocks and their rounding
GAP_S = 0.1  # parts of a clip that may be left out where all was heard
MOST_SEGMENTS = 5000


@dataclass(frozen=True)
class Segment:
    """A stretch of sound. at_s: since the trial was shown, browser's clock. from_s: place in the clip."""

    at_s: float
    slot: str
    from_s: float
    for_s: float
    why: str  # what began it


@dataclass(frozen=True)
class Heard:
    """Of each slot. full: all of the clip, in whatever order."""

    seconds: dict[str, float]
    plays: dict[str, int]
    full: dict[str, bool]
    switches: int


def read_log(log: Any, length_s: float, elapsed_s: float) -> list[Segment]:
    """The log as the browser sent it, refused where it cannot be true.

    length_s: of the clips. elapsed_s: since the last clip was fetched, by the server's clock.
    """
    if not isinstance(log, list) or len(log) > MOST_SEGMENTS:
        raise refused()
    segments = [_segment(entry) for entry in log]
    end_s = 0.0
    for segment in segments:
        inside = segment.from_s >= 0 and segment.from_s + segment.for_s <= length_s + SLACK_S
        if not inside or segment.for_s < 0 or segment.at_s < end_s - SLACK_S:
            raise refused()
        end_s = segment.at_s + segment.for_s
    if sum(segment.for_s for segment in segments) > elapsed_s + SLACK_S:
        raise refused()
    return segments


def measure(segments: list[Segment], length_s: float) -> Heard:
    of = {slot: [s for s in segments if s.slot == slot] for slot in SLOTS}
    return Heard(
        seconds={slot: sum(s.for_s for s in of[slot]) for slot in SLOTS},
        plays={slot: sum(s.why in (PLAY, SWITCH) for s in of[slot]) for slot in SLOTS},
        full={slot: _covers(of[slot], length_s) for slot in SLOTS},
        switches=sum(s.why == SWITCH for s in segments),
    )


def unheard(heard: Heard, slots: Mapping[str, str], least_s: float, length_s: float) -> list[str]:
    """Names of slots that were heard too little. slots: slot -> its name on the page; a short clip once is enough."""
    least_s = min(least_s, length_s - SLACK_S)
    return [name for slot, name in slots.items() if heard.seconds[slot] < least_s]


def refused() -> UserError:
    return UserError("The record of what was played cannot be right. Reload the page and listen again.")


def _segment(entry: Any) -> Segment:
    match entry:
        case [int() | float() as at, str() as slot, int() | float() as begin, int() | float() as length, str() as why]:
            known = slot in SLOTS and why in WHYS
            if known and all(abs(number) < 1e6 for number in (at, begin, length)):  # nan fails too
                return Segment(float(at), slot, float(begin), float(length), why)
    raise refused()


def _covers(segments: list[Segment], length_s: float) -> bool:
    reached_s = 0.0
    for segment in sorted(segments, key=lambda s: s.from_s):
        if segment.from_s > reached_s + GAP_S:
            return False
        reached_s = max(reached_s, segment.from_s + segment.for_s)
    return reached_s >= length_s - GAP_S
