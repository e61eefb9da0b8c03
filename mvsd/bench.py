"""How fast the systems are on this machine: start, first sound, real-time factor by length and by batch, memory.

Each system runs in a process of its own, so that its start and its memory are its own. Speed is read as a ratio within
one run: to WPE, and to the same reverberator with as many steps as it was trained with.
"""

from __future__ import annotations

import json
import multiprocessing
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from mvsd.conversion import OnStep
from mvsd.out_folder import make_out

EXAMPLES = Path(__file__).resolve().parent.parent / "assets" / "examples"
SPEECH, PICTURE = EXAMPLES / "speech_slt_1.wav", EXAMPLES / "room_church.jpg"
LENGTHS_S = (1.0, 5.0, 10.0, 30.0, 60.0)
COMPARED_S = 5.0  # the length at which systems are compared
MANY_STEPS = 250  # T, as trained
BATCHES, BATCHED_S = (1, 2, 4, 16), 30.0  # windows at once besides the usual number, and the clip they are cut from
OURS, WPE = "mvsd", "wpe"


@dataclass(frozen=True)
class System:
    """system: of the registry. steps, windows (a batch of the network): None for what is usual. lengths_s: of the clips
    it is given."""

    system: str
    task: str
    lengths_s: tuple[float, ...]
    steps: int | None = None
    windows: int | None = None

    @property
    def name(self) -> str:
        steps = f", {self.steps} steps" if self.steps else ""
        return f"{self.system} {self.task}{steps}" + (f", batches of {self.windows}" if self.windows else "")


@dataclass(frozen=True)
class Speed:
    """One system. start_s: imports and weights. first_s: its first sound after that. seconds: by length of the clip,
    the faster of two runs. peak_mib: the most memory its process held."""

    name: str
    start_s: float
    first_s: float
    seconds: dict[float, float]
    peak_mib: float


def systems(lengths_s: Sequence[float], weights: str | Path, many_steps: int = MANY_STEPS) -> list[System]:
    """Every system that is installed, in each of its tasks; ours also with as many steps as it was trained with, and in
    batches of other sizes."""
    from mvsd.systems import installed

    every = tuple(sorted({*lengths_s, COMPARED_S}))
    chosen = [System(name, task, every) for task in ("match", "dereverb") for name in installed(task, weights)]
    if System(OURS, "match", every) not in chosen:
        return chosen
    batched = [System(OURS, "match", (COMPARED_S, BATCHED_S), windows=windows) for windows in BATCHES]
    return [*chosen, System(OURS, "match", (COMPARED_S,), many_steps), *batched]


def bench(
    out: str | Path, weights: str | Path, chosen: Sequence[System], on_step: OnStep | None = None, threads: int = 0
) -> str:
    """Measure one system after the other; write out/bench.json and out/bench.md. Returns the table.

    threads: of torch in each process; 0 leaves it to torch. Raises UserError where out cannot be written to.
    """
    out, speeds = make_out(out), []
    for done, system in enumerate(chosen, 1):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            speeds.append(alone.submit(measure, system, str(weights), threads).result())
        if on_step:
            on_step(done, len(chosen))
    about = {"machine": platform.machine(), "python": platform.python_version(), "threads": threads}
    text = json.dumps(about | {"systems": [asdict(speed) for speed in speeds]}, indent=1)
    (out / "bench.json").write_text(text + "\n", encoding="utf-8")
    (out / "bench.md").write_text(table(speeds) + "\n", encoding="utf-8")
    return table(speeds)


def measure(system: System, weights: str, threads: int) -> Speed:
    """Run in a fresh process: the imports are part of the start."""
    begin = time.perf_counter()
    run = _loaded(system, weights, threads)
    start_s = time.perf_counter() - begin
    first_s, seconds = _timed(run, COMPARED_S), {}
    for length_s in system.lengths_s:
        again = 1 if length_s == COMPARED_S else 2  # the first run of all is one of two
        runs = [_timed(run, length_s) for _ in range(again)]
        seconds[length_s] = min(runs + ([first_s] if again == 1 else []))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Speed(system.name, start_s, first_s, seconds, peak / (2**20 if sys.platform == "darwin" else 2**10))


def _timed(run: Callable[[float], None], length_s: float) -> float:
    begin = time.perf_counter()
    run(length_s)
    return time.perf_counter() - begin


def _loaded(system: System, weights: str, threads: int) -> Callable[[float], None]:
    """A function that takes seconds of speech, and converts so much."""
    import torch

    from mvsd.audio import SAMPLE_RATE, load
    from mvsd.clip import Clip
    from mvsd.conversion import Settings
    from mvsd.converters import convert
    from mvsd.systems import load as load_system
    from mvsd.vision import load_image

    if threads:
        torch.set_num_threads(threads)
    speech, picture = load(SPEECH), load_image(PICTURE)
    converter = load_system(system.system, system.task, weights)
    if system.windows:
        converter.windows_at_once = system.windows

    def run(length_s: float) -> None:
        count = round(length_s * SAMPLE_RATE)
        clip = Clip(speech.repeat(count // len(speech) + 1)[:count], SAMPLE_RATE, picture)
        convert(converter, clip, Settings(steps=system.steps))

    return run


def table(speeds: list[Speed]) -> str:
    """In Markdown: a row a system, real-time factors by length, ratios of time at 5 s."""
    lengths = sorted({length for speed in speeds for length in speed.seconds})
    at = {speed.name: speed.seconds[COMPARED_S] for speed in speeds}
    wpe = next((name for name in at if name.startswith(WPE)), None)
    many = next((name for name in at if name.endswith(" steps")), None)
    head = ["system", "start, s", f"first sound ({COMPARED_S:g} s), s", *(f"RTF at {x:g} s" for x in lengths)]
    head += ["time over WPE's", f"time over '{many}'" if many else "", "peak memory, MiB"]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    for speed in speeds:
        factors = [f"{speed.seconds[x] / x:.3f}" if x in speed.seconds else "" for x in lengths]
        ratios = [f"{at[speed.name] / at[other]:.3g}" if other in at else "" for other in (wpe, many)]
        cells = [speed.name, f"{speed.start_s:.1f}", f"{speed.first_s:.2f}", *factors, *ratios, f"{speed.peak_mib:.0f}"]
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)
