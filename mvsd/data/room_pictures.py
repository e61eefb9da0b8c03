"""What the listener sees of a designed room, painted by Mitsuba 3."""

from __future__ import annotations

import os
from functools import cache
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from mvsd.data.room_denoise import denoised
from mvsd.data.room_design import RoomDesign
from mvsd.data.room_layout import layout_of
from mvsd.data.room_materials import MATERIALS
from mvsd.data.room_shapes import add_figure, room_soup
from mvsd.data.room_soup import Part, Soup
from mvsd.data.room_textures import PATTERNS, texture, vary
from mvsd.data.room_views import PICTURE_PX, View

GRID, GRID_PANORAMA = (3, 3), (2, 2)  # rays to a pixel, down and across
BOUNCES = 4
BRIGHTNESS = 0.32  # mean of the linear picture at exposure 1
WHITE_LIGHTS = ((1.0, 0.72, 0.45), (1.0, 0.85, 0.68), (1.0, 0.97, 0.92), (0.86, 0.93, 1.0))
PLAIN_PAINTS = {
    "frame": ((0.88, 0.88, 0.86), (0.25, 0.2, 0.16), (0.6, 0.6, 0.6)),
    "dark": ((0.07, 0.07, 0.08), (0.2, 0.13, 0.08)),
    "skin": ((0.80, 0.58, 0.46), (0.62, 0.42, 0.30), (0.36, 0.23, 0.16)),
    "hair": ((0.08, 0.06, 0.05), (0.35, 0.22, 0.12), (0.6, 0.55, 0.45)),
    "shirt": ((0.75, 0.15, 0.15), (0.15, 0.3, 0.6), (0.85, 0.85, 0.82), (0.2, 0.42, 0.28), (0.1, 0.1, 0.12)),
    "trousers": ((0.12, 0.14, 0.22), (0.3, 0.27, 0.22), (0.08, 0.08, 0.08)),
}
ROUGHNESS = {  # every room has frames, so that every scene is of the same kinds of surfaces
    "glass": 0.06,
    "tiles": 0.2,
    "marble": 0.18,
    "parquet": 0.32,
    "metal": 0.3,
    "leather": 0.4,
    "linoleum": 0.4,
    "frame": 0.45,
}
METALLIC = {"glass": 0.6, "metal": 0.5}
BURIED = View((0, 0, -60), (1, 0, -60), 0, 0, 90, 1, False, True)  # where no camera sees a thing
LLVM_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/lib/*-linux-gnu", "/usr/lib/llvm-*/lib", "/usr/local/lib")


@cache
def _mitsuba() -> tuple[Any, Any]:
    """Mitsuba and Dr.Jit on one thread, compiled through LLVM where there is one, else ray by ray."""
    if library := _llvm():
        os.environ.setdefault("DRJIT_LIBLLVM_PATH", library)
    import mitsuba

    mitsuba.set_variant("llvm_ad_rgb" if "DRJIT_LIBLLVM_PATH" in os.environ else "scalar_rgb")
    import drjit

    drjit.set_thread_count(1)
    return mitsuba, drjit


def _llvm() -> str | None:
    """Newest libLLVM of version 16 or later; LLVM 15 crashes on processors with AVX-512."""
    found = {}
    for path in (path for folder in LLVM_FOLDERS for path in glob(f"{folder}/libLLVM*.so*")):
        digits = Path(path).name.removeprefix("libLLVM").lstrip("-.").removeprefix("so.").split(".")[0]
        if digits.isdigit() and int(digits) >= 16:
            found[int(digits)] = path
    return found[max(found)] if found else None


