"""A set of simulated rooms on disk: pictures, responses, and what is true of them in rooms.csv.

Each room depends on (seed, index) alone, so that workers, kills and resumes change nothing.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import fftconvolve

from mvsd.acoustics import DIRECT_SAMPLE, RATE, c50_db, drr_db, t60
from mvsd.data.room_acoustics import response
from mvsd.data.room_design import SURFACES, T60_RANGE_S, RoomDesign, draw_room, mean_absorption
from mvsd.data.room_kinds import USUAL
from mvsd.data.room_twins import MATERIALS, MOST, draw_twin, twin_kind
from mvsd.data.room_views import PICTURE_PX, View, draw_view, sees_talker
from mvsd.data.speech import draw_clip, list_speech, speaker_of
from mvsd.errors import UserError

CSV = "rooms.csv"
CEILING = 0.99
ROOM_TRIES, VIEW_TRIES = 60, 12
JPEG_QUALITY = 90
SPEECH_STREAM = 1 << 20  # keeps the draw of clips apart from that of rooms
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
COLUMNS = (
    *("stem", "room", "seed", "category", "length_m", "width_m", "height_m", "volume_m3"),
    *(f"{name}_material" for name in SURFACES),
    *("patches", "furniture", "absorption", "talker_x", "talker_y", "talker_z", "listener_x", "listener_y"),
    *("listener_z", "distance_m", "t60_s", "drr_db", "c50_db", "talker_seen", "panorama", "fov_deg", "exposure"),
    *("clip", "speaker", "split", "twin", "twin_of", "usual"),
)
Row = dict[str, object]


@dataclass(frozen=True)
class Job:
    """What every room of a set is made with."""

    seed: int
    out: Path
    views: int
    files: tuple[Path, ...] = ()  # speech
    picture_px: int = PICTURE_PX  # width; 0: no pictures
    split: str = ""
    twins: float = 0.0  # share of the rooms that repeat the one before in all but one thing
    usual: float = USUAL  # share of the rooms that are as rooms of their kind mostly are


def simulate(
    count: int,
    seed: int,
    out: str | Path,
    speech: str | Path | None = None,
    views: int = 3,
    speakers: str = "all",
    on_step: Callable[[int, int], None] | None = None,
    workers: int | None = None,
    picture_px: int = PICTURE_PX,
    split: str = "",
    twins: float = 0.0,
    usual: float = USUAL,
) -> Path:
    """Write `count` rooms of `views` views each below out, and out/rooms.csv; rooms already there are kept.

    speech: folder of utterances; with it clean and reverberant clips are written too, of "all", "train" or
    "held-out" speakers. picture_px: width of the views, 0 for none. split: what evaluation is to call
    the set, "seen" say, where its rooms taught the weights. twins: share of rooms that repeat the one before in other
    materials or another geometry. usual: share of rooms that are as rooms of their kind mostly are: how long they ring,
    and what hangs on their walls. on_step(rooms done, count) after each room.
    Returns the path of rooms.csv.
    """
    if count < 1 or views < 1:
        raise UserError(f"At least one room and one view are needed; got {count} and {views}.")
    if not 0 <= twins <= MOST:
        raise UserError(f"A share of {twins:g} twins was asked for; choose 0 to {MOST:g}, for no twin has a twin.")
    files = tuple(list_speech(speech, speakers)) if speech is not None else ()
    if not 0 <= usual <= 1:
        raise UserError(f"A share of {usual:g} usual rooms was asked for; choose 0 to 1.")
    job = Job(seed, Path(out), views, files, picture_px, split, twins, usual)
    for folder in ("rir", *(["image", "layout"] if picture_px else []), *(["clean", "reverb"] if files else [])):
        (job.out / folder).mkdir(parents=True, exist_ok=True)
    done = _read_done(job)
    _write_csv(job.out / CSV, done)
    missing = [index for index in range(count) if index not in {int(row["room"]) for row in done}]
    for rows in _rooms(job, missing, workers or os.cpu_count() or 1):
        _append(job.out / CSV, rows)
        done += rows
        if on_step:
            on_step(len(done) // views, count)
    _write_csv(job.out / CSV, sorted(done, key=lambda row: str(row["stem"])))
    return job.out / CSV


def _read_done(job: Job) -> list[Row]:
    """Rows of the rooms that an earlier run finished; a room cut off in the middle is left out."""
    path = job.out / CSV
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows: list[Row] = [row for row in csv.DictReader(file) if None not in row.values() and None not in row]
    if any(int(row["seed"]) != job.seed for row in rows):
        raise UserError(f"{path} was made with seed {rows[0]['seed']}, not {job.seed}. Choose another folder.")
    if any((row.get("twin") or "") != twin_kind(job.seed, int(row["room"]), job.twins) for row in rows):
        raise UserError(f"{path} was made with another share of twins. Choose another folder.")
    if any(float(row.get("usual") or 0) != job.usual for row in rows):
        raise UserError(f"{path} was made with another share of usual rooms. Choose another folder.")
    counts = {room: sum(row["room"] == room for row in rows) for room in {row["room"] for row in rows}}
    if any(views > job.views for views in counts.values()):
        raise UserError(f"{path} has more than {job.views} views a room. Choose another folder.")
    return [row for row in rows if counts[row["room"]] == job.views]


def _write_csv(path: Path, rows: list[Row]) -> None:
    """Whole file at once, so that a kill leaves the old one or the new one."""
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)


def _append(path: Path, rows: list[Row]) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, COLUMNS).writerows(rows)


def _rooms(job: Job, indices: list[int], workers: int) -> Iterator[list[Row]]:
    """Rows of each room as it is finished, in this process for one worker, else over processes of one thread each."""
    if workers == 1 or len(indices) < 2:
        yield from (make_room(job, index) for index in indices)
        return
    os.environ.update(dict.fromkeys(THREADS, "1"))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), end_with_parent) as pool:
        queue, waiting = iter(indices), set[Future[list[Row]]]()
        while True:
            while len(waiting) < 3 * workers and (index := next(queue, None)) is not None:
                waiting.add(pool.submit(make_room, job, index))
            if not waiting:
                return
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ready)


def end_with_parent() -> None:
    """Have this worker end when the process that began it is gone, killed as it may be."""
    parent = multiprocessing.parent_process()
    if parent:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def make_room(job: Job, index: int) -> list[Row]:
    """Design, hear, see and write one room; returns its rows."""
    kind = twin_kind(job.seed, index, job.twins)
    room, views, rirs = design_room(job.seed, index, job.views, kind, job.usual)
    told = {"split": job.split, "twin": kind, "twin_of": index - 1 if kind else "", "usual": job.usual}
    draw = None
    if job.picture_px:
        from mvsd.data.room_pictures import Painter  # mitsuba takes a second to load

        draw = Painter(room, job.picture_px)
    rows = []
    for number, (view, rir) in enumerate(zip(views, rirs, strict=True)):
        row = _row(job.seed, index, number, room, view, rir) | told
        if draw:
            draw.save(
                view, job.out / "image" / f"{row['stem']}.jpg", job.out / "layout" / f"{row['stem']}.png", JPEG_QUALITY
            )
        wavfile.write(job.out / "rir" / f"{row['stem']}.wav", RATE, rir)
        if job.files:
            row |= _speak(job, index, number, rir)
        rows.append(row)
    return rows


def stem_of(index: int, view: int) -> str:
    return f"r{index:05d}_v{view}"


def design_room(
    seed: int, index: int, count: int, twin: str = "", usual: float = USUAL
) -> tuple[RoomDesign, list[View], list[np.ndarray]]:
    """A room, `count` views of it and their responses; drawn again until its first T60 is between 0.1 and 3 s.

    twin: what is other than in room index - 1; empty: all. In other materials it is seen from the same places.
    """
    draws = Draws(seed, index, partial(draw_room, usual=usual))
    if twin:
        before, views, _ = design_room(seed, index - 1, count, usual=usual)
        seen = tuple(views) if twin == MATERIALS else ()
        draws = Draws(seed, index, partial(draw_twin, room=before, kind=twin), seen)
    for attempt in range(ROOM_TRIES):
        room = draws.room(np.random.default_rng([seed, index, attempt]))
        first = draws.heard(room, attempt, 0, 0)
        if _is_fit(first[1]):
            break
    pairs = [first] + [draws.fit_view(room, attempt, number, first) for number in range(1, count)]
    return room, [view for view, _ in pairs], [rir for _, rir in pairs]


@dataclass(frozen=True)
class Draws:
    """All that chance decides of one room. room: draws it. views: where it is seen from; none: drawn too."""

    seed: int
    index: int
    room: Callable[[np.random.Generator], RoomDesign]
    views: tuple[View, ...] = ()

    def fit_view(
        self, room: RoomDesign, attempt: int, number: int, fallback: tuple[View, np.ndarray]
    ) -> tuple[View, np.ndarray]:
        for again in range(VIEW_TRIES):
            found = self.heard(room, attempt, number, again)
            if _is_fit(found[1]):
                return found
        return fallback

    def heard(self, room: RoomDesign, attempt: int, number: int, again: int) -> tuple[View, np.ndarray]:
        rng = np.random.default_rng([self.seed, self.index, attempt, 1 + number, again])
        view = self.views[number] if self.views else draw_view(rng, room)
        return view, response(room, view, int(rng.integers(2**63)))


def _is_fit(rir: np.ndarray) -> bool:
    time_s = t60(rir)
    return time_s is not None and T60_RANGE_S[0] <= time_s <= T60_RANGE_S[1]


def _row(seed: int, index: int, number: int, room: RoomDesign, view: View, rir: np.ndarray) -> Row:
    counted = {kind: sum(item.kind == kind for item in room.items) for kind in sorted({i.kind for i in room.items})}
    row: Row = {"stem": stem_of(index, number), "room": index, "seed": seed, "category": room.category}
    row |= dict(zip(("length_m", "width_m", "height_m"), room.size_m, strict=True))
    row |= {f"{name}_material": material for name, material in room.surfaces.items()}
    row["patches"] = "; ".join(sorted({f"{patch.material} on {patch.wall}" for patch in room.patches}))
    row["furniture"] = "; ".join(f"{many} {kind}" for kind, many in counted.items())
    for name, place in (("talker", view.talker), ("listener", view.listener)):
        row |= {f"{name}_{axis}": round(at, 4) for axis, at in zip("xyz", place, strict=True)}
    row |= {"volume_m3": round(room.volume_m3, 2), "absorption": round(mean_absorption(room), 4)}
    row |= {"distance_m": round(view.distance_m, 4), "t60_s": round(t60(rir) or 0.0, 4)}
    row |= {
        "drr_db": round(drr_db(rir), 3),
        "c50_db": round(c50_db(rir), 3),
        "talker_seen": sees_talker(room, view),
        "clip": "",
    }
    row |= {"panorama": view.is_panorama, "fov_deg": round(view.fov_deg, 2), "exposure": round(view.exposure, 3)}
    return row | {"speaker": ""}


def _speak(job: Job, index: int, number: int, rir: np.ndarray) -> Row:
    """Write one clip dry and in the room, of equal length and in step; returns its columns."""
    rng = np.random.default_rng([job.seed, SPEECH_STREAM, index, number])
    path, clip = draw_clip(rng, list(job.files))
    for folder, audio in zip(("clean", "reverb"), convolved(clip, rir), strict=True):
        wavfile.write(job.out / folder / f"{stem_of(index, number)}.wav", RATE, audio)
    return {"clip": path.name, "speaker": speaker_of(path)}


def convolved(clip: np.ndarray, rir: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """clip and response, both (samples,), to clean and reverberant speech of equal length, in step, peaks below 0.99.

    Clean is the clip and then zeros, as long as the response; both are scaled by the same factor where needed.
    """
    clean = np.concatenate([clip, np.zeros(len(rir), clip.dtype)])
    wet = fftconvolve(clip.astype(np.float64), rir.astype(np.float64))[DIRECT_SAMPLE:]
    wet = np.pad(wet, (0, max(0, len(clean) - len(wet))))[: len(clean)]
    gain = min(1.0, CEILING / max(np.abs(wet).max(), np.abs(clean).max(), 1e-9))
    return (clean * gain).astype(np.float32), (wet * gain).astype(np.float32)
