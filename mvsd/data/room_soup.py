"""Triangles by paint: rectangles, boxes and ellipsoids, with texture coordinates in m."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

Vector = tuple[float, float, float]
Part = tuple[np.ndarray, np.ndarray, np.ndarray]  # vertices (n, 3), texture coordinates (n, 2), faces (m, 3)
CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)


class Soup:
    """Triangles by paint."""

    def __init__(self) -> None:
        self.parts: dict[str, list[Part]] = defaultdict(list)

    def add(self, paint: str, vertices: np.ndarray, uv: np.ndarray, faces: np.ndarray) -> None:
        self.parts[paint].append((vertices, uv, faces))

    def quad(self, paint: str, axis: int, at: float, low: Vector, high: Vector) -> None:
        """A rectangle across `axis`, between two corners; texture runs along the other two axes, z upward."""
        first, second = [(1, 2), (0, 2), (0, 1)][axis]
        vertices = np.empty((4, 3))
        vertices[:, axis] = at
        vertices[:, first] = low[first] + CORNERS[:, 0] * (high[first] - low[first])
        vertices[:, second] = low[second] + CORNERS[:, 1] * (high[second] - low[second])
        self.add(paint, vertices, vertices[:, [first, second]].copy(), np.array([[0, 1, 2], [0, 2, 3]]))

    def glow(self, paint: str, axis: int, at: float, low: Vector, high: Vector, towards: int) -> None:
        """A rectangle that shines to one side: along `axis`, upward (1) or downward (-1)."""
        self.quad(paint, axis, at, low, high)
        vertices, uv, faces = self.parts[paint].pop()
        normal = np.cross(vertices[1] - vertices[0], vertices[2] - vertices[0])[axis]
        self.add(paint, vertices, uv, faces if normal * towards > 0 else faces[:, ::-1])

    def box(self, paint: str, low: Vector, high: Vector) -> None:
        for axis in range(3):
            self.quad(paint, axis, low[axis], low, high)
            self.quad(paint, axis, high[axis], low, high)

    def ball(self, paint: str, centre: Vector, radii: Vector) -> None:
        """An ellipsoid of 14 x 9 facets."""
        rows, columns = 10, 14
        polar, turn = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
        unit = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], -1).reshape(-1, 3)
        row, column = np.mgrid[: rows - 1, : columns - 1].reshape(2, -1)
        at = row * columns + column
        faces = np.concatenate(
            [np.stack([at, at + 1, at + columns + 1], 1), np.stack([at, at + columns + 1, at + columns], 1)]
        )
        self.add(paint, unit * radii + centre, np.stack([turn, polar], -1).reshape(-1, 2) * 0.3, faces)

    def joined(self) -> dict[str, Part]:
        return {paint: _join(parts) for paint, parts in self.parts.items()}


def _join(parts: list[Part]) -> Part:
    starts = np.cumsum([0, *(len(part[0]) for part in parts[:-1])])
    faces = np.concatenate([part[2] + start for part, start in zip(parts, starts, strict=True)])
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]), faces
