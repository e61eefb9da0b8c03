"""The facade of the page, without the page."""

from __future__ import annotations

import inspect
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
import soundfile
from conftest import EchoConverter

from mvsd.account import MADE, T60
from mvsd.errors import UserError
from mvsd.forms import DEREVERB, LARGEST_SEED, MATCH, Form, checked
from mvsd.gpu import on_gpu
from mvsd.session import Forming, Outcome, Studio

SAMPLERS = ("dpm++", "ddim")


@pytest.fixture
def converter() -> EchoConverter:
    return EchoConverter()


@pytest.fixture
def studio(converter: EchoConverter, tmp_path: Path) -> Studio:
    return Studio(lambda task: converter, tmp_path / "no-examples", SAMPLERS)


@pytest.fixture
def form(speech: Path, photo: Path) -> Form:
    return Form(str(speech), str(photo))


def test_the_spectrogram_is_seen_at_every_step_and_the_outcome_comes_last(studio: Studio, form: Form):
    *under_way, outcome = studio.convert(MATCH, form)
    assert isinstance(outcome, Outcome)
    assert [update.share for update in under_way if update.picture is not None] == pytest.approx([1 / 3, 2 / 3, 1])


def test_the_result_is_16_bit_at_16_khz_and_rings_on_after_the_source(studio: Studio, form: Form):
    *_, outcome = studio.convert(MATCH, form)
    before, after = soundfile.info(outcome.before), soundfile.info(outcome.after)
    assert (after.samplerate, after.channels, after.subtype) == (16_000, 1, "PCM_16")
    assert after.frames == before.frames + 16_000


def test_closing_after_a_step_stops_the_work_and_frees_the_model(studio: Studio, converter: EchoConverter, form: Form):
    with closing(studio.convert(MATCH, form)) as updates:
        while next(updates).picture is None:
            pass
    assert converter.closed.is_set()
    assert converter.steps_begun == 1
    assert not studio._busy.locked()


def test_an_error_in_the_model_frees_it(studio: Studio, converter: EchoConverter, form: Form):
    converter.stream = lambda clip, settings: iter([1 / 0 for _ in "x"])
    with pytest.raises(ZeroDivisionError):
        list(studio.convert(MATCH, form))
    assert not studio._busy.locked()


def test_only_the_first_run_waits_for_the_model_to_load(studio: Studio, form: Form):
    first = next(studio.convert(MATCH, form)).status
    studio.warm()
    assert (first.startswith("Loading the model"), next(studio.convert(MATCH, form)).status) == (True, "Getting ready")


def test_a_second_visitor_waits_and_then_gets_the_sound(studio: Studio, form: Form):
    studio.warm()
    studio._busy.acquire()
    updates = studio.convert(MATCH, form)
    assert [next(updates).status for _ in range(2)] == ["Getting ready", "Waiting for the visitor before you"]
    studio._busy.release()
    assert isinstance(list(updates)[-1], Outcome)


def test_a_visitor_who_gives_up_waiting_takes_nothing(studio: Studio, form: Form):
    studio._busy.acquire()
    updates = studio.convert(MATCH, form)
    next(updates), next(updates)
    updates.close()
    assert studio._busy.locked()


