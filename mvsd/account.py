"""What a conversion did, in numbers: the decay before and after, and the provenance of the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mvsd.acoustics import free_decay, free_decay_t60, mid_band
from mvsd.audio import speech_level
from mvsd.conversion import Conversion, Reading

NOTHING = "-"  # shown where there is nothing to measure
T60 = "Reverberation time T60"  # the first table
MADE = "How it was made"  # the last one
WORD_END_DB = -30.0  # a word is over where the dry speech has fallen this far below its level
LATER_S, WINDOW_S = 0.2, 0.05  # the level is read in 50 ms, 0.2 s after the last word
SHORTEST_DECAY_S = 0.05  # a shorter curve is not drawn
FALLEN_DB = -45.0  # the lowest that is drawn of a curve, re its beginning


@dataclass(frozen=True)
class Row:
    """One line of a table. before, after: None where nothing belongs; a lone value stands under `after`."""

    name: str
    before: str | None
    after: str | None


Account = dict[str, list[Row]]  # tables by their captions, from T60 to MADE


def last_word_end(dry: np.ndarray, speech_level_: float, rate: int) -> int:
    """Sample at which the last word is over in dry speech, (samples,): 10 ms frames above -30 dB re its level."""
    frame = rate // 100
    frames = dry[: len(dry) // frame * frame].reshape(-1, frame)
    loud = np.flatnonzero(
        np.mean(frames.astype(np.float64) ** 2, axis=1) > (speech_level_ * 10 ** (WORD_END_DB / 20)) ** 2
    )
    return int((loud[-1] + 1) * frame) if len(loud) else len(dry)


def recorded(conversion: Conversion) -> tuple[np.ndarray, np.ndarray]:
    """Source and result, each (samples,), without the digital silence they were padded with."""
    source, audio = conversion.source[: conversion.speech_end].numpy(), conversion.audio.numpy()
    return np.trim_zeros(source, "b"), np.trim_zeros(audio, "b")


def last_word(conversion: Conversion, *, dry_is_after: bool) -> int:
    """Sample at which the last word is over, told by the dry one of source and result."""
    dry = (conversion.audio if dry_is_after else conversion.source)[: conversion.speech_end]
    return last_word_end(dry.numpy(), speech_level(dry, conversion.sample_rate), conversion.sample_rate)


def curves(conversion: Conversion, *, dry_is_after: bool) -> dict[str, np.ndarray]:
    """Energy still to come after the last word, of "before" and "after" where there is a decay to be seen.

    (samples,) in dB re a second of the same speech, so that a dry voice, of which little is left, lies low.
    """
    end, rate = last_word(conversion, dry_is_after=dry_is_after), conversion.sample_rate
    pair = zip(("before", "after"), recorded(conversion), strict=True)
    drawn = {name: _curve(audio, end, rate) for name, audio in pair}
    return {name: curve for name, curve in drawn.items() if len(curve) >= SHORTEST_DECAY_S * rate}


def _curve(audio: np.ndarray, end: int, rate: int) -> np.ndarray:
    left = free_decay(audio, end, rate)
    if not len(left):
        return left
    speech = torch.from_numpy(mid_band(audio, rate)[:end].copy())
    drawn = left[left > left[0] * 10 ** (FALLEN_DB / 10)]
    return 10 * np.log10(drawn) - 20 * np.log10(speech_level(speech, rate))


def level_later_db(audio: np.ndarray, end: int, level: float, rate: int) -> float | None:
    """Level 0.2 s after the last word, in dB re the speech; None where the recording is over by then."""
    begin = end + int(LATER_S * rate)
    piece = audio[begin : begin + int(WINDOW_S * rate)]
    if len(piece) < int(WINDOW_S * rate) or not np.any(piece):
        return None
    return 10 * float(np.log10(np.mean(piece.astype(np.float64) ** 2) / level**2))


def _text(value: float | None, form: str) -> str:
    return NOTHING if value is None else form.format(value).replace("-", "−")


def _seen(read: Reading, *, dry_is_after: bool) -> Row:
    """T60 as read in a picture, on the side of the wet sound."""
    likely = " ({:.2f} to {:.2f})".format(*read.t60_range_s) if read.t60_range_s else ""
    text = f"{read.t60_s:.2f} s{likely}"
    return Row("as read in the photo", *((text, None) if dry_is_after else (None, text)))


def account(
    conversion: Conversion, *, dry_is_after: bool, hear_t60: Callable[[Tensor], float] | None = None
) -> Account:
    """The tables beside a result. hear_t60: a judge that tells T60 in s by ear, of (samples,)."""
    rate, read = conversion.sample_rate, conversion.read
    pair, end = recorded(conversion), last_word(conversion, dry_is_after=dry_is_after)
    levels = [speech_level(audio[: conversion.speech_end], rate) for audio in (conversion.source, conversion.audio)]
    t60s = [_text(free_decay_t60(audio, end, rate), "{:.2f} s") for audio in pair]
    later = [_text(level_later_db(x, end, level, rate), "{:.0f} dB") for x, level in zip(pair, levels, strict=True)]
    lengths = [f"{samples / rate:.2f} s" for samples in (conversion.speech_end, len(conversion.audio))]
    sounds = (conversion.source[: conversion.speech_end], conversion.audio)
    heard = [f"{hear_t60(sound):.2f} s" if sound.any() else NOTHING for sound in sounds] if hear_t60 else None
    return {
        T60: [
            Row("as measured after the last word", *t60s),
            *([Row("as heard in all of the speech", *heard)] if heard else []),
            *([_seen(read, dry_is_after=dry_is_after)] if read else []),
        ],
        "Level and length": [Row("Level 0.2 s after the last word, re speech", *later), Row("Length", *lengths)],
        MADE: _made(conversion),
    }


def _made(conversion: Conversion) -> list[Row]:
    """What it takes to make the result again, and what was done to it."""
    settings, read, ran = conversion.settings, conversion.read, conversion.seconds > 0
    told = {"T60 given": (settings.t60_s, "s"), "Talker's distance given": (settings.distance_m, "m")}
    values = {
        **({"Photo taken for": _place(read)} if read else {}),
        **{name: f"{value:g} {unit}" for name, (value, unit) in told.items() if value is not None},
        "Seed": str(settings.seed),
        "Steps and sampler": conversion.sampling,
        "System": conversion.system,
        "Checkpoint": conversion.checkpoint_sha256[:12] or "none",
        **({"Time taken": f"{conversion.seconds:.1f} s on {conversion.device}"} if ran else {}),
        **({"Real-time factor": f"{conversion.real_time_factor:.2f}"} if ran else {}),
        "Lowered so as not to clip": _text(conversion.gain_db, "{:.1f} dB") if conversion.gain_db else "no",
    }
    return [Row(name, None, value) for name, value in values.items()]


def _place(read: Reading) -> str:
    return "open air or a large hall" if read.is_open_air else f"a room of {read.volume_m3:.0f} m³"
