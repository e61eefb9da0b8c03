from dataclasses import replace

import pytest
import soundfile
import torch
from tiny import response, speechlike, write_rooms, write_speech

from mvsd.audio import MEL, log_mel
from mvsd.data.pack import Pack, RoomView, Utterance, dynamics_db, read_pack, write_pack
from mvsd.data.pairs import MARGIN, PairMaker, Taste, convolve
from mvsd.errors import UserError

QUIET = Taste(measured=0.0, spoilt=0.0)
FRAMES = 64


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    root = tmp_path_factory.mktemp("pack")
    for name in ("a", "b"):
        soundfile.write(root / f"{name}.wav", response(0.5), 16_000, subtype="FLOAT")
    (root / "rirs.csv").write_text("path,room\na.wav,hall\nb.wav,hall\n")
    rooms, speech = write_rooms(root / "rooms"), write_speech(root / "speech")
    made = write_pack([rooms], speech, root / "pack", root / "rirs.csv")
    return made, read_pack(root / "pack"), root


def one_room(rir, speech):
    """A pack of one utterance in one room."""
    view = RoomView(0, len(rir), 0, 0, "r", False, False, 0.5, 5.0, 2.0, 30.0)
    pools = {
        "speech": (speech * 32767).round().short(),
        "rir": rir.half(),
        "picture": torch.zeros(0, dtype=torch.uint8),
    }
    return Pack([Utterance(0, len(speech), "s", False)], [view], pools)


def test_speech_responses_and_pictures_come_back(packed):
    made, pack, root = packed
    assert made["utterances"] == 24
    assert made["views"] == 22
    assert sum(view.measured for view in pack.views) == 2
    view = next(view for view in pack.views if view.room == "0/3")
    torch.testing.assert_close(pack.rir(view), torch.from_numpy(response(0.32, 3)), rtol=1e-3, atol=1e-4)
    assert bytes(pack.picture(view)) == (root / "rooms" / "image" / "r00003_v0.jpg").read_bytes()


def test_speakers_and_rooms_are_split(packed):
    _, pack, _ = packed
    for rows in (pack.utterances, pack.views):
        assert 0 < sum(row.held_out for row in rows) < len(rows) / 2
    heard = {view.room: view.held_out for view in pack.views}
    assert all(heard[view.room] == view.held_out for view in pack.views)


def test_shards_stay_below_15_mib(tmp_path):
    rooms, speech = write_rooms(tmp_path / "rooms", 4), tmp_path / "speech"
    speech.mkdir()
    for number in range(10):
        soundfile.write(speech / f"{number}-1-0001.flac", speechlike(55.0, number), 16_000)
    write_pack([rooms], speech, tmp_path / "pack")
    sizes = [file.stat().st_size for file in (tmp_path / "pack").glob("speech-*.safetensors")]
    assert len(sizes) == 2
    assert max(sizes) <= 15 * 2**20
    assert sum(u.count for u in read_pack(tmp_path / "pack").utterances) == 10 * 55 * 16_000


def test_a_budget_takes_some_of_everything(packed, tmp_path):
    _, _, root = packed
    made = write_pack([root / "rooms"], root / "speech", tmp_path / "small", mib=1.0)
    assert made["mib"] < 1.3
    assert 3 < made["utterances"] < 24
    assert made["views"] > 3


def test_reverberant_speech_is_not_packed_as_dry(tmp_path):
    rooms, speech = write_rooms(tmp_path / "rooms", 4), write_speech(tmp_path / "speech", 12)
    wet = convolve(torch.from_numpy(speechlike(4.0)), torch.from_numpy(response(1.5)))
    soundfile.write(speech / "99-1-0001.flac", wet.numpy(), 16_000)
    assert dynamics_db(wet) < 35
    assert write_pack([rooms], speech, tmp_path / "pack")["utterances"] == 12