class Painter:
    """One room's look: textures and lights are drawn once, each view adds its figure and camera."""

    def __init__(self, room: RoomDesign, width_px: int = PICTURE_PX) -> None:
        self.room, self.width_px, (self.mi, self.dr) = room, width_px, _mitsuba()
        self.compiled = self.mi.variant().startswith("llvm")
        self.integrator = self.mi.load_dict({"type": "path", "max_depth": BOUNCES})
        rng = np.random.default_rng(room.look_seed)
        self.soup = room_soup(room, rng)
        self.light = np.array(WHITE_LIGHTS[int(rng.integers(len(WHITE_LIGHTS)))])
        self.daylight = np.array([3.2, 3.7, 4.4]) * rng.uniform(0.5, 1.6)
        self.sky = _sky(rng) if room.is_open else None
        self.figures = int(rng.integers(2**31))
        self.meshes = self._meshes(self.soup, rng) | self._specks()

    def save(self, view: View, picture: Path, layout: Path, quality: int) -> None:
        """Write the picture as JPEG, and as a small PNG what surfaces it shows (room_layout)."""
        image, surfaces = self.paint(view)
        Image.fromarray(image).save(picture, quality=quality)
        Image.fromarray(surfaces, "LA").save(layout)

    def paint(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """The picture, (height, width, 3) uint8 sRGB: 168 x 224, or 224 x 448 for a panorama, at the default width;
        and its layout, (CELLS, CELLS, 2) uint8."""
        rows, columns = self._grid(view)
        offsets = [((row + 0.5) / rows, (column + 0.5) / columns) for row in range(rows) for column in range(columns)]
        rays = np.stack([rays_of(view, self.width_px, *offset) for offset in offsets])
        trace = self._trace if self.compiled else self._trace_one_by_one
        scene, listener = self._scene(view), np.array(view.listener)
        seen = {
            name: part.reshape(*rays.shape[:3], -1)
            for name, part in trace(scene, listener, rays.reshape(-1, 3)).items()
        }
        mean = {name: part.mean(axis=0) for name, part in seen.items()}
        light = denoised(mean["light"], mean["albedo"], mean["normal"], mean["place"], mean["shape"][..., 0])
        paints = [shape.id() for shape in scene.shapes()]
        middle = len(rays) // 2
        layout = layout_of(seen["place"][middle] - listener, seen["shape"][middle, ..., 0].astype(int), paints)
        return developed(light, view.exposure), layout

    def _grid(self, view: View) -> tuple[int, int]:
        """Rays to a pixel, down and across: few where they are traced one by one."""
        if not self.compiled:
            return (1, 1) if view.is_panorama else (2, 1)
        return GRID_PANORAMA if view.is_panorama else GRID

    def _scene(self, view: View) -> Any:
        parts = dict(self.meshes)
        figure = Soup()
        add_figure(figure, view if view.has_figure else BURIED)
        rng = np.random.default_rng([self.figures, int(1000 * view.distance_m)])
        parts |= {f"figure_{name}": mesh for name, mesh in self._meshes(figure, rng).items()}
        if self.sky is not None:
            parts["sky"] = {"type": "envmap", "bitmap": self.mi.Bitmap(self.sky), "to_world": _z_up(self.mi)}
        return self.mi.load_dict({"type": "scene", **parts})

    def _meshes(self, soup: Soup, rng: np.random.Generator) -> dict[str, Any]:
        return {
            paint.replace(" ", "_"): self._mesh(paint, part, self._bsdf(paint, rng))
            for paint, part in sorted(soup.joined().items())
        }

    def _specks(self) -> dict[str, Any]:
        """A buried grain of each material the room lacks: scenes of as many things share one compiled kernel."""
        absent = [paint for paint in (*MATERIALS, "dark", "frame") if paint not in self.soup.parts]
        grain = (np.array([BURIED.talker] * 3) + np.eye(3) * 0.01, np.zeros((3, 2)), np.array([[0, 1, 2]]))
        blank = np.full((4, 4, 3), 128, np.uint8)
        return {
            f"speck_{number}": self._mesh(paint, grain, (self._surface(paint, blank), 1.0))
            for number, paint in enumerate(absent)
        }

    def _mesh(self, paint: str, part: Part, look: tuple[Any, float]) -> Any:
        vertices, uv, faces = part
        properties = self.mi.Properties()
        properties["bsdf"], tile_m = look
        if paint in ("lamp", "window"):
            radiance = 14.0 * self.light if paint == "lamp" else self.daylight
            colour = {"type": "rgb", "value": radiance.tolist()}
            properties["emitter"] = self.mi.load_dict({"type": "area", "radiance": colour})
        mesh = self.mi.Mesh(paint, len(vertices), len(faces), has_vertex_texcoords=True, props=properties)
        params = self.mi.traverse(mesh)
        params["vertex_positions"] = vertices.astype(np.float32).ravel()
        params["vertex_texcoords"] = (uv / tile_m).astype(np.float32).ravel()
        params["faces"] = faces.astype(np.uint32).ravel()
        params.update()
        return mesh

    def _bsdf(self, paint: str, rng: np.random.Generator) -> tuple[Any, float]:
        """The surface, and the side of its texture in m. All are of one kind, so that one compiled kernel serves."""
        if paint in MATERIALS:
            pattern, colours = MATERIALS[paint].pattern, MATERIALS[paint].colours
        else:
            pattern, colours = "plain", PLAIN_PAINTS.get(paint, ((0.8, 0.8, 0.8),))
        tile = texture(pattern, vary(colours[int(rng.integers(len(colours)))], rng), rng)
        return self._surface(paint, tile), PATTERNS[pattern][0]

    def _surface(self, paint: str, tile: np.ndarray) -> Any:
        image = {"type": "bitmap", "bitmap": self.mi.Bitmap(tile), "filter_type": "bilinear"}
        rough = ROUGHNESS.get(paint, 0.8)
        if rough > 0.5:
            surface: dict[str, Any] = {"type": "diffuse", "reflectance": image}
        else:
            shine = {"roughness": self._number(rough), "metallic": self._number(METALLIC.get(paint, 0.0))}
            surface = {"type": "principled", "base_color": image, "specular": 0.6, **shine}
        return self.mi.load_dict({"type": "twosided", "bsdf": surface})

    def _number(self, value: float) -> dict[str, Any]:
        """A constant as a texture: a plain number is compiled in, and makes another kernel."""
        pixel = self.mi.Bitmap(np.full((2, 2, 1), value, np.float32))
        return {"type": "bitmap", "bitmap": pixel, "raw": True}

    def _trace(self, scene: Any, origin: np.ndarray, rays: np.ndarray) -> dict[str, np.ndarray]:
        """What rays (count, 3) from a point meet: light, albedo, normal, place, each (count, 3); shape (count, 1),
        counted from 1 in the order of the scene, 0 where they meet nothing."""
        mi, count = self.mi, len(rays)
        start = mi.Point3f([self.dr.opaque(mi.Float, float(at), shape=count) for at in origin])
        way = mi.Vector3f(np.ascontiguousarray(rays.T)) * self.dr.opaque(mi.Float, 1.0)  # aligned, as no numpy array is
        self.dr.eval(way)
        ray = mi.Ray3f(start, way)
        sampler = mi.load_dict({"type": "independent"})
        sampler.seed(self.dr.opaque(mi.UInt32, self.figures % 9973), count)
        sampler.schedule_state()  # evaluated ahead, so that no seed is compiled into the kernel
        self.dr.eval()
        light, _, _ = self.integrator.sample(scene, sampler, mi.RayDifferential3f(ray))
        hit = scene.ray_intersect(ray)
        seen = {
            "light": light,
            "albedo": hit.bsdf().eval_diffuse_reflectance(hit, hit.is_valid()),
            "normal": hit.sh_frame.n,
            "place": hit.p,
            "shape": self.dr.reinterpret_array(mi.UInt32, hit.shape),
        }
        self.dr.eval(*seen.values())
        rows = {name: np.array(value).reshape(-1, count).T for name, value in seen.items()}
        order = np.array(self.dr.reinterpret_array(mi.UInt32, scene.shapes_dr()))
        numbers = np.zeros(max(order.max(), rows["shape"].max()) + 1)
        numbers[order] = 1 + np.arange(len(order))
        return rows | {"shape": numbers[rows["shape"]]}

    def _trace_one_by_one(self, scene: Any, origin: np.ndarray, rays: np.ndarray) -> dict[str, np.ndarray]:
        """The same without a compiler."""
        mi, start = self.mi, self.mi.Point3f(*map(float, origin))
        sampler = mi.load_dict({"type": "independent"})
        sampler.seed(self.figures % 9973)
        numbers, rows = {shape.id(): number for number, shape in enumerate(scene.shapes(), 1)}, []
        for way in rays.tolist():
            ray = mi.RayDifferential3f(start, mi.Vector3f(way))
            light, _, _ = self.integrator.sample(scene, sampler, ray)
            hit = scene.ray_intersect(ray)
            if hit.is_valid():
                albedo, normal, place = hit.bsdf().eval_diffuse_reflectance(hit), hit.sh_frame.n, hit.p
                shape = numbers[hit.shape.id()]
            else:
                albedo = normal = place = (0.0, 0.0, 0.0)
                shape = 0
            rows.append((*light, *albedo, *normal, *place, shape))
        table = np.array(rows, dtype=np.float32)
        parts = np.split(table, (3, 6, 9, 12), axis=1)
        return dict(zip(("light", "albedo", "normal", "place", "shape"), parts, strict=True))


def rays_of(view: View, width_px: int, down: float, right: float) -> np.ndarray:
    """Unit directions (height, width, 3) through the pixels of a view; down, right: place in the pixel, 0 to 1."""
    wide, high = (2 * width_px, width_px) if view.is_panorama else (width_px, width_px * 3 // 4)
    across, below = (np.arange(wide) + right) / wide, (np.arange(high)[:, None] + down) / high
    yaw, pitch = np.radians([view.yaw_deg, view.pitch_deg])
    if view.is_panorama:
        azimuth, above = yaw + np.pi - across * 2 * np.pi, np.pi / 2 - below * np.pi
        parts = (np.cos(azimuth) * np.cos(above), np.sin(azimuth) * np.cos(above), np.sin(above))
        return np.stack(np.broadcast_arrays(*parts), -1)
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    side = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    reach = np.tan(np.radians(view.fov_deg) / 2)
    sideways, upward = (2 * across - 1) * reach, (1 - 2 * below) * reach * high / wide
    rays = forward + sideways[None, :, None] * side + upward[..., None] * np.cross(side, forward)
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def _z_up(mi: Any) -> Any:
    """The sky's own up is y; ours is z."""
    return mi.ScalarTransform4f().rotate([1, 0, 0], 90)


def _sky(rng: np.random.Generator) -> np.ndarray:
    """A sky with a veiled sun, (64, 128, 3) float32 radiance, zenith in row 0."""
    above = np.linspace(np.pi / 2, -np.pi / 2, 64)[:, None, None]
    zenith = np.array([0.25, 0.45, 0.95]) if rng.random() < 0.6 else np.array([0.7, 0.74, 0.8])
    horizon = np.array([0.9, 0.95, 1.0])
    rise = np.clip(np.sin(above), 0, 1) ** 0.6
    sky = np.broadcast_to(horizon + (zenith - horizon) * rise, (64, 128, 3)).copy()
    cloud = gaussian_filter(rng.standard_normal((64, 128)), (3, 8), mode=("nearest", "wrap"))
    sky += np.clip(cloud / cloud.std() - 0.3, 0, 1.5)[..., None] * 0.35 * (above > 0)
    sky[int(rng.uniform(6, 22)), int(rng.integers(128))] += rng.uniform(60, 400)
    return gaussian_filter(sky, (0.8, 0.8, 0)).astype(np.float32)


def developed(linear: np.ndarray, exposure: float) -> np.ndarray:
    """Linear light to sRGB uint8, at an automatic exposure times `exposure`, with a soft shoulder."""
    grey = linear.mean(axis=-1)
    level = np.minimum(grey, 4 * np.median(grey) + 1e-6).mean() + 1e-6
    bright = linear * (BRIGHTNESS * exposure / level)
    soft = np.where(bright < 0.6, bright, 0.6 + 0.4 * (1 - np.exp(-(bright - 0.6) / 0.4)))
    coded = np.where(soft < 0.0031308, 12.92 * soft, 1.055 * np.maximum(soft, 0.0031308) ** (1 / 2.4) - 0.055)
    return (np.clip(coded, 0, 1) * 255 + 0.5).astype(np.uint8)
