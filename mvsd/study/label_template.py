"""The label.yaml that `label init` writes."""

from __future__ import annotations

from pathlib import Path

from mvsd.study.label_spec import LABELS, project_from
from mvsd.study.template import begin_folder

TEMPLATE = """# Files are relative to this folder. `python -m mvsd label check NAME` tells what to mend.
title: A name that raters see
instructions: What to listen for, and what each label means.
languages: [en]           # with more of them every text is given for each: {en: buzz, de: Brummen}; stored is the first
raters: 2                 # different people for each item; at least two, or agreement cannot be told
seed: 1

form:                     # kinds: regions, choice, tags, rating, text; the keys 1 to 9 answer
  - {id: faults, kind: regions, ask: Mark what is wrong, choices: [buzz, smear, cut tail]}
  - {id: liveness, kind: choice, ask: "How live is the room?", choices: [dry, a little, live, very live], ordered: true}
  - {id: plausible, kind: choice, ask: "Is the room plausible for the picture?", choices: ["yes", "no", cannot tell]}
  - {id: tags, kind: tags, ask: "What else is there?", choices: [noise, clipping, echo]}
  - {id: rating, kind: rating, ask: "How good does it sound?", most: 5}
  - {id: comment, kind: text, ask: Comment}

items:
  - id: room-1
    clip: sources/room-1.wav
    picture: sources/room-1.jpg
"""


def write_label_template(folder: Path) -> Path:
    """label.yaml and a place for clips in a new folder."""
    project_from(TEMPLATE)
    return begin_folder(folder, LABELS, TEMPLATE, "project")
