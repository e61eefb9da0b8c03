import os
import pickle
import struct

import numpy as np
import pytest

from mvsd.data.numpy_pickle import load_numbers
from mvsd.errors import UserError


def stored(path, value, protocol=4):
    path.write_bytes(pickle.dumps(value, protocol))
    return path


class Asks:
    """Pickles as a call of what it is given."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.zeros((0, 4), np.uint8),
        np.array(3.5, np.float32),
        np.array([True, False]),
    ],
)
def test_arrays_come_back_as_they_were(tmp_path, array, protocol):
    got = load_numbers(stored(tmp_path / "a.pkl", {"views": [array, array], "n": (1, "x")}, protocol))
    assert got["n"] == (1, "x")
    for view in got["views"]:
        np.testing.assert_array_equal(view, array)
        assert (view.dtype, view.shape) == (array.dtype, array.shape)


def test_names_of_numpy_1_and_single_numbers_are_read(tmp_path):
    path = stored(tmp_path / "a.pkl", {"distance": np.float64(2.5), "a": np.arange(3)}, 3)
    path.write_bytes(path.read_bytes().replace(b"numpy._core", b"numpy.core"))
    got = load_numbers(path)
    assert got["distance"] == 2.5
    np.testing.assert_array_equal(got["a"], [0, 1, 2])


@pytest.mark.parametrize("name", ["system", "popen"])
def test_a_pickle_that_would_run_a_command_is_refused_and_runs_nothing(tmp_path, name):
    victim = tmp_path / "made"
    path = stored(tmp_path / "evil.pkl", {"rir": Asks(getattr(os, name), f"touch {victim}")})
    with pytest.raises(UserError, match=r"Nothing of it was run"):
        load_numbers(path)
    assert not victim.exists()


@pytest.mark.parametrize("function", [eval, getattr, np.load, np.frombuffer, pickle.loads])
def test_no_function_is_admitted_not_even_numpys(tmp_path, function):
    with pytest.raises(UserError, match="more than numbers"):
        load_numbers(stored(tmp_path / "evil.pkl", Asks(function, b"1")))


@pytest.mark.parametrize("array", [np.array([{}, None]), np.array(["text"]), np.zeros(2, [("a", "f4")])])
def test_arrays_of_anything_but_numbers_are_refused(tmp_path, array):
    with pytest.raises(UserError, match="more than numbers"):
        load_numbers(stored(tmp_path / "a.pkl", array))


def test_attributes_cannot_be_set_through_a_state(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"cnumpy\nndarray\n(dS'__setstate__'\nI1\nsb.")  # a dict as the state of the class itself
    with pytest.raises(UserError, match="more than numbers"):
        load_numbers(path)


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps(np.arange(99))[:-40]])
def test_a_damaged_file_is_a_user_error(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.pkl is damaged"):
        load_numbers(tmp_path / "a.pkl")


def test_an_array_that_claims_more_than_its_bytes_is_refused(tmp_path):
    path = stored(tmp_path / "a.pkl", np.zeros(1000, np.uint8), 3)
    path.write_bytes(path.read_bytes().replace(struct.pack("<H", 1000), struct.pack("<H", 9000), 1))
    with pytest.raises(UserError, match="damaged"):
        load_numbers(path)
