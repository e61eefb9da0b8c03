import math

import pytest
import torch
from tiny import lively, speechlike, write_rooms, write_speech

from mvsd.data.pack import read_pack, write_pack
from mvsd.errors import UserError
from mvsd.t60_estimator import LEVEL, T60Config, T60Estimator
from mvsd.training.t60 import DRY_T60_S, T60Task, evened, heard, one_a_room

SMALL = T60Config(width=4, blocks=1)
SPEECH = torch.from_numpy(speechlike(4.0))
torch.manual_seed(1)
ESTIMATOR = lively(T60Estimator(SMALL))


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    root = tmp_path_factory.mktemp("t60")
    write_pack([write_rooms(root / "rooms", 12, views=2)], write_speech(root / "speech", 12), root / "pack")
    return read_pack(root / "pack")


def test_it_is_as_small_as_was_asked():
    assert sum(p.numel() for p in T60Estimator().parameters()) <= 1_500_000


def test_the_level_of_a_recording_tells_nothing():
    loud, soft = (ESTIMATOR.estimate(SPEECH * gain) for gain in (1.0, 0.01))
    assert loud == pytest.approx(soft, rel=1e-4)


def test_what_it_hears_decides():
    dry, wet = SPEECH, SPEECH + 0.02 * torch.randn(len(SPEECH), generator=torch.Generator().manual_seed(0))
    assert ESTIMATOR.estimate(dry) != pytest.approx(ESTIMATOR.estimate(wet), rel=1e-3)


@pytest.mark.parametrize("seconds", [0.3, 3.072, 3.5])
def test_recordings_of_any_length_have_a_t60(seconds):
    assert math.isfinite(ESTIMATOR.estimate(SPEECH[: int(seconds * 16_000)]))


def test_windows_end_where_the_recording_ends():
    """Were the last one filled up with silence, the cut would pass for a room that is dead."""
    heard = []
    listening = lively(T60Estimator(SMALL))
    listening.forward = lambda audio: heard.append(audio) or torch.zeros(len(audio))
    loud = torch.randn(60_000, generator=torch.Generator().manual_seed(0))
    listening.estimate(loud)
    torch.testing.assert_close(heard[0][-1], loud[-SMALL.samples :] * heard[0][-1, -1] / loud[-1])


def test_silence_after_the_speech_is_left_out():
    silence = torch.zeros(20 * 16_000)
    speech = SPEECH[: SMALL.samples]
    assert ESTIMATOR.estimate(torch.cat([speech, silence])) == pytest.approx(ESTIMATOR.estimate(speech), rel=0.2)


def test_a_silent_recording_is_refused():
    with pytest.raises(UserError, match="silent"):
        ESTIMATOR.estimate(torch.zeros(16_000))


def test_targets_are_the_t60_of_the_rooms_or_what_dry_speech_counts_as(pack):
    task, generator = T60Task(SMALL, pack, 4), torch.Generator().manual_seed(0)
    rooms = {round(math.log(view.t60_s), 4) for view in pack.views}
    drawn = [value for _ in range(12) for value in task.draw(generator).log_t60.tolist()]
    dry = [value for value in drawn if value == pytest.approx(math.log(DRY_T60_S))]
    assert 0 < len(dry) < 12
    assert {round(value, 4) for value in drawn} - {round(value, 4) for value in dry} <= rooms


def test_training_windows_have_the_level_the_estimator_expects(pack):
    audio = T60Task(SMALL, pack, 4).draw(torch.Generator().manual_seed(1)).audio
    assert audio.shape == (4, SMALL.samples)
    assert LEVEL / 4 < audio.square().mean().sqrt() < 2 * LEVEL


def test_rare_rooms_are_drawn_more_often(pack):
    one, other = pack.views[0], pack.views[-1]
    rooms = evened([[one]] * 8 + [[other]] * 2)
    assert (rooms.count([one]), rooms.count([other])) == (8, 8)


def test_a_room_of_many_files_counts_no_more_for_it(pack):
    one, other = pack.views[0], pack.views[-1]
    assert [view.room for view in one_a_room([one] * 9 + [other])] == [one.room] * 3 + [other.room]


def test_what_is_heard_in_a_room_rings_as_long_as_the_room(pack):
    wet = heard(pack, max(pack.views, key=lambda view: view.t60_s), torch.Generator().manual_seed(0))
    assert wet.square().mean() > 0
    assert len(wet) <= 6 * 16_000


@pytest.mark.whole
def test_it_learns_to_tell_long_from_short(pack, tmp_path):
    from mvsd.training.loop import LoopConfig, Run, train

    task = T60Task(T60Config(width=8, blocks=1), pack, 8)
    run = Run(tmp_path, task, LoopConfig(lr=4e-3, warmup_steps=5, bf16=False, ema=0.9, validate_every=1000), {})
    train(run, steps=40)
    estimator = T60Estimator.from_pretrained(tmp_path / "t60.safetensors")
    generator = torch.Generator().manual_seed(5)
    ordered = sorted((view for view in pack.views if not view.held_out), key=lambda view: view.t60_s)
    short, long = (estimator.estimate(heard(pack, view, generator)) for view in (ordered[0], ordered[-1]))
    assert long > 1.3 * short
