"""LibriSpeech: dry read speech, listed by torchaudio and decoded by us (Panayotov et al. 2015).

`LibriSpeech/SUBSET/SPEAKER/CHAPTER/SPEAKER-CHAPTER-UTTERANCE.flac`, transcripts beside them.
"""

from __future__ import annotations

from pathlib import Path

from mvsd.audio import load
from mvsd.data.clips import ClipContents, ClipFiles, Listing
from mvsd.errors import UserError

TITLE = "LibriSpeech"
SUBSETS = (
    *("train-clean-100", "train-clean-360", "train-other-500"),
    *("dev-clean", "dev-other", "test-clean", "test-other"),
)
DRY_ALONE = "pictures and rooms: dry speech alone"


def archive_of(folder: Path) -> Path | None:
    """The folder that holds the subsets: folder itself, LibriSpeech below it, or the one above a subset."""
    folder = folder.absolute()
    places = (folder.parent,) if folder.name in SUBSETS else (folder, folder / "LibriSpeech")
    return next((place for place in places if any((place / subset).is_dir() for subset in SUBSETS)), None)


def is_here(folder: Path) -> bool:
    return archive_of(folder) is not None


def list_clips(folder: Path) -> Listing:
    """Every utterance of the subsets that are there, or of the one subset that is given."""
    archive = archive_of(folder)
    assert archive is not None
    name = folder.absolute().name
    wanted = (name,) if name in SUBSETS else SUBSETS
    clips, skipped = [], {}
    for subset in wanted:
        if (archive / subset).is_dir():
            found, lost = _list_subset(archive, subset)
            clips += found
            skipped |= lost
    absent = [f"subset {subset}" for subset in wanted if not (archive / subset).is_dir()]
    return Listing(TITLE, clips, skipped, [DRY_ALONE, *absent])


def _list_subset(archive: Path, subset: str) -> tuple[list[ClipFiles], dict[str, str]]:
    from torchaudio.datasets import LIBRISPEECH

    listed = LIBRISPEECH(archive.parent, subset, archive.name)
    clips, skipped = [], {}
    for number in range(len(listed)):
        try:
            path, _, transcript, speaker, chapter, utterance = listed.get_metadata(number)
        except FileNotFoundError as error:
            skipped[f"{subset} no. {number + 1}"] = f"has no transcript: {Path(str(error.filename or error)).name}"
            continue
        name = f"{speaker}-{chapter}-{utterance:04d}"
        clips.append(ClipFiles(name, subset, {"clean": archive / path}, speaker=str(speaker), transcript=transcript))
    return clips, skipped


def transcripts(folder: Path) -> dict[str, str]:
    """Words of each utterance (SPEAKER-CHAPTER-UTTERANCE) from the *.trans.txt below a folder. UserError for none."""
    lines = [line for path in sorted(folder.rglob("*.trans.txt")) for line in path.read_text("utf-8").splitlines()]
    if not lines:
        raise UserError(f"{folder} holds no transcripts (*.trans.txt). Give a folder of LibriSpeech.")
    return dict(line.split(" ", 1) for line in lines if " " in line)


def read_clip(clip: ClipFiles) -> ClipContents:
    return ClipContents(clean=load(clip.files["clean"]))
