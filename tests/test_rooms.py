import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import soundfile

from mvsd.acoustics import drr_db, t60
from mvsd.data.plain_folder import list_clips
from mvsd.data.room_acoustics import response
from mvsd.data.room_denoise import denoised
from mvsd.data.room_design import (
    SURFACES,
    RoomDesign,
    draw_room,
    effective_absorption,
    expected_t60_s,
    mean_absorption,
    surface_areas_m2,
)
from mvsd.data.room_furniture import Item
from mvsd.data.room_kinds import CATEGORIES
from mvsd.data.room_layout import layout_of
from mvsd.data.room_materials import MATERIALS, OPEN, absorption
from mvsd.data.room_pictures import Painter, rays_of
from mvsd.data.room_shapes import room_soup
from mvsd.data.room_textures import PATTERNS, texture
from mvsd.data.room_views import View, draw_view, on_the_sample, sees_talker
from mvsd.data.rooms import convolved, simulate
from mvsd.errors import UserError

ROOT = Path(__file__).parents[1]
COLUMN = Item("column", "concrete", 3.0, 2.0, 0.5, 0.5, 3.0)


def bare_room(material: str, items: tuple[Item, ...] = ()) -> RoomDesign:
    return RoomDesign("office", (6.0, 5.0, 3.0), dict.fromkeys(SURFACES, material), (), items, 1)


def view_of(talker: tuple[float, float, float], listener: tuple[float, float, float], **changes) -> View:
    moved = tuple(on_the_sample(np.array(talker), np.array(listener)).tolist())
    return replace(View(moved, listener, 0.0, 0.0, 70.0, 1.0, False, True), **changes)


ACROSS = view_of((4.6, 2.2, 1.5), (1.4, 1.9, 1.4))


@pytest.fixture(scope="module")
def plaster_response() -> np.ndarray:
    return response(bare_room("plaster"), ACROSS, 5)


def test_direct_sound_is_sample_40_and_one(plaster_response):
    assert plaster_response[40] == 1.0
    assert np.abs(plaster_response[:60]).argmax() == 40


def test_same_seed_gives_the_same_response(plaster_response):
    assert np.array_equal(response(bare_room("plaster"), ACROSS, 5), plaster_response)


def test_another_seed_gives_another_tail(plaster_response):
    other = response(bare_room("plaster"), ACROSS, 6)
    assert not np.array_equal(other[2000:4000], plaster_response[2000:4000])


def test_t60_of_a_bare_room_is_eyrings(plaster_response):
    assert t60(plaster_response) == pytest.approx(expected_t60_s(bare_room("plaster")), rel=0.15)


def test_drr_is_that_of_a_diffuse_field(plaster_response):
    room = bare_room("plaster")
    alpha, area_m2 = mean_absorption(room), sum(surface_areas_m2(room.size_m).values())
    expected_db = 10 * np.log10(area_m2 * alpha / (1 - alpha) / (16 * np.pi * ACROSS.distance_m**2))
    assert drr_db(plaster_response) == pytest.approx(expected_db, abs=2.0)


def test_carpet_and_curtain_shorten_the_response(plaster_response):
    soft = RoomDesign(
        "office", (6, 5, 3), dict.fromkeys(SURFACES, "plaster") | {"floor": "carpet", "north": "curtain"}, (), (), 1
    )
    assert t60(response(soft, ACROSS, 5)) < 0.5 * t60(plaster_response)


def test_furniture_adds_absorption():
    sofa = Item("sofa", "upholstery", 2.0, 1.0, 2.0, 0.9, 0.8)
    assert mean_absorption(bare_room("plaster", (sofa,))) > mean_absorption(bare_room("plaster"))


def test_missing_surfaces_swallow_the_sound():
    field = replace(bare_room("plaster"), surfaces=dict.fromkeys(SURFACES, OPEN) | {"floor": "grass"})
    assert all((effective_absorption(field)[name] == 0.99).all() for name in SURFACES if name != "floor")


def test_every_material_has_an_absorption_below_one_and_a_pattern():
    assert all(absorption(name).max() <= 1 and absorption(name).min() > 0 for name in MATERIALS)
    assert {material.pattern for material in MATERIALS.values()} <= set(PATTERNS)


def test_texture_keeps_the_colour_of_its_material():
    tile = texture("brick", (0.6, 0.25, 0.17), np.random.default_rng(0)).mean(axis=(0, 1))
    assert tile[0] > 1.7 * tile[1] > 1.7 * tile[2]


def test_generator_decides_the_room():
    assert draw_room(np.random.default_rng([3, 1])) == draw_room(np.random.default_rng([3, 1]))


def against_usual(usual: float) -> list[float]:
    """Expected T60 of 25 rooms over the shortest that is usual for their kind."""
    rooms = [draw_room(np.random.default_rng([5, number]), usual) for number in range(25)]
    return [expected_t60_s(room) / CATEGORIES[room.category].usual_t60_s[0] for room in rooms]


