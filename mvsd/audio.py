"""Sound in and out at the edge, and the log-mel front end between.

Inside the package audio is float32, mono, 16 kHz. It is made so once, here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mvsd.errors import UserError

SAMPLE_RATE = 16_000  # Hz
SHORTEST_S, LONGEST_S = 0.3, 60.0
LIMITS = f"{SHORTEST_S:g} to {LONGEST_S:g} s of speech"
SILENCE_PEAK = 1e-4  # -80 dBFS
CEILING = 0.99  # highest peak that is written
FRAMES_UNKNOWN = 2**62  # what libsndfile says of a FLAC stream whose header leaves the length open is more
STREAMED_WAV = 0x7FFF0000  # bytes: a recorder that cannot go back to its header promises at least so many
DB_PER_NEPER = 20 / float(np.log(10))


def load(path: str | Path) -> Tensor:
    """Read any file libsndfile reads: any rate, any number of channels, any bit depth.

    Returns (samples,) float32, mono (mean of the channels), at 16 kHz, level as recorded.
    Raises UserError where the file is no sound, too short, too long, silent or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no file {path.name}. Check the name.")
    audio, rate = _decode(path)
    _check_length(path.name, len(audio) / rate)
    audio = audio.mean(axis=1)
    if not np.isfinite(audio).all():
        raise UserError(f"{path.name} holds samples that are not numbers (NaN or infinite). Export it again.")
    if np.abs(audio).max() < SILENCE_PEAK:
        raise UserError(f"{path.name} is silent. Record or choose a clip with speech in it.")
    return torch.from_numpy(resample(audio, rate))


def _decode(path: Path) -> tuple[np.ndarray, int]:
    """Samples (samples, channels) and rate; the length is checked before anything long is decoded."""
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty. Choose a recording with {LIMITS}.")
    import soundfile  # here and below, not above: training uses the front end where there is no libsndfile

    try:
        info = soundfile.info(path)
        if 0 < info.frames < FRAMES_UNKNOWN:
            _check_length(path.name, info.frames / info.samplerate)
        audio, rate = soundfile.read(path, int((LONGEST_S + 1) * info.samplerate), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, OSError, TypeError) as error:  # TypeError: headerless .raw
        raise UserError(f"{path.name} is not a sound file we can read. Use WAV, FLAC, MP3 or OGG.") from error
    if len(audio) == 0 or _is_cut_off(info.extra_info):
        raise UserError(f"{path.name} is cut off: the file ends before its sound does. Export or copy it again.")
    return audio, rate


