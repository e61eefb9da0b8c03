"""What a conversion did, in numbers: the decay before and after, and the provenance of the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from mvsd.acoustics import free_decay_db, free_decay_t60
from mvsd.audio import speech_level
from mvsd.conversion import Conversion, Reading

NOTHING = "-"  # shown where there is nothing to measure
WORD_END_DB = -30.0  # a word is over where the dry speech has fallen this far below its level
LATER_S, WINDOW_S = 0.2, 0.05  # the level is read in 50 ms, 0.2 s after the last word
SHORTEST_DECAY_S = 0.05  # a shorter curve is not drawn
LOWEST_DB = -45.0  # of the curves drawn


@dataclass(frozen=True)
class Row:
    """One line of the table. One value for both columns is given as `after`, with before None."""

    name: str
    before: str | None
    after: str


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
    """Energy decay in dB after the last word, of "before" and "after" where there is a decay to be seen."""
    end, rate = last_word(conversion, dry_is_after=dry_is_after), conversion.sample_rate
    pair = zip(("before", "after"), recorded(conversion), strict=True)
    decays = {name: free_decay_db(audio, end, rate) for name, audio in pair}
    drawn = {name: decay[decay > LOWEST_DB] for name, decay in decays.items()}
    return {name: decay for name, decay in drawn.items() if len(decay) >= SHORTEST_DECAY_S * rate}


def level_later_db(audio: np.ndarray, end: int, level: float, rate: int) -> float | None:
    """Level 0.2 s after the last word, in dB re the speech; None where the recording is over by then."""
    begin = end + int(LATER_S * rate)
    piece = audio[begin : begin + int(WINDOW_S * rate)]
    if len(piece) < int(WINDOW_S * rate) or not np.any(piece):
        return None
    return 10 * float(np.log10(np.mean(piece.astype(np.float64) ** 2) / level**2))


def _text(value: float | None, form: str) -> str:
    return NOTHING if value is None else form.format(value).replace("-", "−")


def _seen(read: Reading) -> list[Row]:
    """What a picture told."""
    return [
        Row("T60 as read in the photo", None, f"{read.t60_s:.2f} s"),
        Row("its range in four rooms of five", None, _interval(read)),
        Row("Volume as read in the photo", None, f"{read.volume_m3:.0f} m³"),
    ]


def _interval(read: Reading) -> str:
    return "{:.2f} to {:.2f} s".format(*read.t60_range_s) if read.t60_range_s else NOTHING


def rows(conversion: Conversion, *, dry_is_after: bool, hear_t60: Callable[[Tensor], float] | None = None) -> list[Row]:
    """The table beside a result. hear_t60: a judge that tells T60 in s by ear, of (samples,)."""
    rate, settings = conversion.sample_rate, conversion.settings
    pair, end = recorded(conversion), last_word(conversion, dry_is_after=dry_is_after)
    levels = [speech_level(audio[: conversion.speech_end], rate) for audio in (conversion.source, conversion.audio)]
    t60s = [_text(free_decay_t60(audio, end, rate), "{:.2f} s") for audio in pair]
    later = [_text(level_later_db(x, end, level, rate), "{:.0f} dB") for x, level in zip(pair, levels, strict=True)]
    lengths = [f"{samples / rate:.2f} s" for samples in (conversion.speech_end, len(conversion.audio))]
    read, sounds = conversion.read, (conversion.source[: conversion.speech_end], conversion.audio)
    heard = [f"{hear_t60(sound):.2f} s" if sound.any() else NOTHING for sound in sounds] if hear_t60 else None
    return [
        Row("Reverberation time T60", *t60s),
        *([Row("T60 as heard in the speech", *heard)] if heard else []),
        *(_seen(read) if read else []),
        Row("Level 0.2 s after the last word, re speech", *later),
        Row("Length", *lengths),
        Row("Lowered so as not to clip", None, _text(conversion.gain_db, "{:.1f} dB") if conversion.gain_db else "no"),
        Row(
            "Time taken", None, f"{conversion.seconds:.1f} s on {conversion.device}" if conversion.seconds else NOTHING
        ),
        Row("Real-time factor", None, f"{conversion.real_time_factor:.2f}" if conversion.seconds else NOTHING),
        Row("Seed", None, str(settings.seed)),
        Row("Steps and sampler", None, f"{settings.steps}, {settings.sampler}"),
        Row("System", None, conversion.system),
        Row("Checkpoint", None, conversion.checkpoint_sha256[:12] or NOTHING),
    ]
