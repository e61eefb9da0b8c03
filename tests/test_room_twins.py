"""Rooms that share all but one thing with the room before them, in rooms.csv, in a pack and in a batch."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import write_speech
from torch.nn.functional import normalize

from mvsd.data.pack import Pack, RoomView, read_pack, write_pack
from mvsd.data.room_design import RoomDesign, draw_room, expected_t60_s
from mvsd.data.room_materials import OPEN
from mvsd.data.room_twins import GEOMETRY, MATERIALS, draw_twin, twin_kind
from mvsd.data.rooms import simulate
from mvsd.errors import UserError
from mvsd.training.scene import contrast, teaches
from mvsd.training.scene_twins import beside_twins, twins_among

SEED = 8  # whose rooms 1 and 3 are twins, one of each kind


def twins_of(room: RoomDesign, kind: str) -> list[RoomDesign]:
    return [draw_twin(np.random.default_rng(seed), room, kind) for seed in range(4)]


@pytest.fixture(scope="module")
def rooms() -> list[RoomDesign]:
    return [draw_room(np.random.default_rng(seed)) for seed in range(30)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return simulate(4, SEED, tmp_path_factory.mktemp("twins"), picture_px=0, views=2, workers=1, twins=0.5).parent


@pytest.fixture(scope="module")
def pack(folder, tmp_path_factory) -> Pack:
    root = tmp_path_factory.mktemp("packed")
    write_pack([folder], write_speech(root / "speech", 2), root / "pack")
    return read_pack(root / "pack")


def test_half_of_the_rooms_at_most_are_twins_of_both_kinds_and_none_has_a_twin():
    kinds = [twin_kind(0, index, 0.25) for index in range(2000)]
    assert sum(map(bool, kinds)) == pytest.approx(500, abs=60)
    assert kinds.count(MATERIALS) == pytest.approx(250, abs=50)
    assert not any(kinds[::2])
    assert all(twin_kind(0, index, 0.5) for index in range(1, 50, 2))
    assert not any(twin_kind(0, index, 0.0) for index in range(50))


def test_in_other_materials_all_stands_where_it_stood(rooms):
    room = next(room for room in rooms if room.patches and not room.is_open)
    for twin in twins_of(room, MATERIALS):
        assert replace(twin, surfaces=room.surfaces, patches=room.patches) == room
        assert [replace(p, material="") for p in twin.patches] == [replace(p, material="") for p in room.patches]
        assert twin.surfaces != room.surfaces


def test_what_is_open_stays_open(rooms):
    room = next(room for room in rooms if room.is_open)
    for twin in twins_of(room, MATERIALS):
        assert {name for name, material in twin.surfaces.items() if material == OPEN} == {
            name for name, material in room.surfaces.items() if material == OPEN
        }


def test_in_another_geometry_the_materials_are_the_same(rooms):
    room = next(room for room in rooms if room.patches and not room.is_open)
    for twin in twins_of(room, GEOMETRY):
        assert (twin.surfaces, twin.category, twin.look_seed) == (room.surfaces, room.category, room.look_seed)
        assert twin.size_m != room.size_m
        assert {patch.material for patch in twin.patches} <= {patch.material for patch in room.patches}


@pytest.mark.parametrize("kind", [MATERIALS, GEOMETRY])
def test_most_twins_sound_otherwise(rooms, kind):
    pairs = [(room, draw_twin(np.random.default_rng(7), room, kind)) for room in rooms]
    apart = [abs(np.log(expected_t60_s(twin) / expected_t60_s(room))) for room, twin in pairs]
    assert np.median(apart) > 0.25


@pytest.mark.whole
def test_the_table_says_whose_twin_a_room_is(folder):
    rows = list(csv.DictReader((folder / "rooms.csv").open(newline="")))
    told = {int(row["room"]): (row["twin"], row["twin_of"]) for row in rows}
    assert {told[1][0], told[3][0]} == {MATERIALS, GEOMETRY}
    assert (told[0], told[1][1], told[2], told[3][1]) == (("", ""), "0", ("", ""), "2")
    of = {kind: room for room, (kind, _) in told.items() if kind}
    views = {(int(row["room"]), row["stem"][-1]): row for row in rows}
    for number in "01":
        same, before = views[of[MATERIALS], number], views[of[MATERIALS] - 1, number]
        assert all(
            same[name] == before[name] for name in ("talker_x", "listener_y", "distance_m", "volume_m3", "fov_deg")
        )
        assert same["t60_s"] != before["t60_s"]
        other, before = views[of[GEOMETRY], number], views[of[GEOMETRY] - 1, number]
        assert all(other[name] == before[name] for name in ("west_material", "floor_material", "ceiling_material"))
        assert other["volume_m3"] != before["volume_m3"]


@pytest.mark.whole
def test_a_folder_with_another_share_of_twins_is_refused(folder):
    with pytest.raises(UserError, match="another share of twins"):
        simulate(4, SEED, folder, picture_px=0, views=2, workers=1)
    with pytest.raises(UserError, match=r"choose 0 to 0\.5"):
        simulate(4, SEED, folder, twins=0.6)


@pytest.mark.whole
def test_a_pack_keeps_twins_together_on_one_side_of_every_split(pack):
    rooms = {view.room: view for view in pack.views}
    assert (rooms["0/1"].twin_of, rooms["0/2"].twin_of) == ("0/0", "")
    for first, second in (("0/0", "0/1"), ("0/2", "0/3")):
        assert rooms[first].held_out == rooms[second].held_out
        assert teaches(rooms[first]) == teaches(rooms[second])


def view(room: str, twin_of: str = "") -> RoomView:
    return RoomView(0, 1, 0, 1, room, False, False, 0.5, 0.0, 1.0, 50.0, twin_of=twin_of)


def test_a_view_finds_its_rooms_twin_by_camera():
    views = [view("a"), view("b", "a"), view("a"), view("c"), view("b", "a"), view("e", "d")]
    assert twins_among(views).tolist() == [1, 0, 4, -1, 2, -1]


def test_twins_stand_side_by_side_in_a_batch_and_others_stay():
    twins = torch.tensor([1, 0, -1, -1])
    assert beside_twins(torch.tensor([0, 3, 2, 1, 1]), twins).tolist() == [0, 1, 2, 1, 1]
    alone = torch.tensor([3, 0, 1, 2])
    assert beside_twins(alone, torch.full((4,), -1)).tolist() == alone.tolist()


def test_a_twin_that_sounds_otherwise_is_drawn_away_and_one_that_sounds_alike_is_not():
    dry, live = [1.0, -1.5, 0.0, 4.0], [1.0, 0.5, -1.0, 4.0]
    for wanted, apart in (([dry, live, dry, live], True), ([dry, dry, live, live], False)):
        codes = torch.tensor([[1.0, 0.1], [1.0, -0.1], [0.0, 1.0], [0.1, 1.0]], requires_grad=True)
        contrast(normalize(codes, dim=-1), torch.tensor(wanted)).backward()
        moved = codes - 0.01 * codes.grad
        before, after = (torch.cosine_similarity(both[0], both[1], dim=0) for both in (codes, moved))
        assert (after < before) == apart
