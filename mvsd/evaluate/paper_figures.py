"""The same clips through every system, as spectrograms side by side with the truth: Figures 4 and 5 of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mvsd.audio import DB_PER_NEPER, MEL, log_mel
from mvsd.evaluate.plan import CONTROLS
from mvsd.evaluate.results import WAVS
from mvsd.figures import DPI, RANGE_DB, styled

MOST_CLIPS = 3
PANEL_IN = (1.9, 1.25)


def spectrogram_grid(runs: Sequence[tuple[str, Path]], task: str, path: Path) -> bool:
    """Draw the kept sounds of a task: clips down; input, systems and truth across. False where none were kept.

    runs: data set and folder of each; a clip is one of its data set. Clips that most systems have come first.
    """
    sounds: dict[tuple[str, str], dict[str, Path]] = {}  # data set and clip -> system -> file
    for data, folder in runs:
        for file in sorted((folder / WAVS / task).glob("*/*.wav")):
            sounds.setdefault((data, file.stem), {}).setdefault(file.parent.name, file)
    heard = {clip: [name for name in files if name not in CONTROLS] for clip, files in sounds.items()}
    whole = [clip for clip, files in sounds.items() if heard[clip] and {"input", "target"} <= set(files)]
    clips = sorted(whole, key=lambda clip: -len(heard[clip]))[:MOST_CLIPS]
    systems = dict.fromkeys(name for clip in clips for name in heard[clip])
    if not systems:
        return False
    names = ["input", *systems, "target"]
    with styled():
        figure = Figure((PANEL_IN[0] * len(names) + 0.4, PANEL_IN[1] * len(clips) + 0.5), dpi=DPI)
        panels = figure.subplots(len(clips), len(names), squeeze=False)
        for row, clip in zip(panels, clips):
            _draw(row, [sounds[clip].get(name) for name in names])
        for axes, name in zip(panels[0], names):
            axes.set_title({"input": "Input", "target": "Truth"}.get(name, name), fontsize=10)
        for axes in panels[-1]:
            axes.set_xlabel("seconds", fontsize=9)
        figure.tight_layout(pad=0.4)
        FigureCanvasAgg(figure)
        figure.savefig(path)
    return True


def _draw(row: np.ndarray, files: list[Path | None]) -> None:
    """One clip: all panels on the colours and the time of the truth."""
    mels = [None if file is None else _mel_db(file) for file in files]
    high, frames = float(mels[-1].max()), mels[-1].shape[1]
    for axes, mel in zip(row, mels):
        axes.set_yticks([])
        axes.tick_params(labelsize=8)
        if mel is None:
            axes.set_axis_off()
            continue
        extent = (0, mel.shape[1] * MEL.hop / MEL.sample_rate, 0, MEL.n_mels)
        axes.imshow(mel, origin="lower", aspect="auto", cmap="magma", vmin=high - RANGE_DB, vmax=high, extent=extent)
        axes.set_xlim(0, frames * MEL.hop / MEL.sample_rate)


def _mel_db(file: Path) -> np.ndarray:
    audio = torch.from_numpy(soundfile.read(file, dtype="float32")[0])
    return log_mel(audio[None])[0].numpy() * DB_PER_NEPER
