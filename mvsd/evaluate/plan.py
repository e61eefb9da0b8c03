"""What is measured: which systems and controls on which clips, with which seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mvsd.conversion import Settings
from mvsd.data.clips import ClipFiles
from mvsd.errors import UserError
from mvsd.systems import SYSTEMS

TASKS = ("match", "dereverb")
OURS = "mvsd"
EVERYWHERE = ("input", "target")  # what is given and what is wanted, unchanged: on every clip
OF_OURS = ("shuffled", "no_picture", "oracle_numbers")  # another room's picture, none, the true T60 and DRR
CONTROLS = (*EVERYWHERE, "vocoder", "oracle", *OF_OURS)  # but for EVERYWHERE, on the first clip of each room
INVERSES = ("by_vocoder", "by_mask", "by_griffin_lim", "by_source_phase")  # ways from our mel to sound
WITHOUT_SEED = {*EVERYWHERE, "oracle", "wpe"}  # the same at every repeat


@dataclass(frozen=True)
class Plan:
    """systems: named ones and controls; none: all that are installed. metrics: quick or all. repeats: seeds each.

    transcripts: folder of LibriSpeech, for clips that are whole utterances of it and are named so.
    split: of the data set; none: its test splits, or all where it has none. wavs: so many clips' sounds are kept.
    """

    tasks: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    metrics: str = "quick"
    transcripts: str | None = None
    judges: str = ""  # as "MOSE=MOSNet,WER=whisper"
    repeats: int = 1
    limit: int | None = None
    split: str | None = None
    controls: bool = True
    inverses: bool = False
    wavs: int = 3
    workers: int = 1


@dataclass(frozen=True)
class Job:
    """One conversion. shown: the clip whose picture `shuffled` shows. keep: the sound is written to a file."""

    clip: ClipFiles
    task: str
    system: str
    settings: Settings
    shown: ClipFiles | None = None
    keep: bool = False

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.clip.name, self.task, self.system, self.settings.seed


def names_for(plan: Plan, task: str, installed: Sequence[str]) -> list[str]:
    """Systems and controls of a task, in the order of the tables. Raises UserError for names that mean nothing."""
    known = {*SYSTEMS, *CONTROLS, *INVERSES}
    if unknown := [name for name in plan.systems if name not in known]:
        raise UserError(f"There is no system {unknown[0]}. Choose {', '.join([*SYSTEMS, *CONTROLS, *INVERSES])}.")
    named = [name for name in plan.systems if name not in SYSTEMS or task in SYSTEMS[name].tasks]
    systems = [name for name in named if name in SYSTEMS] if named else list(installed)
    asked = [name for name in named if name not in SYSTEMS]
    controls = asked or (list(CONTROLS) if plan.controls else [])
    if not asked and OURS not in systems:
        controls = [name for name in controls if name not in OF_OURS]
    if not asked and OURS not in installed:
        controls = [name for name in controls if name != "vocoder"]
    return [*systems, *controls, *(INVERSES if plan.inverses and not asked else ())]


def first_of_rooms(clips: Sequence[ClipFiles]) -> list[ClipFiles]:
    """The first clip of each room; a clip without a room is a room of its own."""
    return list({clip.room or clip.name: clip for clip in reversed(clips)}.values())[::-1]


def jobs_of(
    plan: Plan, task: str, names: Sequence[str], clips: Sequence[ClipFiles], shown: dict[str, ClipFiles]
) -> list[Job]:
    """Every conversion of a task, system by system. shown: by clip, whose picture `shuffled` shows."""
    firsts = first_of_rooms(clips)
    kept = [*dict.fromkeys(clip.name for clip in (*firsts, *clips))][: plan.wavs]
    jobs = []
    for name in names:
        measured = clips if name in SYSTEMS or name in EVERYWHERE else firsts
        for repeat in range(1 if name in WITHOUT_SEED else plan.repeats):
            settings = replace(plan.settings.for_task(task), seed=plan.settings.seed + repeat)
            jobs += [
                Job(clip, task, name, settings, shown.get(clip.name), clip.name in kept and not repeat)
                for clip in measured
            ]
    return jobs
