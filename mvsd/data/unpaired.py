"""Recordings made in rooms, each with a picture of its room and without a dry side: what is learned from unpaired.

Acoustic AVSpeech is such a set. A stand-in for it is a folder of `rooms --speech`, simulated apart from the pairs: only
reverb/ and image/ are taken; clean/ stays behind, for scoring by `evaluate`. They lie in a pack whose utterance k is a
recording and whose view k is its picture, without a response.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from torch import Generator, Tensor
from torch.nn.functional import pad

from mvsd.audio import MEL, speech_level
from mvsd.data.check import set_of
from mvsd.data.clips import ClipFiles
from mvsd.data.pack import Pack, Pool, RoomView, Utterance
from mvsd.data.pairs import MARGIN, spoil
from mvsd.data.speech import held_out
from mvsd.errors import UserError

NEEDED = {"reverb", "image"}
LARGEST_PX = (448, 224)  # of a picture, its proportions kept
UNKNOWN = float("nan")


def write_unpaired(
    folder: str | Path,
    out: str | Path,
    spoilt: bool = False,
    seed: int = 0,
    on_step: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Gather the training recordings of any set that has sounds and pictures. Returns counts.

    spoilt: with noise, colour and codec drawn from seed, so that simulated ones are not cleaner than real ones.
    """
    kind, out = set_of(folder), Path(out)
    clips = [clip for clip in kind.list_clips(Path(folder)).clips if clip.files.keys() >= NEEDED and _may_train(clip)]
    if not clips:
        raise UserError(f"{folder} has no recordings with pictures. Unpaired training takes reverb/ and image/.")
    out.mkdir(parents=True, exist_ok=True)
    pools = {name: Pool(name, out) for name in ("speech", "picture")}
    rows = []
    for number, clip in enumerate(clips):
        contents = kind.read_clip(clip)
        sound = contents.reverb
        if spoilt:
            *_, sound = spoil(sound, sound, Generator().manual_seed(seed * len(clips) + number))
        rows.append(_row(clip, sound / max(1.0, float(sound.abs().max())), _jpeg(contents.image), pools))
        if on_step:
            on_step(number + 1, len(clips))
    for pool in pools.values():
        pool.flush()
    index = {"shards": {name: pool.shards for name, pool in pools.items()}}
    index |= {name: [asdict(row) for row in part] for name, part in zip(("utterances", "views"), zip(*rows))}
    (out / "pack.json").write_text(json.dumps(index))
    return {"recordings": len(rows), "minutes": pools["speech"].count / 16_000 / 60}


def _may_train(clip: ClipFiles) -> bool:
    return clip.split in ("train", "all")


def _row(clip: ClipFiles, sound: Tensor, jpeg: Tensor, pools: dict[str, Pool]) -> tuple[Utterance, RoomView]:
    begin, place = pools["speech"].add((sound * 32767).round()), pools["picture"].add(jpeg)
    kept = held_out(f"unpaired {clip.room or clip.name}")
    view = RoomView(
        begin, 0, place, len(jpeg), clip.room or clip.name, False, True, UNKNOWN, UNKNOWN, None, None
    )  # held out: its picture teaches no encoder
    return Utterance(begin, len(sound), clip.speaker, kept), view


def _jpeg(image: Image.Image) -> Tensor:
    small, made = image.copy(), BytesIO()
    small.thumbnail(LARGEST_PX)
    small.save(made, "JPEG", quality=90)
    return torch.frombuffer(bytearray(made.getvalue()), dtype=torch.uint8)


class RecordingMaker:
    """Draws windows of recordings; one room in eight is kept for validation."""

    def __init__(self, pack: Pack, frames: int, kept: bool = False):
        self.pack, self.frames = pack, frames
        self.rows = [(sound, view) for sound, view in zip(pack.utterances, pack.views) if sound.held_out == kept]
        if not self.rows or any(view.count for _, view in self.rows):
            side = "kept for validation" if kept else "to train with"
            raise UserError(f"This pack has no unpaired recordings {side}. Make one with: python -m mvsd data unpaired")

    def draw(self, count: int, generator: Generator, level: float) -> tuple[Tensor, list[RoomView]]:
        """(count, samples + 2 MARGIN) with their recordings' speech at `level`, and what shows their rooms."""
        picks = torch.randint(len(self.rows), (count,), generator=generator).tolist()
        windows = [self._window(self.rows[pick][0], generator, level) for pick in picks]
        return torch.stack(windows), [self.rows[pick][1] for pick in picks]

    def _window(self, recording: Utterance, generator: Generator, level: float) -> Tensor:
        sound, length = self.pack.speech(recording), self.frames * MEL.hop + 2 * MARGIN
        begin = int(torch.rand(1, generator=generator) * max(1, len(sound) - length))
        piece = sound[begin : begin + length]
        return pad(piece, (length - len(piece), 0)) * (level / max(speech_level(sound), 1e-5))