def test_a_folder_that_is_no_pack_is_told(tmp_path):
    with pytest.raises(UserError, match="data pack"):
        read_pack(tmp_path)


def test_a_lost_shard_is_named(packed, tmp_path):
    _, _, root = packed
    write_pack([root / "rooms"], root / "speech", tmp_path / "pack")
    (tmp_path / "pack" / "rir-000.safetensors").unlink()
    with pytest.raises(UserError, match="lacks rir-000"):
        read_pack(tmp_path / "pack")


def test_convolution_is_aligned_on_the_direct_sound():
    dry = torch.from_numpy(speechlike(1.0))
    alone = torch.zeros(500)
    alone[40] = 1.0
    torch.testing.assert_close(convolve(dry, alone), dry, rtol=0, atol=1e-6)


def test_windows_hold_the_reverberation_of_what_was_said_before():
    speech, rir = torch.from_numpy(speechlike(8.0)), torch.from_numpy(response(1.5))
    maker = PairMaker(one_room(rir, speech), FRAMES, taste=replace(QUIET, tail=0.0))
    pairs = maker.draw(2, torch.Generator().manual_seed(3), 0.05)
    dry, wet = pairs.sources["match"][1], pairs.targets["match"][1]
    isolated = convolve(dry, pack_rir(rir))
    assert (wet - isolated)[: 8 * MEL.hop].norm() > 5 * (wet - isolated)[-8 * MEL.hop :].norm()


def pack_rir(rir):
    return rir.half().float()


def test_the_wet_side_is_the_dry_side_convolved():
    dirac = one_room(torch.nn.functional.pad(torch.ones(1), (40, 100)), torch.from_numpy(speechlike(8.0)))
    pairs = PairMaker(dirac, FRAMES, taste=QUIET).draw(4, torch.Generator().manual_seed(0), 0.05)
    for task in ("match", "dereverb"):
        torch.testing.assert_close(pairs.sources[task], pairs.targets[task], rtol=0, atol=1e-5)


def test_frames_of_a_window_are_those_of_the_whole_clip(packed):
    _, pack, _ = packed
    pairs = PairMaker(pack, FRAMES, taste=QUIET).draw(2, torch.Generator().manual_seed(1), 0.05)
    first, second = log_mel(pairs.sources["match"])[..., 2:-2]
    joined = torch.cat([pairs.sources["match"][0][: -2 * MARGIN], pairs.sources["match"][1]])
    whole = log_mel(joined[None])[0, :, 2:-2]
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-3)


def test_the_seed_decides_the_windows(packed):
    _, pack, _ = packed
    maker = PairMaker(pack, FRAMES)
    one, two, other = (maker.draw(4, torch.Generator().manual_seed(seed), 0.05) for seed in (5, 5, 6))
    torch.testing.assert_close(one.sources["match"], two.sources["match"], rtol=0, atol=0)
    assert not torch.equal(one.sources["match"], other.sources["match"])


def test_spoilt_inputs_keep_clean_targets(packed):
    _, pack, _ = packed
    spoilt = PairMaker(pack, FRAMES, taste=Taste(measured=0.3, spoilt=1.0))
    pairs = spoilt.draw(24, torch.Generator().manual_seed(2), 0.05)
    assert all(x.isfinite().all() for x in [*pairs.sources.values(), *pairs.targets.values()])
    floor = lambda x: log_mel(x).quantile(0.3)  # noqa: E731
    assert floor(pairs.sources["dereverb"]) > floor(pairs.targets["dereverb"]) + 0.5


def test_held_out_speakers_and_rooms_are_never_drawn_for_training(packed):
    _, pack, _ = packed
    train, check = PairMaker(pack, FRAMES), PairMaker(pack, FRAMES, held_out=True)
    assert not {u.speaker for u in train.utterances} & {u.speaker for u in check.utterances}
    assert not {v.room for room in train.simulated for v in room} & {v.room for room in check.simulated for v in room}
