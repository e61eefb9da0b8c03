"""Places of talker, listener and camera in a designed room. Pure: the same generator gives the same places."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mvsd.data.room_design import RoomDesign, log_uniform
from mvsd.data.room_furniture import Item

PICTURE_PX = 224  # width of a perspective view, three quarters as high; a panorama is twice as wide
SPEED_OF_SOUND = 343.0  # m/s
RATE = 16_000  # Hz
PANORAMAS, FIGURES, AIMED = 0.25, 0.88, 0.9  # shares of the views
WORTH_A_PICTURE = 0.5  # of the depth that the best way to look has
ASPECT = 4 / 3  # of a perspective view


@dataclass(frozen=True)
class View:
    """Who stands where, and what the camera at the listener's place sees. Positions (x, y, z) in m."""

    talker: tuple[float, float, float]  # the mouth
    listener: tuple[float, float, float]
    yaw_deg: float  # 0 looks east, 90 north
    pitch_deg: float  # positive looks up
    fov_deg: float  # horizontal
    exposure: float  # factor on the picture's brightness
    is_panorama: bool
    has_figure: bool

    @property
    def distance_m(self) -> float:
        return float(np.linalg.norm(np.subtract(self.talker, self.listener)))


def draw_view(rng: np.random.Generator, room: RoomDesign) -> View:
    """Places of talker and listener, 0.5 to 12 m apart as far as the room allows, and a camera at the listener's."""
    reach_m = min(12.0, 0.85 * float(np.hypot(*room.size_m[:2])))
    for _ in range(400):
        listener = _place(rng, room, (0.9, 1.85))
        distance_m = 0.5 * max(1.2, reach_m / 0.5) ** (rng.random() ** 0.7)
        angle, mouth_m = rng.uniform(0, 2 * np.pi), rng.uniform(1.05, 1.75)
        flat_m = np.sqrt(max(0.0, distance_m**2 - (mouth_m - listener[2]) ** 2))
        talker = np.array([listener[0] + flat_m * np.cos(angle), listener[1] + flat_m * np.sin(angle), mouth_m])
        if flat_m > 0.4 and is_free(room, talker) and is_free(room, listener):
            break
    else:
        listener, talker = np.array(room.size_m) * (0.3, 0.3, 0), np.array(room.size_m) * (0.7, 0.7, 0)
        listener[2] = talker[2] = 1.4
    return _camera(rng, room, on_the_sample(talker, listener), listener)


def _place(rng: np.random.Generator, room: RoomDesign, heights_m: tuple[float, float]) -> np.ndarray:
    margin = [min(0.45, 0.25 * side) for side in room.size_m[:2]]
    flat = [rng.uniform(gap, side - gap) for gap, side in zip(margin, room.size_m[:2], strict=True)]
    return np.array([*flat, rng.uniform(*heights_m)])


def is_free(room: RoomDesign, place: np.ndarray) -> bool:
    """Whether a person may stand there: away from the walls, and in nothing higher than 15 cm below the head."""
    if any(
        not min(0.4, 0.24 * side) <= at <= side - min(0.4, 0.24 * side)
        for at, side in zip(place[:2], room.size_m[:2], strict=True)
    ):
        return False
    return not any(item.covers(place, 0.25) and item.height_m > place[2] - 0.25 for item in room.items)


def on_the_sample(talker: np.ndarray, listener: np.ndarray) -> np.ndarray:
    """Move the talker, by a centimetre at most, so that the direct sound falls on a whole sample."""
    away = talker - listener
    distance_m = float(np.linalg.norm(away))
    samples = max(1, round(distance_m * RATE / SPEED_OF_SOUND))
    return listener + away * (samples * SPEED_OF_SOUND / RATE / distance_m)


def _camera(rng: np.random.Generator, room: RoomDesign, talker: np.ndarray, listener: np.ndarray) -> View:
    """A photograph of the room, as people take one: of the ways to look, the one that sees furthest.

    Aimed views keep the talker in the picture, unless all they see is a wall close by.
    """
    away = talker - listener
    fov_deg, panorama, aimed = rng.uniform(60, 105), rng.random() < PANORAMAS, rng.random() < AIMED
    to_talker_deg = float(np.degrees(np.arctan2(away[1], away[0])))
    around_deg = rng.uniform(-180, 180) + np.arange(8) * 45.0
    beside_deg = to_talker_deg + 0.36 * fov_deg * np.linspace(-1, 1, 7)
    best, best_aimed = (furthest(room, listener, ways, fov_deg) for ways in (around_deg, beside_deg))
    yaw_deg, _ = best_aimed if aimed and best_aimed[1] > WORTH_A_PICTURE * best[1] else best
    view = View(
        talker=tuple(talker.tolist()),
        listener=tuple(listener.tolist()),
        yaw_deg=yaw_deg,
        pitch_deg=float(np.clip(rng.normal(-4, 6), -22, 14)),
        fov_deg=float(fov_deg),
        exposure=log_uniform(rng, 0.6, 1.5),
        is_panorama=bool(panorama),
        has_figure=bool(rng.random() < FIGURES),
    )
    return replace(view, pitch_deg=0.0, fov_deg=360.0) if panorama else view


def furthest(room: RoomDesign, listener: np.ndarray, yaws_deg: np.ndarray, fov_deg: float) -> tuple[float, float]:
    """Of these ways to look, the one with the most room before it, and the mean distance to the walls there in m."""
    azimuth = np.radians(yaws_deg[:, None] + fov_deg * np.linspace(-0.5, 0.5, 9))
    way = np.stack([np.cos(azimuth), np.sin(azimuth)], -1)
    way = np.where(np.abs(way) < 1e-6, 1e-6, way)
    to_wall = np.where(way > 0, np.array(room.size_m[:2]) - listener[:2], -listener[:2]) / way
    seen_m = to_wall.min(-1).mean(-1)
    best = int(seen_m.argmax())
    return float(yaws_deg[best]), float(seen_m[best])


def sees_talker(room: RoomDesign, view: View) -> bool:
    """Whether the figure is drawn, its mouth lies in the picture, and no thing stands before it."""
    if not view.has_figure or not (view.is_panorama or _in_frame(view)):
        return False
    start, way = np.array(view.listener), np.subtract(view.talker, view.listener)
    return not any(_blocks(start, way, item) for item in room.items)


def _in_frame(view: View) -> bool:
    away = np.subtract(view.talker, view.listener)
    yaw, pitch = np.radians([view.yaw_deg, view.pitch_deg])
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    side = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    depth, reach = away @ forward, np.tan(np.radians(view.fov_deg) / 2)
    upward = away @ np.cross(side, forward)
    return bool(depth > 0 and abs(away @ side) < depth * reach and abs(upward) < depth * reach / ASPECT)


def _blocks(start: np.ndarray, way: np.ndarray, item: Item) -> bool:
    """Whether the line from start along way meets the thing's box (slab test, Kay and Kajiya 1986)."""
    half = np.array([item.width_m / 2, item.depth_m / 2])
    centre = np.array([item.x_m, item.y_m])
    low, high = np.array([*(centre - half), 0.0]), np.array([*(centre + half), item.height_m])
    steps = np.where(np.abs(way) < 1e-9, 1e-9, way)
    ends = np.stack([(low - start) / steps, (high - start) / steps])
    return bool(max(ends.min(axis=0).max(), 0.0) < min(ends.max(axis=0).min(), 1.0))
