"""Speech on disk: which files there are, who speaks, and which speakers are kept for testing."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import soundfile

from mvsd.audio import resample
from mvsd.errors import UserError

SUFFIXES = (".flac", ".wav", ".ogg", ".mp3")
LIBRISPEECH = re.compile(r"^(\d+)-\d+-\d+$")  # speaker-chapter-utterance
ONE_IN = 8  # about so many speakers are one held out
CHOICES = ("all", "train", "held-out")
RATE = 16_000  # Hz
LEVEL_DB = -26.0  # RMS re full scale
CLIP_S, SHORTEST_S = 5.0, 3.0


def speaker_of(path: Path) -> str:
    """'103' of 103-1240-0000.flac (LibriSpeech); the name of the folder for other files."""
    match = LIBRISPEECH.match(path.stem)
    return match.group(1) if match else path.parent.name


def held_out(speaker: str) -> bool:
    """Whether a speaker is for testing only: about one in eight, the same ones on every machine."""
    return int.from_bytes(sha256(speaker.encode()).digest()[:8], "big") % ONE_IN == 0


def list_speech(folder: str | Path, which: str = "all") -> list[Path]:
    """Every sound file below folder, sorted. which: "all", "train" or "held-out" speakers."""
    if which not in CHOICES:
        raise UserError(f"Speakers are {', '.join(CHOICES)}, not {which}.")
    if not Path(folder).is_dir():
        raise UserError(f"There is no folder {folder}. Give the folder that holds the speech.")
    found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
    kept = [path for path in found if which == "all" or held_out(speaker_of(path)) == (which == "held-out")]
    if not kept:
        raise UserError(f"{folder} holds no {'' if which == 'all' else which + ' '}speech ({', '.join(SUFFIXES)}).")
    return kept


def draw_clip(rng: np.random.Generator, files: list[Path]) -> tuple[Path, np.ndarray]:
    """A random utterance of at least 3 s, and about 5 s of it: (samples,) float32 at 16 kHz, RMS -26 dBFS."""
    for _ in range(100):
        path = files[int(rng.integers(len(files)))]
        info = soundfile.info(path)
        if info.frames / info.samplerate < SHORTEST_S:
            continue
        clip = _part(rng, path, info)
        if float(np.abs(clip).max()) > 1e-3:
            return path, set_level(clip)
    raise UserError(f"Too few of the speech files are {SHORTEST_S:g} s or longer; give longer utterances.")


def _part(rng: np.random.Generator, path: Path, info: soundfile._SoundFileInfo) -> np.ndarray:
    frames = min(info.frames, int(CLIP_S * info.samplerate))
    start = int(rng.integers(info.frames - frames + 1))
    audio, rate = soundfile.read(path, frames=frames, start=start, dtype="float32", always_2d=True)
    return resample(audio.mean(axis=1), rate)


def set_level(clip: np.ndarray) -> np.ndarray:
    """clip at an RMS of -26 dBFS."""
    rms = float(np.sqrt(np.mean(np.square(clip, dtype=np.float64))))
    return (clip * (10 ** (LEVEL_DB / 20) / rms)).astype(np.float32)
