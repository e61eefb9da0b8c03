"""A training set in few, small files: speech, responses and pictures, each one flat array cut into shards.

pack.json is the index. A shard is a safetensors file of at most 15 MiB with one tensor; a pool is its shards in a row:
`speech` int16 at 16 kHz, `rir` half precision, `picture` JPEG bytes, `layout` as room_layout has it. Reading needs
torch and safetensors alone.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mvsd.errors import UserError

SHARD_BYTES = 15 * 2**20 - 4096
LAYOUT_CELLS = 16  # as room_layout.CELLS, which needs more packages than training has
DRY_DYNAMICS_DB = 35.0  # 95th minus 5th percentile of the frame level: drier speech has deeper pauses
PHOTO_PX = 320
SPEECH_SHARE = 0.6  # of the budget in MiB
POOLS = {"speech": torch.int16, "rir": torch.float16, "picture": torch.uint8, "layout": torch.uint8}


@dataclass(frozen=True)
class Utterance:
    """begin, count: place in the `speech` pool, samples."""

    begin: int
    count: int
    speaker: str
    held_out: bool


@dataclass(frozen=True)
class RoomView:
    """One response, and the picture taken where it was heard (picture_count 0: none). begin, count: `rir` samples.

    surfaces: materials of the four walls, floor and ceiling; absorption: their mean coefficient, furniture included.
    layout_begin: place in the `layout` pool; None where what the picture shows was not told.
    twin_of: the room that this one repeats in all but its materials or its geometry, if any. category: its kind.
    """

    begin: int
    count: int
    picture_begin: int
    picture_count: int
    room: str
    measured: bool
    held_out: bool
    t60_s: float
    drr_db: float
    distance_m: float | None
    volume_m3: float | None
    absorption: float | None = None
    surfaces: tuple[str, ...] = ()
    layout_begin: int | None = None
    twin_of: str = ""
    category: str = ""

    @property
    def kin(self) -> str:
        """The name that twins share: splits go by it, so that none knows the other's answers."""
        return self.twin_of or self.room


@dataclass(frozen=True)
class Photo:
    """A photograph of a real place, of which no more is known than its kind (places.T60_RANGES_S)."""

    picture_begin: int
    picture_count: int
    place: str
    category: str


@dataclass(frozen=True)
class Pack:
    """All of it in memory."""

    utterances: list[Utterance]
    views: list[RoomView]
    pools: dict[str, Tensor]
    photos: Sequence[Photo] = ()

    def speech(self, utterance: Utterance) -> Tensor:
        """(samples,) float32 in [-1, 1], 16 kHz."""
        return self.pools["speech"][utterance.begin : utterance.begin + utterance.count].float() / 32768

    def rir(self, view: RoomView) -> Tensor:
        """(samples,) float32, direct sound at sample 40 and 1 there."""
        return self.pools["rir"][view.begin : view.begin + view.count].float()

    def picture(self, view: RoomView | Photo) -> Tensor:
        """JPEG bytes, uint8."""
        return self.pools["picture"][view.picture_begin : view.picture_begin + view.picture_count]

    def layout(self, view: RoomView) -> Tensor | None:
        """(LAYOUT_CELLS, LAYOUT_CELLS, 2) uint8: distance and absorption of what is seen, cell by cell."""
        if view.layout_begin is None:
            return None
        shape = (LAYOUT_CELLS, LAYOUT_CELLS, 2)
        return self.pools["layout"][view.layout_begin : view.layout_begin + math.prod(shape)].view(shape)


def read_pack(folder: str | Path) -> Pack:
    """Raises UserError where the folder holds no pack or a shard is missing."""
    path = Path(folder) / "pack.json"
    if not path.is_file():
        raise UserError(f"{folder} holds no pack.json. Make a pack with: python -m mvsd data pack")
    try:
        index = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}). Copy the pack again, or make it anew.") from error
    pools = {}
    for pool, shards in index["shards"].items():
        missing = [name for name in shards if not (path.parent / name).is_file()]
        if missing:
            raise UserError(f"{folder} lacks {missing[0]} and {len(missing) - 1} more shards. Copy the whole pack.")
        parts = [_shard(path.parent / name, pool) for name in shards]
        pools[pool] = torch.cat(parts) if parts else torch.zeros(0, dtype=POOLS[pool])
    utterances = [Utterance(**row) for row in index["utterances"]]
    photos = [Photo(**row) for row in index.get("photos", [])]
    return Pack(utterances, [RoomView(**row) for row in index["views"]], pools, photos)


