"""The pictures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mvsd.figures import DPI, PANEL_BOTTOMS, PANEL_HEIGHT, PANEL_LEFT, PANEL_WIDTH, SIZE_IN, decay_curves, spectrograms

BANDS, FRAMES, QUIET = 128, 100, float(np.log(1e-5))


def panel(picture: np.ndarray, name: str) -> np.ndarray:
    height, width = picture.shape[:2]
    top = round(height * (1 - PANEL_BOTTOMS[name] - PANEL_HEIGHT))
    left = round(width * PANEL_LEFT)
    return picture[top : top + round(height * PANEL_HEIGHT), left : left + round(width * PANEL_WIDTH)]


def tone(band: int, frames: int) -> np.ndarray:
    mel = np.full((BANDS, FRAMES), QUIET, np.float32)
    mel[band, :frames] = 0.0
    return mel


def test_the_picture_has_the_size_asked_for():
    picture = spectrograms(tone(5, 50), FRAMES, ("a", "b")).with_after(tone(5, 50))
    assert picture.shape == (round(SIZE_IN[1] * DPI), round(SIZE_IN[0] * DPI), 3)
    assert picture.dtype == np.uint8


def test_a_low_tone_is_drawn_low_and_a_later_half_dark():
    drawn = (
        panel(spectrograms(tone(5, 50), FRAMES, ("a", "b")).with_after(tone(5, 50)), "after").astype(int).sum(axis=2)
    )
    row, column = np.unravel_index(drawn.argmax(), drawn.shape)
    assert row > 0.9 * drawn.shape[0]
    assert column < drawn.shape[1] / 2
    assert drawn[:, drawn.shape[1] * 6 // 10 :].max() < 60


def test_both_panels_have_one_scale_of_colour_and_time():
    mel = np.random.default_rng(0).uniform(QUIET, 0, (16, 10)).repeat(8, axis=0).repeat(10, axis=1)  # coarse
    picture = spectrograms(mel, FRAMES, ("a", "b")).with_after(mel)
    before, after = (panel(picture, name).astype(float) for name in PANEL_BOTTOMS)
    inner = np.abs(before - after)[8:-8, 8:-8]
    assert np.median(inner) < 4  # levels of 255; edges between cells are drawn differently


def test_a_result_louder_than_the_source_stays_within_the_scale():
    drawn = panel(spectrograms(tone(5, 50), FRAMES, ("a", "b")).with_after(tone(5, 50) + 3), "after")
    assert drawn.max() <= 255


def test_a_short_source_is_filled_with_silence():
    drawn = panel(spectrograms(tone(64, 50)[:, :50], FRAMES, ("a", "b")).blank, "before").astype(int).sum(axis=2)
    inner = drawn[10:-10, 10:-10]
    assert inner[:, : inner.shape[1] * 4 // 10].max() > 300
    assert inner[:, inner.shape[1] * 6 // 10 :].max() < 60


def test_a_decay_curve_changes_the_picture_and_none_says_so():
    falling = -60 * np.arange(16_000) / 16_000
    pictures = [decay_curves(c, 16_000) for c in ({}, {"after": falling}, {"before": falling}, {"before": falling * 2})]
    assert len({picture.tobytes() for picture in pictures}) == 4


def test_pictures_drawn_at_once_are_those_drawn_alone():
    alone = spectrograms(tone(5, 50), FRAMES, ("a", "b")).blank
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda _: spectrograms(tone(5, 50), FRAMES, ("a", "b")).blank, range(6))
    assert all(np.array_equal(picture, alone) for picture in together)
