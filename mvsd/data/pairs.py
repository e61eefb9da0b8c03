"""Pairs made on the fly: continuous dry speech, a room's response, and inputs as users bring them. Torch alone.

A window's reverberation comes from what was said before it, so windows are cut from speech that was convolved whole.
Sound is cut with margins, so a window's frames are those of the whole clip.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from mvsd.audio import MEL, SAMPLE_RATE, speech_level
from mvsd.data.pack import Pack, RoomView, Utterance
from mvsd.errors import UserError

DIRECT_SAMPLE = 40
MARGIN = 2 * MEL.hop  # samples on both sides of a window, so that its outer frames are whole
WINDOWS_A_DRAW = 2  # neighbouring windows from one convolution
LONGEST_RIR = 56_000  # samples, 3.5 s


@dataclass(frozen=True)
class Pairs:
    """Windows of sound and the views they were heard in.

    targets: what each task wants, (B, samples + 2 MARGIN). sources: what it is given, as brought, beginning `before`
    frames earlier. Source and target of a task share one gain. views: B of them.
    """

    sources: dict[str, Tensor]
    targets: dict[str, Tensor]
    views: list[RoomView]


@dataclass(frozen=True)
class Taste:
    """How often what happens to inputs."""

    measured: float = 0.1  # share of measured responses
    spoilt: float = 0.4  # share of inputs that come with noise, colour, codec or a room of their own
    tail: float = 0.5  # share of windows that see the speech end and the room ring out
    shown: float = 0.75  # share of simulated rooms whose picture may be shown


def _pick(rows: list, generator: Generator):
    return rows[int(torch.randint(len(rows), (1,), generator=generator))]


def _uniform(low: float, high: float, generator: Generator) -> float:
    return low + (high - low) * float(torch.rand(1, generator=generator))


class PairMaker:
    """Draws windows from a pack; the split (training or held-out speakers and rooms) is fixed at construction.

    before: frames of source ahead of each window. shown: `begin` of the views whose picture is known to the trainee.
    """

    def __init__(
        self,
        pack: Pack,
        frames: int,
        held_out: bool = False,
        taste: Taste = Taste(),
        before: int = 0,
        shown: Collection[int] = (),
    ):
        self.pack, self.frames, self.taste, self.before = pack, frames, taste, before
        self.utterances = [row for row in pack.utterances if row.held_out == held_out]
        views = [view for view in pack.views if view.held_out == held_out]
        self.simulated = _by_room([view for view in views if not view.measured])
        self.shown = _by_room([view for view in views if view.begin in shown])
        self.measured = _by_room([view for view in views if view.measured])
        if not (self.utterances and self.simulated):
            side = "held-out" if held_out else "training"
            raise UserError(f"This pack has no {side} speech or rooms. Pack more speakers and rooms.")

    def draw(self, count: int, generator: Generator, level: float) -> Pairs:
        """count windows (a multiple of WINDOWS_A_DRAW); level: what each source's speech level is brought to."""
        drawn = [self._room(generator, level) for _ in range(count // WINDOWS_A_DRAW)]
        sources = {task: torch.cat([d.sources[task] for d in drawn]) for task in drawn[0].sources}
        targets = {task: torch.cat([d.targets[task] for d in drawn]) for task in drawn[0].targets}
        return Pairs(sources, targets, [view for d in drawn for view in d.views])

    def _room(self, generator: Generator, level: float) -> Pairs:
        view = self._view(generator)
        rir = self.pack.rir(view)[:LONGEST_RIR]
        dry = self._region(_pick(self.utterances, generator), len(rir), generator)
        wet = convolve(dry, rir)
        dry, wet = dry[len(rir) :], wet[len(rir) :]
        if _uniform(0, 1, generator) < self.taste.spoilt:
            dry, wet, heard_dry, heard_wet = spoil(dry, wet, generator)
        else:
            heard_dry, heard_wet = dry, wet
        sources, targets = {}, {}
        for task, heard, wanted in (("match", heard_dry, wet), ("dereverb", heard_wet, dry)):
            gain = level / max(speech_level(heard), 1e-5) * 10 ** (_uniform(-2, 2, generator) / 20)
            sources[task] = self._cut(heard * gain, self.before)
            targets[task] = self._cut(wanted[self.before * MEL.hop :] * gain, 0)
        return Pairs(sources, targets, [view] * WINDOWS_A_DRAW)

    def _view(self, generator: Generator) -> RoomView:
        measured, shown = (_uniform(0, 1, generator) for _ in range(2))
        if self.measured and measured < self.taste.measured:
            return _pick(_pick(self.measured, generator), generator)
        rooms = self.shown if self.shown and shown < self.taste.shown else self.simulated
        return _pick(_pick(rooms, generator), generator)

    def _region(self, utterance: Utterance, past: int, generator: Generator) -> Tensor:
        """Dry speech under all windows, with margins and `past` samples before; silence beyond the utterance."""
        speech = self.pack.speech(utterance)
        window = self.frames * MEL.hop
        length = WINDOWS_A_DRAW * window + 2 * MARGIN
        if _uniform(0, 1, generator) < self.taste.tail:
            begin = len(speech) - int(_uniform(0.15, 0.9, generator) * length)
        else:
            begin = int(_uniform(-0.25 * window, max(0, len(speech) - length), generator))
        past += self.before * MEL.hop
        begin -= past
        piece = speech[max(0, begin) : max(0, begin + past + length)]
        front = max(0, -begin)
        return pad(piece, (front, past + length - front - len(piece)))

    def _cut(self, region: Tensor, before: int) -> Tensor:
        return region.unfold(0, (before + self.frames) * MEL.hop + 2 * MARGIN, self.frames * MEL.hop)


def _by_room(views: list[RoomView]) -> list[list[RoomView]]:
    """Views grouped by room, so that a room counts once however many views it has."""
    rooms: dict[str, list[RoomView]] = {}
    for view in views:
        rooms.setdefault(view.room, []).append(view)
    return list(rooms.values())


def spoil(dry: Tensor, wet: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """dry, wet as wanted, then as heard: a microphone colours all; noise, codec and rest of room what is heard."""
    if _uniform(0, 1, generator) < 0.5:
        dry, wet = _colour(torch.stack([dry, wet]), generator)
    heard_dry, heard_wet = dry, wet
    if _uniform(0, 1, generator) < 0.3:
        heard_dry = convolve(dry, _small_room(generator))
    if _uniform(0, 1, generator) < 0.7:
        snr_db = _uniform(10, 40, generator)
        heard_dry, heard_wet = _noisy(heard_dry, snr_db, generator), _noisy(heard_wet, snr_db, generator)
    if _uniform(0, 1, generator) < 0.2:
        heard_dry, heard_wet = _codec(heard_dry), _codec(heard_wet)
    return dry, wet, heard_dry, heard_wet


def convolve(dry: Tensor, rir: Tensor) -> Tensor:
    """dry: (samples,) heard through rir, aligned on the direct sound; the first len(rir) samples are not to be used."""
    n = _fast_length(len(dry) + DIRECT_SAMPLE)
    spectrum = torch.fft.rfft(dry, n) * torch.fft.rfft(rir[:n], n)
    return torch.fft.irfft(spectrum, n)[DIRECT_SAMPLE : DIRECT_SAMPLE + len(dry)]


def _fast_length(least: int) -> int:
    """The next product of 4096 and a small number: quick to transform."""
    return -(-least // 4096) * 4096


def _small_room(generator: Generator) -> Tensor:
    """The rest of a room that a close microphone still hears: decaying noise 15-30 dB under the direct sound."""
    t60_s, count = _uniform(0.1, 0.3, generator), 4800
    decay = 10 ** (-3 * torch.arange(count) / SAMPLE_RATE / t60_s)
    rir = torch.randn(count, generator=generator) * decay
    rir *= 10 ** (-_uniform(10, 25, generator) / 20) / rir.norm()
    rir[: DIRECT_SAMPLE + 16] = 0
    rir[DIRECT_SAMPLE] = 1
    return rir


def _colour(sounds: Tensor, generator: Generator) -> Tensor:
    """A microphone's smooth response, up to about 6 dB, and sometimes a telephone's band. sounds: (n, samples)."""
    n = _fast_length(sounds.shape[-1])
    octaves = torch.linspace(1 / n, 0.5, n // 2 + 1).mul(SAMPLE_RATE).clamp(min=50).log2()
    gain_db = sum(
        _uniform(-3, 3, generator) * torch.cos(2 * torch.pi * (octaves * rate + _uniform(0, 1, generator)))
        for rate in (0.1, 0.25, 0.5)
    )
    if _uniform(0, 1, generator) < 0.2:
        hz = torch.linspace(0, SAMPLE_RATE / 2, n // 2 + 1)
        gain_db = gain_db - 40 * (1 - torch.sigmoid((hz - 200) / 30) * torch.sigmoid((3800 - hz) / 150))
    return torch.fft.irfft(torch.fft.rfft(sounds, n) * 10 ** (gain_db / 20), n)[:, : sounds.shape[-1]]


def _noisy(sound: Tensor, snr_db: float, generator: Generator) -> Tensor:
    """Noise between white and brown, snr_db below the speech level."""
    n = _fast_length(len(sound))
    tilt = torch.arange(1, n // 2 + 2).float().pow(-_uniform(0, 1, generator))
    noise = torch.fft.irfft(torch.fft.rfft(torch.randn(n, generator=generator)) * tilt, n)[: len(sound)]
    return sound + noise * (speech_level(sound) / noise.square().mean().sqrt() * 10 ** (-snr_db / 20))


def _codec(sound: Tensor) -> Tensor:
    """8-bit mu-law (ITU-T G.711's law), as telephones and old recorders use."""
    peak = sound.abs().max().clamp(min=1e-6)
    mu = torch.tensor(255.0)
    squeezed = (sound / peak).sign() * torch.log1p(mu * (sound / peak).abs()) / torch.log1p(mu)
    coarse = (squeezed * 127).round() / 127
    return coarse.sign() * torch.expm1(coarse.abs() * torch.log1p(mu)) / mu * peak