def _shard(path: Path, pool: str) -> Tensor:
    try:
        return load_file(path)[pool]
    except (SafetensorError, KeyError, OSError) as error:
        raise UserError(f"{path} is damaged ({error}). Copy the pack again, or make it anew.") from error


class Pool:
    """A flat array under construction, written out in shards as it grows."""

    def __init__(self, name: str, folder: Path):
        self.name, self.folder, self.count = name, folder, 0
        self.waiting: list[Tensor] = []
        self.shards: list[str] = []

    def add(self, piece: Tensor) -> int:
        """Append; returns where it begins."""
        begin = self.count
        self.count += len(piece)
        self.waiting.append(piece.to(POOLS[self.name]))
        self.flush(SHARD_BYTES)
        return begin

    def flush(self, at_least: int = 1) -> None:
        row = torch.cat(self.waiting) if self.waiting else torch.zeros(0, dtype=POOLS[self.name])
        size = SHARD_BYTES // row.element_size()
        if row.numel() * row.element_size() < at_least:
            return
        for part in row.split(size):
            if len(part) < size and at_least > 1:
                self.waiting = [part]
                return
            self.shards.append(f"{self.name}-{len(self.shards):03d}.safetensors")
            save_file({self.name: part.clone()}, self.folder / self.shards[-1])
        self.waiting = []


def write_pack(
    rooms: list[str | Path],
    speech: str | Path,
    out: str | Path,
    rirs: str | Path | None = None,
    mib: float | None = None,
    on_step: Callable[[int, int], None] | None = None,
    photos: str | Path | None = None,
) -> dict[str, float]:
    """Gather simulated rooms, dry speech, measured responses (a CSV with `path` and `room`) and photographs of places
    (a CSV with `path`, `place` and `category`) into a pack.

    mib: budget of the whole pack; utterances and views are then taken evenly from all. Returns counts and sizes.
    """
    from mvsd.data.speech import list_speech

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    pools = {name: Pool(name, out) for name in POOLS}
    budget = float("inf") if mib is None else mib * 2**20
    files, views = list_speech(speech), [*_simulated(rooms), *(_measured(Path(rirs)) if rirs else [])]
    total = len(files) + len(views)
    utterances, packed = [], []
    for done, file in enumerate(_spread(files), 1):
        if pools["speech"].count * 2 < budget * SPEECH_SHARE and (kept := _utterance(file, pools["speech"])):
            utterances.append(kept)
        if on_step:
            on_step(done, total)
    for done, row in enumerate(_spread(views), len(files) + 1):
        size = pools["speech"].count * 2 + pools["rir"].count * 2 + pools["picture"].count
        if size < budget and (kept := _view(row, pools)):
            packed.append(kept)
        if on_step:
            on_step(done, total)
    shown = [_photo(row, pools["picture"]) for row in read_table(photos, "path", "place", "category")] if photos else []
    for pool in pools.values():
        pool.flush()
    index = {
        "shards": {name: pool.shards for name, pool in pools.items()},
        "utterances": [asdict(row) for row in utterances],
        "views": [asdict(row) for row in packed],
        "photos": [asdict(row) for row in shown],
    }
    (out / "pack.json").write_text(json.dumps(index))
    size = sum(file.stat().st_size for file in out.iterdir())
    minutes = pools["speech"].count / 16_000 / 60
    return {"utterances": len(utterances), "speech_minutes": minutes, "views": len(packed), "mib": size / 2**20}


def _spread(rows: list) -> Iterator:
    """The rows in an order in which any beginning is an even sample of all (golden-ratio stride)."""
    stride = max(1, int(len(rows) * 0.618))
    while (len(rows) % stride == 0 and stride > 1) or _common(stride, len(rows)) > 1:
        stride -= 1
    return (rows[i * stride % len(rows)] for i in range(len(rows)))


def _common(a: int, b: int) -> int:
    return a if b == 0 else _common(b, a % b)