def test_usual_rooms_ring_as_their_kind_does_and_others_need_not():
    assert min(against_usual(1.0)) > 0.6
    assert min(against_usual(0.0)) < 0.4  # a hall as dry as a bedroom


def agreeing(usual: float) -> float:
    """Share of 60 rooms with patches on several walls in which all patches are of one material."""
    rooms = [draw_room(np.random.default_rng([6, number]), usual) for number in range(60)]
    hung = [room.patches for room in rooms if len({patch.wall for patch in room.patches}) > 1]
    return sum(len({patch.material for patch in patches}) == 1 for patches in hung) / len(hung)


def test_what_hangs_on_the_walls_of_usual_rooms_mostly_agrees():
    assert agreeing(1.0) > 0.5 > 2 * agreeing(0.0)


def test_places_lie_inside_and_on_a_whole_sample():
    room = draw_room(np.random.default_rng(4))
    view = draw_view(np.random.default_rng(5), room)
    assert all(
        0 < at < side for place in (view.talker, view.listener) for at, side in zip(place, room.size_m, strict=True)
    )
    samples = view.distance_m * 16_000 / 343.0
    assert samples == pytest.approx(round(samples), abs=1e-6)


def test_talker_ahead_is_seen_and_behind_is_not():
    assert sees_talker(bare_room("plaster"), ACROSS)
    assert not sees_talker(bare_room("plaster"), replace(ACROSS, yaw_deg=180.0))


def test_panorama_sees_behind():
    assert sees_talker(bare_room("plaster"), replace(ACROSS, yaw_deg=180.0, is_panorama=True))


def test_talker_behind_a_column_is_not_seen():
    assert not sees_talker(bare_room("plaster", (COLUMN,)), ACROSS)


def test_left_half_of_the_picture_looks_to_the_left():
    rays = rays_of(ACROSS, 224, 0.5, 0.5)  # looks east: left is north, +y
    assert rays[84, 0, 1] > 0.5
    assert rays[84, -1, 1] < -0.5
    assert rays[0, 112, 2] > 0


def test_middle_of_a_panorama_looks_along_its_yaw():
    view = replace(ACROSS, is_panorama=True, yaw_deg=90.0)
    assert np.allclose(rays_of(view, 224, 0.0, 0.0)[112, 224], [0, 1, 0], atol=1e-6)


def test_even_light_passes_the_denoiser_unchanged():
    rng, shape = np.random.default_rng(0), (20, 30)
    albedo = rng.uniform(0.1, 0.9, (*shape, 3))
    flat = np.broadcast_to([0.0, 0.0, 1.0], (*shape, 3))
    assert np.allclose(
        denoised(0.7 * albedo, albedo, flat, np.zeros((*shape, 3)), np.zeros(shape)), 0.7 * albedo, rtol=1e-4
    )


def test_window_shines_into_the_room():
    room = draw_room(np.random.default_rng(11))
    lamps = room_soup(room, np.random.default_rng(0)).joined()["lamp"]
    vertices, _, faces = lamps
    first = vertices[faces[0]]
    assert np.cross(first[1] - first[0], first[2] - first[0])[2] < 0


def test_picture_shows_the_figure_where_the_talker_is():
    painter = Painter(bare_room("plaster"))
    with_figure = painter.paint(ACROSS)[0].astype(int)
    changed = np.abs(with_figure - painter.paint(replace(ACROSS, has_figure=False))[0]).max(axis=-1) > 25
    assert with_figure.shape == (168, 224, 3)
    assert abs(np.flatnonzero(changed.any(axis=0)).mean() - 97) < 12  # 0.3 m to the left over 3.2 m


def test_layout_says_how_far_the_far_wall_is_and_that_a_carpet_absorbs():
    room = replace(bare_room("plaster"), surfaces=dict.fromkeys(SURFACES, "plaster") | {"floor": "carpet"})
    _, layout = Painter(room, 64).paint(replace(ACROSS, has_figure=False))  # looks east, 4.6 m from the wall
    distance_m, absorbed = 0.1 * 1000 ** (layout[8, 8, 0] / 255), 0.01 * 100 ** (layout[..., 1] / 255)
    assert distance_m == pytest.approx(4.6, rel=0.05)
    assert absorbed[15, 8] == pytest.approx(absorption("carpet")[2:5].mean(), rel=0.05)
    assert absorbed[0, 8] == pytest.approx(absorption("plaster")[2:5].mean(), rel=0.05)


def test_layout_of_the_open_air_is_far_and_takes_all():
    layout = layout_of(np.zeros((30, 40, 3)), np.zeros((30, 40), int), [])
    assert (layout[..., 0] == 255).all()
    assert (layout[..., 1] >= 254).all()


