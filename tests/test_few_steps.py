import pandas as pd
import pytest
import soundfile
import torch
from tiny import response, write_rooms, write_weights

from mvsd.errors import UserError
from mvsd.few_steps import KEYS, MEASURES, Plan, few_steps, summary


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """Two rooms with dry and reverberant sound in step."""
    torch.manual_seed(0)
    folder = write_rooms(tmp_path_factory.mktemp("steps") / "rooms", 2)
    for kind in ("clean", "reverb"):
        (folder / kind).mkdir()
    for room in range(2):
        rir = torch.from_numpy(response(0.3 + 0.2 * room, room))
        dry = torch.nn.functional.pad(0.1 * torch.randn(20_000), (0, len(rir)))  # loud to its end
        wet = torch.nn.functional.conv1d(
            torch.nn.functional.pad(dry, (len(rir) - 1, 0))[None, None], rir.flip(0)[None, None]
        )
        for kind, sound in (("clean", dry), ("reverb", wet[0, 0] / 8)):
            soundfile.write(folder / kind / f"r{room:05d}_v0.wav", sound.numpy(), 16_000)
    return folder


@pytest.mark.whole
def test_every_number_of_steps_has_a_row_and_none_is_measured_twice(rooms, tmp_path):
    weights, plan = write_weights(tmp_path / "weights"), Plan(steps=(1, 2), limit=2)
    table = few_steps(rooms, tmp_path, weights, plan)
    measured = pd.read_csv(tmp_path / "steps.csv")
    assert sorted(set(zip(measured.task, measured.steps))) == [(t, n) for t in ("dereverb", "match") for n in (1, 2)]
    assert few_steps(rooms, tmp_path, weights, plan) == table
    assert len(pd.read_csv(tmp_path / "steps.csv")) == len(measured) == 8
    assert measured.error_db.between(0, 60).all()
    assert (measured.query("task == 'match'").t60_true_s.diff().dropna() > 0.1).any()


def row(steps, seed, t60_s):
    values = ("match", steps, "a", seed, 5.0, 0.9, 1.5, 3.0, t60_s, 0.5, 0.2)
    return dict(zip((*KEYS, *MEASURES), values))


def test_the_table_tells_error_and_spread_of_t60():
    table = summary(pd.DataFrame([row(1, 0, 0.4), row(1, 1, 0.6), row(2, 0, 0.5), row(2, 1, 0.5)])).splitlines()
    assert table[2] == "| match | 1 | 5.000 | 0.900 | 1.500 | 3.000 | 0.100 | 28.3% | 0.20 |"
    assert table[3] == "| match | 2 | 5.000 | 0.900 | 1.500 | 3.000 | 0.000 | 0.0% | 0.20 |"


def test_one_seed_has_no_spread():
    assert "| 0.100 |  | 0.20 |" in summary(pd.DataFrame([row(1, 0, 0.4)]))


def test_a_folder_without_pairs_is_refused(tmp_path):
    with pytest.raises(UserError, match="rooms --speech"):
        few_steps(tmp_path, tmp_path / "out", tmp_path)
