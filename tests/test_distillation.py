"""Progressive distillation: its mathematics against closed forms, and the stage."""

import json
from dataclasses import replace

import pytest
import torch
from tiny import UNET, lively, write_rooms, write_speech, write_weights

from mvsd.converters import Reverberator
from mvsd.data.pack import read_pack, write_pack
from mvsd.denoiser import Denoiser
from mvsd.diffusion import Process, linear_alpha_bar, sample_ddim, sample_dpm2m, trailing_steps
from mvsd.errors import UserError
from mvsd.training.converters import FILES
from mvsd.training.distillation import DistilTask, distilled, taught
from mvsd.training.loop import LoopConfig, Run, train
from mvsd.training.recipes import Wishes, run_recipe
from mvsd.training.sizes import STARTS

PROCESS = Process()
STEPS = torch.tensor([[250, 250, 125, 126, 2], [188, 249, 62, 125, 1], [125, 248, 0, 124, 0]])  # t, t', t''
X = torch.randn(5, 128, 16, generator=torch.Generator().manual_seed(0))
LOOP = LoopConfig(lr=1e-3, warmup_steps=2, validate_every=0, bf16=False)


def bent(x, t):
    """A denoiser that is neither linear nor the same at two steps."""
    return torch.tanh(x * (1 + t.reshape(-1, 1, 1) / 250)) + 0.3


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A pack, and a reverberator of windows so short that they train in no time."""
    root = tmp_path_factory.mktemp("distillation")
    write_pack([write_rooms(root / "rooms", 12)], write_speech(root / "speech", 12), root / "pack")
    config = replace(UNET, past_frames=16, window_frames=32, **STARTS["match"])
    (root / "weights").mkdir()
    lively(Denoiser(config)).save(root / "weights" / FILES["match"])
    return root


def task(folders, count=2):
    return DistilTask(folders / "weights" / FILES["match"], read_pack(folders / "pack"), 4, count)


def test_a_teacher_that_knows_the_answer_hands_it_on():
    answer = torch.linspace(-3, 3, 16).expand_as(X)
    torch.testing.assert_close(taught(lambda x, t: answer, PROCESS, X, STEPS), answer, rtol=0, atol=1e-5)


@pytest.mark.parametrize("process", [PROCESS, Process(linear_alpha_bar(250))])
def test_one_step_of_what_is_taught_lands_where_two_of_the_teachers_do(process):
    t, middle, end = STEPS
    half_way = process.ddim(X, bent(X, t), t, middle)
    there = process.ddim(half_way, bent(half_way, middle), middle, end)
    landed = process.ddim(X, taught(bent, process, X, STEPS), t, end)
    torch.testing.assert_close(landed, there, rtol=0, atol=1e-5)


def test_the_last_step_teaches_the_teachers_last_estimate():
    steps = torch.tensor([[125], [62], [0]])
    half_way = PROCESS.ddim(X, bent(X, steps[0]), steps[0], steps[1])
    torch.testing.assert_close(taught(bent, PROCESS, X, steps), bent(half_way, steps[1]), rtol=0, atol=0)


def test_what_is_taught_lies_between_the_teachers_two_estimates():
    """Weights by hand at T: t, t', t'' with SNR 0 (almost), 1/9 and 1 leave a third of the first estimate."""
    process = Process(torch.tensor([1.0, 0.5, 0.1, 1e-10], dtype=torch.float64))
    first, second = torch.full_like(X[:1], 1.0), torch.full_like(X[:1], 4.0)
    found = taught(lambda x, t: first if t == 3 else second, process, X[:1], torch.tensor([[3], [2], [1]]))
    torch.testing.assert_close(found, torch.full_like(X[:1], 3.0), rtol=1e-4, atol=0)


def test_steps_that_a_schedule_does_not_tell_apart_teach_nothing_undefined():
    process = Process(torch.full((251,), 1e-5, dtype=torch.float64))
    assert taught(bent, process, X, STEPS.clamp(min=1)).isfinite().all()


def test_the_distance_counts_by_the_snr_where_that_is_above_one():
    process = Process(torch.tensor([1.0, 0.8, 0.5, 0.1, 1e-5], dtype=torch.float64))  # SNR 4, 1, 1/9, 0
    steps = torch.tensor([[4, 2, 1], [2, 1, 1], [1, 0, 0]])
    error = distilled(lambda x, t: torch.full_like(x, 2.0), lambda x, t: torch.zeros_like(x), process, X[:3], steps)
    torch.testing.assert_close(error[:, 0, 0], torch.tensor([4.0, 4.0, 16.0]), rtol=1e-5, atol=0)


def test_only_the_student_learns():
    student, teacher = torch.tensor(0.5, requires_grad=True), torch.tensor(1.5, requires_grad=True)
    distilled(lambda x, t: student * x, lambda x, t: teacher * x, PROCESS, X, STEPS).mean().backward()
    assert student.grad.abs() > 0
    assert teacher.grad is None


