"""The most memory a piece of work held."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # what Linux takes for it: man 5 proc


def begin_peak() -> None:
    """Forget what was held before, where the system can (Linux); elsewhere the peak is that since the start."""
    with suppress(OSError):
        CLEAR.write_text(RESET_PEAK)


def peak_mib() -> float:
    """Resident memory at its highest since `begin_peak`, of the whole process: libraries and weights too."""
    with suppress(OSError, StopIteration):
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