def dynamics_db(audio: Tensor) -> float:
    """95th minus 5th percentile of the level of 20 ms frames, dB: how far the pauses lie below the speech."""
    frames = audio[: len(audio) // 320 * 320].reshape(-1, 320)
    levels = 10 * (frames.square().mean(1) + 1e-10).log10()
    return float(levels.quantile(0.95) - levels.quantile(0.05))


def _utterance(file: Path, pool: Pool) -> Utterance | None:
    """Pack one file if it is dry enough to be a target."""
    from mvsd.audio import load
    from mvsd.data.speech import held_out, speaker_of

    audio = load(file)
    if dynamics_db(audio) < DRY_DYNAMICS_DB:
        return None
    begin = pool.add((audio * 32767).round())
    return Utterance(begin, len(audio), speaker_of(file), held_out(speaker_of(file)))


def _simulated(folders: list[str | Path]) -> list[dict]:
    rows = []
    for number, folder in enumerate(map(Path, folders)):
        if not (folder / "rooms.csv").is_file():
            raise UserError(f"{folder} holds no rooms.csv. Make rooms with: python -m mvsd rooms")
        with open(folder / "rooms.csv", newline="") as table:
            for row in csv.DictReader(table):
                told = {"file": folder / "rir" / f"{row['stem']}.wav", "folder": folder}
                told |= {"key": f"{number}/{row['room']}"}
                told |= {"twin_key": f"{number}/{row['twin_of']}" if row.get("twin_of") else ""}
                rows.append(row | told)
    return rows


def _measured(table: Path) -> list[dict]:
    return [{"file": row["file"], "key": row["room"], "measured": True} for row in read_table(table, "path", "room")]


def read_table(table: str | Path, *columns: str) -> list[dict]:
    """Rows of a CSV that names a `file` each, by its column path."""
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(columns) <= rows[0].keys():
        raise UserError(f"{Path(table).name} needs the columns {' and '.join(columns)}, one file a row.")
    return [row | {"file": Path(table).parent / row["path"]} for row in rows]


def _photo(row: dict, pool: Pool) -> Photo:
    """Pack one photograph as a JPEG of at most PHOTO_PX a side."""
    from io import BytesIO

    from mvsd.data.clips import read_picture

    image, jpeg = read_picture(row["file"]), BytesIO()
    image.thumbnail((PHOTO_PX, PHOTO_PX))
    image.save(jpeg, "JPEG", quality=90)
    begin = pool.add(torch.frombuffer(bytearray(jpeg.getvalue()), dtype=torch.uint8))
    return Photo(begin, len(jpeg.getvalue()), row["place"], row["category"])


def _view(row: dict, pools: dict[str, Pool]) -> RoomView | None:
    """Pack one response and its picture; None where a measured one is too noisy to tell its T60."""
    import soundfile

    from mvsd.acoustics import drr_db, t60
    from mvsd.data.room_design import SURFACES
    from mvsd.data.speech import held_out

    rir, _ = soundfile.read(row["file"], dtype="float32")
    rir = rir / rir[40]
    measured = "measured" in row
    t60_s = t60(rir) if measured else float(row["t60_s"])
    if t60_s is None:
        return None
    jpeg = b"" if measured else _jpeg(row)
    return RoomView(
        pools["rir"].add(torch.from_numpy(rir)),
        len(rir),
        pools["picture"].add(torch.frombuffer(bytearray(jpeg), dtype=torch.uint8)) if jpeg else 0,
        len(jpeg),
        row["key"],
        measured,
        held_out(row.get("twin_key") or row["key"]),
        t60_s,
        drr_db(rir) if measured else float(row["drr_db"]),
        None if measured else float(row["distance_m"]),
        None if measured else float(row["volume_m3"]),
        float(row["absorption"]) if "absorption" in row else None,
        tuple(row[f"{name}_material"] for name in SURFACES if f"{name}_material" in row),
        None if measured else _layout(row, pools["layout"]),
        row.get("twin_key", ""),
        row.get("category", ""),
    )


def _jpeg(row: dict) -> bytes:
    file = row["folder"] / "image" / f"{row['stem']}.jpg"
    return file.read_bytes() if file.is_file() else b""


def _layout(row: dict, pool: Pool) -> int | None:
    import numpy as np
    from PIL import Image

    file = row["folder"] / "layout" / f"{row['stem']}.png"
    return pool.add(torch.from_numpy(np.array(Image.open(file))).flatten()) if file.is_file() else None