def test_a_model_is_loaded_once_however_many_ask(converter: EchoConverter, tmp_path: Path):
    loaded = []
    studio = Studio(lambda task: loaded.append(task) or converter, tmp_path)
    threads = [threading.Thread(target=studio.warm) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(loaded) == [DEREVERB, MATCH]


def test_the_same_seed_gives_the_same_sound_and_another_seed_another(studio: Studio, form: Form):
    sounds = [
        list(studio.convert(MATCH, Form(form.speech, form.photo, seed=s)))[-1].after.read_bytes() for s in (7, 7, 8)
    ]
    assert sounds[0] == sounds[1] != sounds[2]


def test_a_new_seed_is_drawn_told_and_reusable(studio: Studio, form: Form):
    first = list(studio.convert(MATCH, Form(form.speech, form.photo, new_seed=True)))[-1]
    again = list(studio.convert(MATCH, Form(form.speech, form.photo, seed=first.settings.seed)))[-1]
    assert again.after.read_bytes() == first.after.read_bytes()


def test_matching_needs_a_photo_or_a_t60(studio: Studio, form: Form):
    with pytest.raises(UserError, match="Add a photo of the room, or give its T60 under Advanced."):
        next(studio.convert(MATCH, Form(form.speech)))
    assert isinstance(list(studio.convert(MATCH, Form(form.speech, t60_s="0,8")))[-1], Outcome)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 51),
        ("steps", 0),
        ("steps", "many"),
        ("steps", float("nan")),
        ("sampler", "euler"),
        ("seed", -1),
        ("seed", LARGEST_SEED + 1),
        ("distance_m", "far"),
        ("distance_m", 0),
        ("t60_s", "inf"),
    ],
)
def test_settings_out_of_range_are_refused(field: str, value: object):
    with pytest.raises(UserError):
        checked(Form(**{field: value}), SAMPLERS)


def test_empty_numbers_mean_unknown():
    settings = checked(Form(distance_m="", t60_s=" "), SAMPLERS)
    assert (settings.distance_m, settings.t60_s) == (None, None)


def test_an_example_needs_no_model_and_one_without_files_is_left_out(examples: Path):
    def no_weights(task: str):
        raise AssertionError("a model was asked for")

    studio = Studio(no_weights, examples)
    assert [example.title for example in studio.examples] == ["Office", "Stairwell"]
    outcome = studio.show(studio.examples[0])
    assert outcome.settings.seed == 3
    assert {row.name: row.after for row in outcome.numbers[MADE]}["Checkpoint"] == "ab" * 6


def test_missing_weights_are_told_without_telling_where_they_were_sought(tmp_path: Path, form: Form):
    def no_weights(task: str):
        raise UserError("/home/someone/weights holds nothing.")

    studio = Studio(no_weights, tmp_path)
    studio.warm()
    with pytest.raises(UserError, match="^The weights of this model are not installed here; the examples play.$"):
        list(studio.convert(MATCH, form))


def test_old_results_are_deleted(studio: Studio, form: Form):
    import os

    first = list(studio.convert(MATCH, form))[-1].after
    os.utime(first.parent, (0, 0))
    second = list(studio.convert(MATCH, form))[-1].after
    assert (first.exists(), second.exists()) == (False, True)


def test_a_gpu_is_borrowed_for_as_long_as_the_steps_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "spaces.py").write_text(
        "def GPU(duration):\n"
        "    def borrow(stream):\n"
        "        def lent(*args):\n"
        "            asked.append(duration(*args))\n"
        "            yield from stream(*args)\n"
        "        return lent\n"
        "    return borrow\n"
        "asked = []\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "spaces", raising=False)
    lent = on_gpu(lambda task, clip, settings: iter("ab"))
    assert inspect.isgeneratorfunction(lent)
    assert list(lent(MATCH, None, checked(Form(steps=50), SAMPLERS))) == ["a", "b"]
    assert sys.modules["spaces"].asked == [45]
    del sys.modules["spaces"]


def test_without_a_gpu_to_borrow_the_work_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert on_gpu(test_empty_numbers_mean_unknown) is test_empty_numbers_mean_unknown


def test_time_left_is_told():
    from mvsd.session import _forming

    event = type("Progress", (), {"done": 2, "total": 6})
    assert _forming(event, 5.0, None) == Forming("Step 2 of 6, about 10 s left", 2 / 6, None)


def test_the_judge_of_t60_is_loaded_once_and_when_it_is_needed(converter: EchoConverter, tmp_path: Path, form: Form):
    loaded = []
    judged = Studio(lambda task: converter, tmp_path, SAMPLERS, lambda: loaded.append(1) or (lambda sound: 0.42))
    assert loaded == []
    for _ in range(2):
        *_, outcome = judged.convert(MATCH, form)
    assert loaded == [1]
    assert "0.42 s" in {row.after for row in outcome.numbers[T60]}
