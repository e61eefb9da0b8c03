"""Pickles of plain numbers, read without running what they ask for.

A pickle is a program: it names functions and has them called. Here the only names are those by which numpy writes
arrays, and even these stand for the classes below, which rebuild numbers from bytes: numpy's own code, which believes
the type flags in a pickle, never sees it.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mvsd.errors import UserError

NUMBERS = "biufc"  # kinds of dtype: booleans, integers, floats; no objects, strings or records
BROKEN = (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, MemoryError)


class _Rebuilt:
    """What stands for one of numpy's names; every one takes its own state or none, never a dict of attributes."""

    value: Any = None

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("unexpected state")


class _Dtype(_Rebuilt):
    def __init__(self, code: str, *_: object):
        self.value = np.dtype(str(code))
        if self.value.kind not in NUMBERS:
            raise pickle.UnpicklingError(f"an array of {self.value}")

    def __setstate__(self, state: tuple) -> None:
        self.value = self.value.newbyteorder(state[1])


class _Array(_Rebuilt):
    """Empty until its state comes: (version, shape, dtype, is Fortran order, bytes)."""

    def __init__(self, *_: object):
        self.value = np.zeros(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, is_fortran, raw = state
        self.value = np.frombuffer(raw, dtype.value).reshape(shape, order="F" if is_fortran else "C")


class _Buffer(_Rebuilt):
    """An array as protocol 5 writes it."""

    def __init__(self, raw: bytes, dtype: _Dtype, shape: tuple[int, ...], order: str):
        self.value = np.frombuffer(raw, dtype.value).reshape(shape, order="F" if order == "F" else "C")


class _Scalar(_Rebuilt):
    def __init__(self, dtype: _Dtype, raw: bytes):
        self.value = np.frombuffer(raw, dtype.value, count=1)[0]


STANDS_FOR: dict[tuple[str, str], type[_Rebuilt]] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")  # numpy 1 and 2
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _Scalar),
            ("numeric", "_frombuffer", _Buffer),
        )
    },
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[_Rebuilt]:
        if (module, name) not in STANDS_FOR:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return STANDS_FOR[module, name]


def load_numbers(path: Path) -> Any:
    """Dicts, lists, tuples, strings, numbers and numpy arrays of numbers (read-only), as pickled.

    Raises UserError where the pickle asks for anything else or is damaged.
    """
    try:
        with path.open("rb") as file:
            return _plain(_Unpickler(file).load())
    except (*BROKEN, RecursionError) as error:
        raise UserError(
            f"{path.name} is damaged or holds more than numbers ({error}). Nothing of it was run; get it anew "
            "from the set's own source."
        ) from error


def _plain(value: Any) -> Any:
    """value with the stand-ins replaced by what they rebuilt."""
    if isinstance(value, _Rebuilt):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(each) for each in value)
    return value
