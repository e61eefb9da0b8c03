"""Pictures of a conversion: two log-mel spectrograms on one scale, and how the sound dies away.

Drawn as light on dark, like the display of an instrument, so that one picture suits light and dark pages.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from mvsd.audio import MEL, MelSpec, mel_basis

PAPER, INK, GRID = "#171514", "#d9d2c7", "#3a3531"
LINES = {"before": ("#c9a47c", "--"), "after": ("#7fc4b1", "-")}
RANGE_DB = 80.0  # from the loudest point of the source down to black
DECAYS_DB = (-80, 0)  # what is shown of decay curves
DB_PER_NEPER = 20 / float(np.log(10))
TICKS_HZ = (250, 500, 1000, 2000, 4000)
SIZE_IN, DPI = (5.4, 4.4), 200  # 540 x 450 points on the page, drawn twice as fine for sharp screens
PANEL_LEFT, PANEL_WIDTH, PANEL_HEIGHT = 0.085, 0.805, 0.375  # shares of the picture
PANEL_BOTTOMS = {"before": 0.565, "after": 0.105}
STYLE = {
    "font.size": 10.5, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": GRID, "axes.facecolor": PAPER,
    "figure.facecolor": PAPER, "xtick.color": INK, "ytick.color": INK, "grid.color": GRID, "legend.frameon": False,
}  # fmt: skip
_STYLING = threading.Lock()


@contextmanager
def styled() -> Iterator[None]:
    """matplotlib keeps one style for all threads: one picture at a time."""
    with _STYLING, matplotlib.rc_context(STYLE):
        yield


@dataclass(frozen=True)
class Spectrograms:
    """The picture with its lower panel still black; `with_after` fills that panel, in milliseconds.

    blank: (height, width, 3) uint8. low, high: log-mel values in nepers shown as black and as white.
    """

    blank: np.ndarray
    low: float
    high: float

    def with_after(self, mel: np.ndarray) -> np.ndarray:
        """mel: (bands, frames) in nepers. Returns (height, width, 3) uint8."""
        height, width = self.blank.shape[:2]
        top = round(height * (1 - PANEL_BOTTOMS["after"] - PANEL_HEIGHT))
        left = round(width * PANEL_LEFT)
        panel = self._colours(mel, (round(width * PANEL_WIDTH), round(height * PANEL_HEIGHT)))
        picture = self.blank.copy()
        picture[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
        return picture

    def _colours(self, mel: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        shade = np.clip((mel[::-1] - self.low) / (self.high - self.low), 0, 1).astype(np.float32)
        large = np.asarray(Image.fromarray(shade).resize(size, Image.Resampling.BILINEAR))
        return matplotlib.colormaps["magma"](large, bytes=True)[..., :3]


def spectrograms(before: np.ndarray, frames: int, titles: tuple[str, str], spec: MelSpec = MEL) -> Spectrograms:
    """Draw the source, and the axes of the result to come.

    before: (bands, frames of the source) in nepers; shorter than `frames` is filled with silence.
    frames: length of both panels. titles: what stands above each.
    """
    high = float(before.max())
    low = high - RANGE_DB / DB_PER_NEPER
    before = np.pad(before[:, :frames], ((0, 0), (0, max(0, frames - before.shape[1]))), constant_values=low)
    with styled():
        figure = Figure(SIZE_IN, dpi=DPI)
        upper, lower = (figure.add_axes((PANEL_LEFT, y, PANEL_WIDTH, PANEL_HEIGHT)) for y in PANEL_BOTTOMS.values())
        extent = (0, frames * spec.hop / spec.sample_rate, -0.5, spec.n_mels - 0.5)
        shown = {"origin": "lower", "aspect": "auto", "cmap": "magma", "vmin": -RANGE_DB, "vmax": 0, "extent": extent}
        image = upper.imshow((before - high) * DB_PER_NEPER, **shown)
        lower.imshow(np.full((1, 1), -RANGE_DB), **shown)
        for axes, title in zip((upper, lower), titles, strict=True):
            _label(axes, title, spec)
        upper.set_xticklabels([])
        lower.set_xlabel("seconds", labelpad=1)
        bar = figure.colorbar(image, cax=figure.add_axes((0.905, PANEL_BOTTOMS["after"], 0.016, 0.835)))
        bar.set_ticks([0, -20, -40, -60, -80], labels=["0 dB", "−20", "−40", "−60", "−80"], fontsize=9)
        bar.outline.set_visible(False)
        return Spectrograms(_pixels(figure), low, high)


def _label(axes: matplotlib.axes.Axes, title: str, spec: MelSpec) -> None:
    centres_hz = mel_basis(spec).numpy().argmax(axis=1) * spec.sample_rate / spec.n_fft
    bands = np.interp(TICKS_HZ, centres_hz, np.arange(spec.n_mels))
    axes.set_yticks(bands, [f"{hz / 1000:g}k" if hz >= 1000 else f"{hz}" for hz in TICKS_HZ], fontsize=9)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=4)
    axes.tick_params(length=2)


def decay_curves(curves: dict[str, np.ndarray], rate: int) -> np.ndarray:
    """The energy still to come, from the end of the last word.

    curves: "before", "after", or both -> (samples,) at rate Hz, in dB re a second of speech. Returns (height, width, 3)
    uint8.
    """
    with styled():
        figure = Figure((SIZE_IN[0], 2.7), dpi=DPI)
        axes = figure.add_axes((PANEL_LEFT, 0.17, 0.87, 0.72))
        longest = 0.3
        for label, decay_db in curves.items():
            colour, line = LINES[label]
            step = max(1, len(decay_db) // 2000)
            seconds = np.arange(len(decay_db))[::step] / rate
            axes.plot(seconds, decay_db[::step], line, color=colour, linewidth=2, label=label)
            longest = max(longest, len(decay_db) / rate)
        axes.set(xlim=(0, longest * 1.05), ylim=DECAYS_DB, xlabel="seconds", yticks=range(-80, 1, 20))
        title = "Energy left after the last word, dB re 1 s of speech"
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=4)
        axes.grid(alpha=0.7)
        if curves:
            axes.legend(loc="upper right")
        else:
            axes.text(0.5, 0.5, "No decay to measure", ha="center", va="center", transform=axes.transAxes)
        return _pixels(figure)


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