def test_clean_and_reverb_are_in_step_and_of_one_length():
    impulse = np.zeros(900, np.float32)
    impulse[40] = 1.0
    clip = np.random.default_rng(0).standard_normal(3000).astype(np.float32) * 0.1
    clean, reverb = convolved(clip, impulse)
    assert len(clean) == len(reverb) == 3900
    assert np.allclose(clean, reverb, atol=1e-6)


def test_loud_reverb_lowers_both_by_one_factor():
    impulse = np.zeros(100, np.float32)
    impulse[[40, 41]] = 1.0
    clean, reverb = convolved(np.full(3000, 0.9, np.float32), impulse)
    assert np.abs(reverb).max() == pytest.approx(0.99, rel=1e-5)
    assert clean.max() == pytest.approx(0.495, rel=1e-5)


@pytest.fixture(scope="module")
def three_rooms(tmp_path_factory) -> pd.DataFrame:
    out = tmp_path_factory.mktemp("rooms")
    return out, pd.read_csv(simulate(3, 9, out, views=2, workers=1, picture_px=0), dtype=str)


@pytest.mark.whole
def test_each_view_has_a_row_and_a_response_of_its_t60(three_rooms):
    out, table = three_rooms
    assert list(table.stem) == [f"r{room:05d}_v{view}" for room in range(3) for view in range(2)]
    heard = [t60(soundfile.read(out / "rir" / f"{stem}.wav")[0]) for stem in table.stem]
    assert np.allclose(heard, table.t60_s.astype(float), atol=1e-3)
    assert all(0.1 <= time_s <= 3 for time_s in heard)


@pytest.mark.whole
def test_resume_after_a_kill_gives_the_same_set(three_rooms, tmp_path):
    whole, table = three_rooms
    simulate(2, 9, tmp_path, views=2, workers=1, picture_px=0)
    cut = (tmp_path / "rooms.csv").read_text()[:-40]  # killed in the middle of room 1's last row
    (tmp_path / "rooms.csv").write_text(cut)
    resumed = pd.read_csv(simulate(3, 9, tmp_path, views=2, workers=1, picture_px=0), dtype=str)
    assert resumed.equals(table)
    assert all((tmp_path / "rir" / path.name).read_bytes() == path.read_bytes() for path in (whole / "rir").iterdir())


@pytest.mark.whole
def test_workers_end_when_the_command_is_killed(tmp_path):
    command = [
        sys.executable,
        "-m",
        "mvsd",
        "rooms",
        "--count",
        "400",
        "--seed",
        "1",
        "--picture-px",
        "0",
        "--out",
        tmp_path,
    ]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        workers = wait_for(lambda: workers_of(process.pid))
        process.kill()
    assert workers
    assert wait_for(lambda: not any(map(works, workers)))


def workers_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if works(child)]


def works(process: psutil.Process) -> bool:
    """Whether it is a worker that has not ended; one that has may be a zombie or gone at any moment."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def wait_for(found, seconds=30.0):
    """What found() returns as soon as it is true; the last it returned when the time is over."""
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.1)
    return value


def test_speech_is_written_dry_and_in_the_room(tmp_path):
    (tmp_path / "in" / "anna").mkdir(parents=True)
    noise = 0.1 * np.random.default_rng(0).standard_normal(4 * 16_000)
    soundfile.write(tmp_path / "in" / "anna" / "take.wav", noise, 16_000)
    out = tmp_path / "out"
    table = pd.read_csv(simulate(1, 2, out, tmp_path / "in", views=1, workers=1, picture_px=0, split="seen"))
    assert {clip.split for clip in list_clips(out).clips} == {"seen"}
    clean, reverb = (
        soundfile.read(tmp_path / "out" / name / f"{table.stem[0]}.wav")[0] for name in ("clean", "reverb")
    )
    assert len(clean) == len(reverb) > 4 * 16_000
    assert (table["speaker"][0], table["clip"][0]) == ("anna", "take.wav")


@pytest.mark.whole
def test_folder_of_another_seed_is_refused(three_rooms):
    with pytest.raises(UserError, match="seed 9, not 8"):
        simulate(3, 8, three_rooms[0], views=2, workers=1, picture_px=0)


UNCOMPILED = """
import numpy as np
from mvsd.data import room_pictures
from mvsd.data.room_design import draw_room
from mvsd.data.room_views import draw_view
room_pictures._llvm = lambda: None
rng = np.random.default_rng([5, 1])
room = draw_room(rng)
painter = room_pictures.Painter(room)
picture, layout = painter.paint(draw_view(rng, room))
print(painter.mi.variant(), picture.shape, picture.std() > 20, layout.std() > 20)
"""


@pytest.mark.whole
def test_without_llvm_pictures_are_painted_all_the_same():
    bare = {name: value for name, value in os.environ.items() if name != "DRJIT_LIBLLVM_PATH"}
    done = subprocess.run(
        [sys.executable, "-c", UNCOMPILED], capture_output=True, text=True, env=bare, cwd=ROOT, check=False
    )
    assert done.stdout.strip() == "scalar_rgb (168, 224, 3) True True", done.stderr
