"""What `study check` says: everything to mend before a study can run, or how far it has come."""

from __future__ import annotations

from pathlib import Path

from mvsd.errors import UserError
from mvsd.study.assignment import seats
from mvsd.study.frozen import MANIFEST, SEAL, Manifest, open_frozen
from mvsd.study.headphones import headphone_trials
from mvsd.study.spec import Study, read_study

TRIAL_S = 30.0  # three clips of 5 s heard twice: what to reckon with
BREAK_AFTER_MIN = 25  # sessions should not be longer


def told(folder: Path) -> str:
    """One line for each thing worth knowing. Raises UserError with all that must be mended."""
    study = read_study(folder)
    if missing := missing_sources(folder, study):
        raise UserError(
            "\n".join(f"{folder / path} is not there. Put it there, or mend study.yaml." for path in missing)
        )
    trials = len(headphone_trials(study)) + len(seats(study)[0]) + study.trials.repeat
    minutes = trials * TRIAL_S / 60
    lines = [f"{folder.name}: {study.stop.listeners} listeners, {trials} trials each, some {minutes:.0f} minutes"]
    if minutes > BREAK_AFTER_MIN:
        lines.append(f"That is long: listeners tire after {BREAK_AFTER_MIN} minutes. Lower trials.per_session.")
    if study.stop.listeners % 2:
        lines.append("An odd number of listeners leaves sides off by one for each item. Take an even one.")
    return "\n".join([*lines, _stage(folder, study)])


def missing_sources(folder: Path, study: Study) -> list[str]:
    named = [path for item in study.items for path in (item.speech, item.picture, item.reference, *item.clips.values())]
    return sorted({path for path in named if path and not (folder / path).is_file()})


def _stage(folder: Path, study: Study) -> str:
    if (folder / SEAL).exists():
        return f"Frozen as {open_frozen(folder).sha256}: ready to run"
    if not (folder / MANIFEST).exists():
        return "Not built yet: run `study build`"
    lacking = Manifest.read(folder).lacks(study)
    return f"Built without {', '.join(lacking)}: build again" if lacking else "Built: listen, then freeze"