def test_a_student_that_is_as_taught_samples_in_half_the_steps_what_its_teacher_does():
    ladder = trailing_steps(250, 6)
    stretches = {ladder[i]: torch.tensor(ladder[i : i + 3])[:, None] for i in (0, 2, 4)}
    one = lambda x, t: bent(x, torch.tensor([t]))  # noqa: E731
    student = lambda x, t: taught(bent, PROCESS, x, stretches[t])  # noqa: E731
    *_, slow = sample_ddim(one, X, ladder, PROCESS, None)
    *_, fast = sample_ddim(student, X, trailing_steps(250, 3), PROCESS, None)
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-5)


def test_up_to_two_steps_the_usual_sampler_takes_those_that_are_taught():
    one = lambda x, t: bent(x, torch.tensor([t]))  # noqa: E731
    made = [list(sampler(one, X, trailing_steps(250, 2), PROCESS, None))[-1] for sampler in (sample_ddim, sample_dpm2m)]
    torch.testing.assert_close(*made, rtol=0, atol=1e-5)


def test_steps_are_drawn_on_the_grids_of_both(folders):
    drawn = task(folders, 3).draw_steps(60, torch.Generator().manual_seed(0))
    slow, fast = trailing_steps(250, 6), trailing_steps(250, 3)
    assert {tuple(row) for row in drawn.T.tolist()} == set(zip(fast, slow[1::2], fast[1:]))


def test_a_student_begins_as_its_teacher_and_leaves_it_as_it_is(folders):
    pupil, generator = task(folders), torch.Generator().manual_seed(0)
    before = {name: tensor.clone() for name, tensor in pupil.teacher.state_dict().items()}
    assert all(torch.equal(tensor, before[name]) for name, tensor in pupil.model.state_dict().items())
    losses = pupil.losses(pupil.model, pupil.draw(generator), generator, 0)
    losses["distillation"].backward()
    assert sum(p.grad.norm() for p in pupil.model.parameters() if p.grad is not None) > 1e-4
    assert all(p.grad is None for p in pupil.teacher.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in pupil.teacher.state_dict().items())


def test_both_are_told_the_same_of_the_room(folders, monkeypatch):
    pupil, generator, told = task(folders), torch.Generator().manual_seed(0), []
    monkeypatch.setattr(Denoiser, "forward", lambda self, x, *given: told.append((self, *given)) or x)
    pupil.losses(pupil.model, pupil.draw(generator), generator, 0)
    assert [who is pupil.teacher for who, *_ in told] == [True, True, False]
    (_, seen, t, condition), (_, seen_then, middle, condition_then), (_, ours_seen, ours_t, ours) = told
    assert seen is seen_then is ours_seen
    assert condition is condition_then is ours
    assert torch.equal(t, ours_t)
    assert (middle < t).all()


@pytest.mark.parametrize("count", [0, 126])
def test_a_student_of_more_steps_than_its_teacher_can_halve_is_refused(folders, count):
    with pytest.raises(UserError, match="1 to 125"):
        task(folders, count)


def test_without_a_converter_it_says_what_is_missing(folders, tmp_path):
    for init in (None, folders / "weights"):
        with pytest.raises(UserError, match=r"Give --init a folder with dereverberator.safetensors"):
            run_recipe("tiny:distil-dereverb", folders / "pack", tmp_path, Wishes(steps=1, init=init))


@pytest.mark.whole
def test_a_student_comes_nearer_to_two_of_its_teachers_steps(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("mvsd.training.loop.NOTE_EVERY", 4)
    train(Run(tmp_path, task(folders, 1), LOOP, {}), steps=16)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    noted = [row["distillation"] for row in rows if "distillation" in row]
    assert noted[-1] < 0.5 * noted[0]


@pytest.mark.whole
def test_a_cut_off_run_goes_on_and_leaves_a_folder_that_converts(folders, tmp_path):
    pack, weights = folders / "pack", write_weights(tmp_path / "init")
    wishes = Wishes(steps=3, init=weights, student_steps=2)
    assert not run_recipe("tiny:distil-match", pack, tmp_path / "run", replace(wishes, stop_after=0.0))
    assert run_recipe("tiny:distil-match", pack, tmp_path / "run", wishes)
    made, given = (folder / FILES["match"] for folder in (tmp_path / "run" / "weights", weights))
    student, teacher = (Reverberator.from_pretrained(path.parent).denoiser for path in (made, given))
    assert student.notes["student_steps"] == "2"
    assert student.notes["training_steps"] == "3"
    assert student.notes["teacher_sha256"] == teacher.checkpoint_sha256
    apart = [(a - b).abs().max() for a, b in zip(student.parameters(), teacher.parameters())]
    assert 0 < max(apart) < 0.05
    other = FILES["dereverb"]
    assert (made.parent / other).read_bytes() == (weights / other).read_bytes()
