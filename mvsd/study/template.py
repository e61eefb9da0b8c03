"""The study.yaml that `study init` writes."""

from __future__ import annotations

import re
from pathlib import Path

from mvsd.errors import UserError
from mvsd.study.parts import NAME
from mvsd.study.presets import PRESETS, design_of
from mvsd.study.spec import FILE, study_from

TEMPLATE = """# Files are relative to this folder. `python -m mvsd study check NAME` tells what to mend.
title: A name that listeners see
question: Which of the two is most consistent with the room?
languages: [en]           # with more than one, each text is {en: ..., de: ...}; pages speak en, de, es, fr and zh
form: preference          # or abx, ccr, mos
tie: false
reference: same words     # or other words, none
seed: 1

consent:
  version: "1"            # raise it whenever the text changes
  text: |
    What listeners do, how long it takes, that they may stop at any time, what is stored.
  retention: How long answers are kept, and where.
  ethics: ""
  contact: ""

questionnaire:
  - {id: hearing, ask: "How would you describe your hearing?", choices: [normal as far as I know, impaired]}

# headphones: {trials: 6, right_at_least: 5}   # a test before the practice; gate: true turns away who fails

methods:                  # labels are for tables; listeners never see them
  ours: {label: MVSD, system: reverberator, settings: {seed: 0}}
  input: {label: Input, system: source}
  truth: {label: Real clip, system: files}
  live: {label: Far too live, system: noise-tail, settings: {t60_s: 4.0, drr_db: -12.0}}

truth: truth              # the method that is the reference itself; right in gold trials
compare:
  - [ours, input]

items:                    # at least twenty, if rooms in general are meant
  - id: room-1
    dataset: mine
    picture: sources/room-1.jpg
    speech: sources/room-1-dry.wav
    reference: sources/room-1.wav
  - id: room-2
    dataset: mine
    picture: sources/room-2.jpg
    speech: sources/room-2-dry.wav
    reference: sources/room-2.wav

trials:
  per_session: 2          # 30 with thirty items
  practice: []            # items kept for practice
  gold:                   # as many too dry as too live, or taste is screened out
    - {item: room-1, wrong: input, fault: too dry}
    - {item: room-2, wrong: live, fault: too live}
  identical: 0
  repeat: 0
  per_block: 15

listening: {min_heard_s: 2.0}
stop: {listeners: 20}     # 15, as in the paper, can show shares of about 65 % and more
exclusions: {gold_wrong_at_most: 1}
analysis: {confidence: 0.95, cells: pair}
"""


def write_template(folder: Path, preset: str | None = None) -> Path:
    """study.yaml and a place for sources in a new folder. preset: a name in PRESETS, for a whole design."""
    text = preset_text(preset) if preset else TEMPLATE
    study_from(text)
    return begin_folder(folder, FILE, text, "study")


def preset_text(name: str) -> str:
    """The template with the design of a preset."""
    if name not in PRESETS:
        raise UserError(f"There is no preset {name}. Choose {' or '.join(PRESETS)}.")
    about = "".join(f"# {line}\n" for line in PRESETS[name].about)
    return about + TEMPLATE[: TEMPLATE.index("methods:")] + design_of(PRESETS[name])


def begin_folder(folder: Path, name: str, text: str, kind: str) -> Path:
    """A new folder with text in a file `name`, and a place for sources. kind: what a person calls it."""
    if not re.fullmatch(NAME, folder.name):
        raise UserError(f"{folder.name} is no name for a {kind}: small letters, digits, - and _ (64 at most).")
    file = folder / name
    if file.exists():
        raise UserError(f"{file} is there already. Choose another name.")
    (folder / "sources").mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file