def _is_cut_off(log: str) -> bool:
    """Whether libsndfile found less than 99 % of the bytes that a WAV header promises."""
    found = re.search(r"^data : (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    promised, there = map(int, found.groups()) if found else (0, 0)
    return there < 0.99 * promised and promised < STREAMED_WAV


def _check_length(name: str, seconds: float) -> None:
    if not SHORTEST_S <= seconds <= LONGEST_S:
        wish = "Record a longer clip" if seconds < SHORTEST_S else "Trim it first, in any sound editor"
        raise UserError(f"{name} is {seconds:.2f} s long; we take {LIMITS}. {wish}.")


def resample(audio: np.ndarray, rate: int, to: int = SAMPLE_RATE) -> np.ndarray:
    """audio: (samples,) at rate Hz. Returns float32 (samples,) at `to` Hz, by a polyphase filter."""
    from scipy.signal import resample_poly

    common = gcd(rate, to)
    if rate == to:
        return audio.astype(np.float32)
    return resample_poly(audio, to // common, rate // common).astype(np.float32)


def save(path: str | Path, audio: Tensor, rate: int = SAMPLE_RATE) -> float:
    """Write a 16-bit WAV. audio: (samples,). Lowers the whole file where it would clip.

    Returns the gain in dB that was applied: 0, or less where the peak was above 0.99.
    """
    import soundfile

    samples = audio.detach().cpu().numpy()
    peak = float(np.abs(samples).max(initial=0.0))
    gain = min(1.0, CEILING / peak) if peak > 0 else 1.0
    soundfile.write(path, samples * gain, rate, subtype="PCM_16", format="WAV")
    return 20 * float(np.log10(gain))


def rms(audio: Tensor) -> float:
    return float(audio.double().square().mean().sqrt())


def speech_level(audio: Tensor, rate: int = SAMPLE_RATE) -> float:
    """RMS of the 20 ms frames within 30 dB of the loudest: the level of the speech, whatever the pauses."""
    frame = rate // 50
    frames = torch.nn.functional.pad(audio, (0, -len(audio) % frame)).reshape(-1, frame).double().square().mean(1)
    return float(frames[frames >= frames.max() * 1e-3].mean().sqrt())


@dataclass(frozen=True)
class MelSpec:
    """The front end of every model here; it travels in each checkpoint's metadata."""

    sample_rate: int = SAMPLE_RATE
    n_fft: int = 1024
    hop: int = 256  # samples
    n_mels: int = 128
    floor: float = 1e-5  # smallest magnitude before the log


MEL = MelSpec()


@lru_cache(maxsize=8)
def mel_basis(spec: MelSpec) -> Tensor:
    """Slaney mel filters from 0 Hz to half the rate, (n_mels, n_fft // 2 + 1)."""
    bins_hz = torch.linspace(0, spec.sample_rate / 2, spec.n_fft // 2 + 1, dtype=torch.float64)
    edges_hz = mel_edges_hz(spec)
    low, centre, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    up, down = (bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)
    return (torch.minimum(up, down).clamp(min=0) * 2 / (high - low)).float()


def mel_edges_hz(spec: MelSpec) -> Tensor:
    """Where the mel filters begin, peak and end, (n_mels + 2,): filter m peaks at entry m + 1."""
    top = float(_mel(torch.tensor(spec.sample_rate / 2, dtype=torch.float64)))
    return _hz(torch.linspace(0, top, spec.n_mels + 2, dtype=torch.float64))


def _mel(hz: Tensor) -> Tensor:
    """Slaney's mel scale: linear to 1 kHz, logarithmic above (Auditory Toolbox, 1998)."""
    return torch.where(hz < 1000, hz * 3 / 200, 15 + 27 * (hz.clamp(min=1e-9) / 1000).log() / np.log(6.4))


def _hz(mel: Tensor) -> Tensor:
    return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * np.log(6.4) / 27))


def frames_of(samples: int, spec: MelSpec = MEL) -> int:
    """Frames that cover so many samples: 32,768 samples are 128 frames exactly."""
    return -(-samples // spec.hop)


def stft(audio: Tensor, spec: MelSpec = MEL) -> Tensor:
    """audio: (batch, samples). Returns complex (batch, n_fft // 2 + 1, frames), frames = ceil(samples / hop).

    Frame k is centred on the middle of hop k; silence is assumed before and after (no reflection: a clip's past is
    nothing, not its own mirror image).
    """
    frames, side = frames_of(audio.shape[-1], spec), (spec.n_fft - spec.hop) // 2
    padded = torch.nn.functional.pad(audio, (side, side + frames * spec.hop - audio.shape[-1]))
    window = torch.hann_window(spec.n_fft, device=audio.device)
    return torch.stft(padded, spec.n_fft, spec.hop, window=window, center=False, return_complex=True)


def istft(spectrum: Tensor, spec: MelSpec = MEL) -> Tensor:
    """Inverse of `stft` by windowed overlap-add (Griffin and Lim 1984, eq. 6).

    spectrum: (batch, n_fft // 2 + 1, frames). Returns (batch, frames * hop).
    """
    window = torch.hann_window(spec.n_fft, device=spectrum.device)
    frames, side = spectrum.shape[-1], (spec.n_fft - spec.hop) // 2
    pieces = torch.fft.irfft(spectrum, spec.n_fft, dim=1) * window[:, None]
    size, step = (1, (frames - 1) * spec.hop + spec.n_fft), (1, spec.hop)
    sum_ = torch.nn.functional.fold(pieces, size, (1, spec.n_fft), stride=step)[:, 0, 0]
    squares = window.square()[None, :, None].expand(1, -1, frames)
    weight = torch.nn.functional.fold(squares, size, (1, spec.n_fft), stride=step)
    return (sum_ / weight[0, 0, 0].clamp(min=1e-3))[:, side : side + frames * spec.hop]


def mel_of(spectrum: Tensor, spec: MelSpec = MEL) -> Tensor:
    """Complex or magnitude (batch, bins, frames) to log-mel (batch, n_mels, frames)."""
    return (mel_basis(spec).to(spectrum.device) @ spectrum.abs()).clamp(min=spec.floor).log()


def log_mel(audio: Tensor, spec: MelSpec = MEL) -> Tensor:
    """What the U-Net diffuses and the vocoder inverts.

    audio: (batch, samples) at spec.sample_rate. Returns (batch, n_mels, frames): natural log of the magnitude,
    floored at spec.floor.
    """
    return mel_of(stft(audio, spec), spec)
