"""How the scene encoder learns: pictures, what they show, and photographs of places."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny import write_rooms, write_speech
from torch.nn.functional import adaptive_avg_pool2d, normalize

from mvsd.data.pack import Pack, read_pack, write_pack
from mvsd.data.places import DRY, LIVE, T60_RANGES_S, fold_of, in_order
from mvsd.errors import UserError
from mvsd.training.scene import FILE, SceneTask, contrast, kinds_of, looked_at, made_of
from mvsd.training.scene_photos import PhotoLesson, out_of_order
from mvsd.training.scene_pictures import Draw, augment, hide_a_part, layouts, mixed, reframed
from mvsd.training.scene_probe import fitted, fitted_under_dropout, interval, share_covered
from mvsd.vision import SceneConfig, SceneEncoder

PLACES = {
    "chapel_a": "chapel",
    "hall_b": "hall",
    "studio_c": "studio_room",
    "studio_d": "studio_black",
    "park": "field",
}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    root = tmp_path_factory.mktemp("scene")
    lines = ["path,place,category"]
    for number, (place, category) in enumerate(PLACES.items()):
        Image.new("RGB", (400, 300), (40 * number, 90, 60)).save(root / f"{place}.jpg")
        lines.append(f"{place}.jpg,{place},{category}")
    (root / "photos.csv").write_text("\n".join(lines))
    write_pack(
        [write_rooms(root / "rooms", 12)], write_speech(root / "speech", 8), root / "pack", photos=root / "photos.csv"
    )
    return read_pack(root / "pack")


def test_walls_share_a_row_floor_and_ceiling_have_their_own(pack):
    view = next(view for view in pack.views if view.surfaces)
    shares = made_of([view, replace(view, surfaces=())], ["brick", "carpet", "glass", "plaster"])
    assert shares[0].tolist() == [[0.75, 0, 0.25, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    assert shares[1].sum() == 0


def test_a_kind_that_is_not_told_is_none(pack):
    view = next(replace(view, category="hall") for view in pack.views)
    assert kinds_of([view, replace(view, category="")], ["church", "hall"]).tolist() == [[0, 1], [0, 0]]


def test_augmented_pictures_stay_pictures():
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    seen = augment(images, torch.tensor([True, False, True, False]), torch.Generator().manual_seed(0))
    assert seen.shape == images.shape
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert (seen - images).abs().mean() > 0.02


def test_what_is_seen_where_turns_with_the_picture():
    layouts = torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    pictures = layouts.repeat_interleave(8, -1).repeat_interleave(8, -2)
    draw = Draw(6, torch.Generator().manual_seed(1))
    seen, said = reframed([pictures, layouts], torch.tensor([True, False] * 3), draw)
    for here, there, before in zip(seen, said, layouts):
        cells = adaptive_avg_pool2d(here, 16)
        assert torch.corrcoef(torch.stack([cells.flatten(), there.flatten()]))[0, 1] > 0.9
        assert torch.corrcoef(torch.stack([there.flatten(), before.flatten()]))[0, 1] < 0.5


def test_layouts_come_out_of_the_pack_where_they_were_told(pack):
    views = {view.room: view for view in pack.views if view.picture_count}
    told, untold = layouts(pack, [views["0/0"], views["0/1"]])
    assert told[:, 3, 5].tolist() == pytest.approx([50 / 255, 200 / 255])
    assert untold.isnan().all()


def test_a_hidden_part_is_a_box_of_at_most_half_the_side():
    shown = hide_a_part(torch.ones(64, 3, 32, 32), torch.Generator().manual_seed(0))
    hidden = (shown == 0.5).all(1)
    assert 0.4 < hidden.flatten(1).any(1).float().mean() < 0.7
    for box in hidden:
        rows, columns = box.any(1).sum(), box.any(0).sum()
        assert box.sum() == rows * columns
        assert max(rows, columns) <= 16


def test_pictures_are_mixed_as_what_is_true_of_them():
    numbers = torch.arange(256.0)
    images, truth = mixed((numbers.view(-1, 1, 1, 1).expand(-1, 3, 2, 2), numbers[:, None]), torch.Generator())
    torch.testing.assert_close(images[:, 0, 0, 0], truth[:, 0])
    assert 0.3 < (truth[:, 0] == numbers).float().mean() < 0.7


def test_codes_of_rooms_that_sound_alike_are_drawn_together():
    wanted = torch.tensor([[0.0, 0.0, 0.0, 3.0], [1.0, 0.0, 0.0, 3.0], [0.0, 1.6, 0.0, 6.0], [1.0, 1.6, 0.0, 6.0]])
    alike, otherwise = (
        torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]),
        torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]]),
    )
    assert contrast(alike, wanted) < 0.01
    assert contrast(otherwise, wanted) > 5


def test_contrast_is_the_mean_log_share_of_the_neighbours():
    codes = normalize(torch.randn(3, 5, generator=torch.Generator().manual_seed(0)), dim=-1)
    same = torch.zeros(3, 4)
    said = torch.stack([codes[i] @ codes[j] / 0.1 for i in range(3) for j in range(3) if i != j]).view(3, 2)
    torch.testing.assert_close(contrast(codes, same), -said.log_softmax(-1).mean())


def test_readings_in_their_ranges_and_well_apart_cost_nothing():
    ranges = torch.tensor([T60_RANGES_S["studio_room"], T60_RANGES_S["chapel"]]).log()
    right = ranges.mean(1)
    assert out_of_order(right, ranges) == 0
    assert out_of_order(right.flip(0), ranges) > out_of_order(right.mean().expand(2), ranges) > 0
    assert out_of_order(right[:0], ranges[:0]) == 0


def test_each_half_of_the_places_has_live_and_dry_ones_and_only_one_half_teaches(pack):
    folds = fold_of((photo.category, photo.place) for photo in pack.photos)
    for fold in (0, 1):
        mine = {PLACES[place] for place, half in folds.items() if half == fold}
        assert mine & set(LIVE)
        assert mine & set(DRY)
    taught = [PhotoLesson(pack, 32, 4, fold).ranges.tolist() for fold in (0, 1, None)]
    assert sorted(map(len, taught[:2])) == [2, 3]
    assert sorted(taught[0] + taught[1]) == sorted(taught[2])


def test_photographs_come_with_the_range_of_their_kind(pack):
    photos, ranges = PhotoLesson(pack, 32, 6).draw(torch.Generator().manual_seed(0))
    assert photos.shape == (6, 3, 32, 32)
    known = {T60_RANGES_S[PLACES[photo.place]] for photo in pack.photos}
    assert {tuple(round(end, 3) for end in row) for row in ranges[:, 0].exp().tolist()} <= known


def test_in_the_open_air_the_direct_sound_leads_and_in_live_rooms_it_does_not(pack):
    lesson = PhotoLesson(pack, 32, 6)
    drr = {PLACES[photo.place]: row[1] for photo, row in zip(pack.photos, lesson.ranges)}
    assert set(drr) == set(PLACES.values())
    assert drr["field"][0] > max(drr["chapel"][1], drr["hall"][1])
    assert (drr["studio_room"].abs() > 50).all()  # anything
    said = torch.stack([drr[kind].clamp(-3, 3).mean() for kind in drr])
    assert out_of_order(said, torch.stack([*drr.values()])) == 0
    assert out_of_order(-said, torch.stack([*drr.values()])) > 1


def test_places_are_in_order_by_the_median_of_their_views():
    assert in_order({"chapel": [1.0, 2.0, 9.0], "hall": [0.4]}, {"studio": [0.1, 0.5, 3.0]}) == (1, 2)


def test_a_table_of_photographs_without_places_is_told(tmp_path):
    (tmp_path / "photos.csv").write_text("path,what\na.jpg,b\n")
    with pytest.raises(UserError, match="path and place and category"):
        write_pack(
            [write_rooms(tmp_path / "r", 2)],
            write_speech(tmp_path / "s", 2),
            tmp_path / "p",
            photos=tmp_path / "photos.csv",
        )


def test_the_probe_is_the_ridge_regression_that_predicts_rooms_left_out():
    generator = torch.Generator().manual_seed(0)
    x, true = torch.randn(60, 5, generator=generator), torch.randn(2, 5, generator=generator)
    y = x @ true.T + 3.0 + 0.01 * torch.randn(60, 2, generator=generator)
    weight, bias = fitted(x, y)
    torch.testing.assert_close(weight, true, atol=0.02, rtol=0)
    torch.testing.assert_close(bias, torch.full((2,), 3.0), atol=0.02, rtol=0)


def test_the_probe_holds_back_where_there_are_more_numbers_than_rooms():
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(20, 100, generator=generator), torch.randn(20, 1, generator=generator)
    new = torch.randn(200, 100, generator=generator)
    weight, bias = fitted(x, noise)
    exact = torch.linalg.lstsq(x, noise).solution
    assert (new @ weight.T + bias).std() < (new @ exact).std()


def test_a_probe_fitted_under_dropout_does_not_rest_on_small_differences():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 1, generator=generator) + 0.05 * torch.randn(400, 32, generator=generator)
    told = 20 * (x[:, :1] - x[:, 1:2])
    forgetful = torch.nn.functional.dropout(x.repeat(20, 1), 0.2)

    def missed(seen: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> float:
        return float((seen @ weight.T + bias - told.repeat(len(seen) // 400, 1)).square().mean() / told.var())

    assert missed(x, *fitted(x, told)) < 0.01
    assert missed(forgetful, *fitted(x, told)) > 10
    assert missed(forgetful, *fitted_under_dropout(x, told, 0.2)) <= 1


def test_four_in_five_lie_within_the_interval():
    missed = torch.randn(2000, generator=torch.Generator().manual_seed(0))
    assert interval(missed) == pytest.approx((-1.28, 1.28), abs=0.1)
    assert share_covered(missed) == pytest.approx(0.8, abs=0.03)
    assert interval(missed[:1]) == (0.0, 0.0)


def test_a_pack_without_rooms_to_check_on_is_told(pack):
    taught = [replace(view, held_out=False) for view in pack.views]
    with pytest.raises(UserError, match="too few rooms"):
        SceneTask(SceneConfig(image_size=64), replace(pack, views=taught), 8)


def test_the_encoder_leaves_with_a_fitted_probe_and_the_interval_of_rooms_it_never_saw(pack, tmp_path: Path):
    held = [replace(view, held_out=number % 2 == 0) for number, view in enumerate(pack.views)]
    task = SceneTask(SceneConfig(image_size=64), replace(pack, views=held), 8)
    batch = task.draw(torch.Generator().manual_seed(0))
    assert all(value.isfinite() for value in task.losses(task.model, batch, torch.Generator(), 0).values())
    task.export(task.model.eval(), tmp_path, {})
    encoder = SceneEncoder.from_pretrained(tmp_path / FILE)
    read = encoder.probe(looked_at(encoder, task.images)).detach()
    assert (read - task.truth).square().mean() < (task.truth - task.truth.mean(0)).square().mean()
    low, high = encoder.config.t60_spread
    missed = (task.check_truth - encoder.probe(looked_at(encoder, task.check_images)).detach())[:, 1]
    assert ((missed >= low - 0.01) & (missed <= high + 0.01)).float().mean() == pytest.approx(0.8, abs=0.21)
    assert 0 <= float(encoder.notes["t60_covered"]) <= 1
    again = SceneTask(SceneConfig(image_size=64), replace(pack, views=held), 8, init=tmp_path / FILE)
    ours, theirs = (part.model.encoder.state_dict() for part in (again, task))
    torch.testing.assert_close(ours["trunk.0.weight"], theirs["trunk.0.weight"], atol=1e-3, rtol=0)
    assert not torch.equal(ours["probe.weight"], encoder.probe.weight)  # it is to be taught under dropout


def test_live_rooms_are_drawn_more_often_and_half_of_all_are_mixed(pack):
    views = [replace(view, held_out=n % 4 == 0, t60_s=0.25 + 0.75 * (n % 2)) for n, view in enumerate(pack.views)]
    task = SceneTask(SceneConfig(image_size=64), replace(pack, views=views), 400)
    log_t60 = task.draw(torch.Generator().manual_seed(0))[1][:, 1]
    live, dry = (log_t60.isclose(torch.tensor(t60_s).log()) for t60_s in (1.0, 0.25))
    share = float((task.truth[:, 1] == 0).float().mean())
    often = 2 * share / (1 + share)
    assert float(log_t60.mean()) == pytest.approx((1 - often) * math.log(0.25), abs=0.06)
    assert (~(live | dry)).float().mean() == pytest.approx(often * (1 - often), abs=0.04)


def test_what_went_on_from_trained_weights_leaves_a_quarter_of_the_way_back(pack, tmp_path: Path):
    held = replace(pack, views=[replace(view, held_out=n % 2 == 0) for n, view in enumerate(pack.views)])
    torch.manual_seed(0)
    begun = SceneEncoder(SceneConfig(image_size=64))
    begun.save(tmp_path / FILE, {})
    task = SceneTask(SceneConfig(image_size=64), held, 8, init=tmp_path / FILE)
    with torch.no_grad():
        task.model.encoder.trunk[0].weight += 1.0
    (tmp_path / "out").mkdir()
    task.export(task.model.eval(), tmp_path / "out", {})
    left = SceneEncoder.from_pretrained(tmp_path / "out" / FILE)
    torch.testing.assert_close(left.trunk[0].weight, begun.trunk[0].weight + 0.75, atol=2e-3, rtol=0)
    read = left.probe(looked_at(left, task.other_images))
    torch.testing.assert_close(read.mean(0), task.other_truth.mean(0), atol=0.02, rtol=0)
