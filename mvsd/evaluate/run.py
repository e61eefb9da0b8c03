"""A whole evaluation: plan, work in several processes, results that survive a kill, tables."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from mvsd import judges
from mvsd.conversion import OnStep
from mvsd.converters import WEIGHTS
from mvsd.data.clips import ClipFiles
from mvsd.data.librispeech import transcripts
from mvsd.errors import UserError
from mvsd.evaluate import results, work
from mvsd.evaluate.controls import deranged
from mvsd.evaluate.measure import columns
from mvsd.evaluate.plan import EVERYWHERE, TASKS, Job, Plan, first_of_rooms, jobs_of, names_for
from mvsd.evaluate.results import FAILED, Results, Row
from mvsd.evaluate.tables import write_tables
from mvsd.evaluate.truth import has_dry, listed, read, truth_of
from mvsd.evaluate.work import Place
from mvsd.out_folder import make_out
from mvsd.systems import SYSTEMS, installed, load

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
KILLED = "the process that ran it was killed; perhaps it needed more memory than there is"
Done = tuple[Row, np.ndarray | None]


@dataclass(frozen=True)
class Outcome:
    """table: in Markdown, as in out/table.md. failed: rows that failed."""

    table: str
    failed: int


def evaluate(
    data: str | Path,
    out: str | Path,
    plan: Plan = Plan(),
    weights: str | Path = WEIGHTS,
    on_step: OnStep | None = None,
) -> Outcome:
    """Measure systems and controls on a data set; goes on where it was stopped, and tries again what had failed.

    Writes results.csv, clips.csv, table.csv, table.md, figures and some sounds below out. Raises UserError for what
    cannot be begun; what fails on one clip is a row with its reason.
    """
    data, out = Path(data), Path(out)
    clips, broken = listed(data, plan.split, plan.limit)
    clips = _with_words(clips, plan.transcripts)
    tasks = _tasks(plan, has_dry(clips))
    named = judges.chosen(plan.judges) if _checked(plan) == "all" else None
    names = {task: _names(plan, task, weights) for task in tasks}
    make_out(out)
    ears = work.ears_in(str(weights))
    results.remember(out, _asked(data, plan, str(weights)) | {"judges": named, "ears": list(ears)})
    results.write_clips(out, clips)
    has_transcripts = any(clip.transcript for clip in clips)
    asked = None if named is None else tuple(named.items())
    place = Place(data, out, str(weights), ears, asked, has_transcripts, has_dry(clips))
    jobs = list(_jobs(plan, names, clips, data))
    kept = Results(out, columns(ears, named, has_transcripts))
    _broken_rows(kept, plan, names, broken)
    _work([job for job in jobs if job.key not in kept.done], place, kept, plan.workers, _from(on_step, len(jobs)))
    kept.sort([job.key for job in jobs])
    return Outcome(write_tables(out), sum(row["status"] == FAILED for row in kept.rows))


def _with_words(clips: list[ClipFiles], folder: str | None) -> list[ClipFiles]:
    """Each with what was said in the utterance it is named after."""
    if folder is None:
        return clips
    words = transcripts(Path(folder))
    return [replace(clip, transcript=words.get(clip.name.split("/")[-1], clip.transcript)) for clip in clips]


def _checked(plan: Plan) -> str:
    if plan.metrics not in ("quick", "all"):
        raise UserError(f"There are no metrics {plan.metrics}. Choose quick or all.")
    if plan.repeats < 1:
        raise UserError(f"{plan.repeats} repeats were asked for; choose 1 or more.")
    return plan.metrics


def _names(plan: Plan, task: str, weights: str | Path) -> list[str]:
    """Raises UserError where a named system lacks its weights or its package, before anything is measured."""
    able = installed(task, weights)
    names = names_for(plan, task, able)
    for name in names:
        if name in SYSTEMS and name not in able:
            load(name, task, weights)
    return names


def _tasks(plan: Plan, is_paired: bool) -> tuple[str, ...]:
    if unknown := set(plan.tasks) - set(TASKS):
        raise UserError(f"There is no task {unknown.pop()}. Choose match or dereverb.")
    if is_paired:
        return plan.tasks or TASKS
    if "dereverb" in plan.tasks:
        raise UserError("This set has no clean speech to compare with. Only --task match can be measured on it.")
    return ("match",)


def _asked(data: Path, plan: Plan, weights: str) -> Row:
    """What must be the same when a run goes on; weights by what they hold, where they lie in a folder."""
    settings = plan.settings
    asked = {"data": str(data.resolve()), "weights": _digest(Path(weights)) or weights, "split": plan.split}
    return asked | {"steps": settings.steps, "sampler": settings.sampler, "seed": settings.seed}


def _digest(folder: Path) -> str:
    digest = sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12] if folder.is_dir() else ""


def _jobs(plan: Plan, names: dict[str, list[str]], clips: list[ClipFiles], data: Path) -> Iterator[Job]:
    shown = {}
    if any("shuffled" in chosen for chosen in names.values()):
        firsts = first_of_rooms(clips)
        shown = deranged(firsts, [_t60_of(data, clip) for clip in firsts], plan.settings.seed)
    for task, chosen in names.items():
        yield from jobs_of(plan, task, chosen, clips, shown)


def _t60_of(data: Path, clip: ClipFiles) -> float | None:
    try:
        return truth_of(read(data, clip), "match").t60_s
    except UserError:
        return None


def _broken_rows(kept: Results, plan: Plan, names: dict[str, list[str]], broken: dict[str, str]) -> None:
    """A failed row for each system that would have been measured on what is no whole clip."""
    for task, chosen in names.items():
        for name in chosen:
            if name in SYSTEMS or name in EVERYWHERE:
                for clip, why in broken.items():
                    job = Job(ClipFiles(clip, "", {}), task, name, plan.settings.for_task(task))
                    kept.append(work.blank(job) | {"status": FAILED, "reason": f"{clip} {why}"})


def _from(on_step: OnStep | None, total: int) -> OnStep:
    return lambda left, _: on_step(total - left, total) if on_step else None


def _work(jobs: Sequence[Job], place: Place, kept: Results, workers: int, on_left: OnStep) -> None:
    """Do the jobs and keep each row as it comes. on_left(jobs left, jobs)."""
    left = len(jobs)
    on_left(left, len(jobs))
    for job, (row, voice) in _done(jobs, place, workers):
        kept.append(row)
        if voice is not None:
            results.append_voice(place.out, job.key, voice)
        left -= 1
        on_left(left, len(jobs))


def _done(jobs: Sequence[Job], place: Place, workers: int) -> Iterator[tuple[Job, Done]]:
    """In this process for one worker, else over processes of one thread each; a process that dies fails its job."""
    if workers <= 1 or len(jobs) < 2:
        yield from ((job, work.done(job, place)) for job in jobs)
        return
    waiting, before = list(reversed(jobs)), {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))  # spawned processes read them when they import numpy and torch
    try:
        while waiting:
            with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
                yield from _through(pool, waiting, place, workers)
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _through(pool: ProcessPoolExecutor, waiting: list[Job], place: Place, workers: int) -> Iterator[tuple[Job, Done]]:
    """Take jobs off the end of `waiting`, no more at a time than there are workers, until all are done or one died."""
    running: dict[Future, Job] = {}
    while waiting or running:
        while waiting and len(running) < workers:
            job = waiting.pop()
            running[pool.submit(work.done, job, place)] = job
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            job = running.pop(future)
            try:
                yield job, future.result()
            except BrokenProcessPool:
                lost = [job, *running.values()]
                yield from ((one, (work.blank(one) | {"status": FAILED, "reason": KILLED}, None)) for one in lost)
                return
