"""label.yaml: the clips of a label project and the form raters fill in, checked; messages name the line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mvsd.errors import UserError
from mvsd.study.parts import (
    IN_EACH_LANGUAGE,
    Count,
    Name,
    Part,
    Words,
    checked,
    language_faults,
    read_text,
    words,
)

LABELS = "label.yaml"
REGIONS, CHOICE, TAGS, RATING, TEXT = "regions", "choice", "tags", "rating", "text"
MOST_CHOICES = 9  # one for each of the keys 1 to 9
NEEDS_CHOICES = (REGIONS, CHOICE, TAGS)
Choice = Annotated[dict[str, Annotated[str, Field(min_length=1, max_length=80)]], Field(min_length=1), IN_EACH_LANGUAGE]


class Asked(Part):
    """regions: choices are what a stretch of the clip may be called. choice: one of them, tags: any. rating: 1 to most.

    ordered: a choice whose order means more of something, for the agreement.
    """

    id: Name
    kind: Literal["regions", "choice", "tags", "rating", "text"]
    ask: Words
    choices: list[Choice] = []
    most: Annotated[int, Field(ge=2, le=MOST_CHOICES)] = 5
    ordered: bool = False
    required: bool | None = None  # None: choices and ratings are

    @property
    def is_required(self) -> bool:
        return self.kind in (CHOICE, RATING) if self.required is None else self.required


class LabelItem(Part):
    """Files are relative to the folder of label.yaml."""

    id: Name
    clip: str
    picture: str | None = None


class LabelProject(Part):
    """raters: how many different people label each item."""

    title: Words
    instructions: Words
    languages: Annotated[list[str], Field(min_length=1)] = ["en"]
    raters: Annotated[int, Field(ge=2, le=100)] = 2
    seed: Count = 0
    abandoned_after_min: Annotated[float, Field(gt=0)] = 30.0
    form: Annotated[list[Asked], Field(min_length=1)]
    items: Annotated[list[LabelItem], Field(min_length=1)]

    def names(self, field: Asked) -> list[str]:
        """What is stored of a field's choices, whatever the language of the page: their texts in the first one."""
        return [words(choice, self.languages[0]) for choice in field.choices]


def read_project(folder: Path) -> LabelProject:
    """The project of a folder, or a UserError that lists every line to mend."""
    file = folder / LABELS
    project = project_from(read_text(file, f"Begin with `python -m mvsd label init {folder.name}`."), str(file))
    named = [path for item in project.items for path in (item.clip, item.picture) if path]
    if missing := sorted({path for path in named if not (folder / path).is_file()}):
        raise UserError("\n".join(f"{folder / path} is not there. Put it there, or mend {LABELS}." for path in missing))
    return project


def project_from(text: str, name: str = LABELS) -> LabelProject:
    return checked(LabelProject, text, name, _faults)


def _faults(project: LabelProject):
    yield from language_faults(project.languages, _texts(project))
    for key in ("items", "form"):
        counts = Counter(part.id for part in getattr(project, key))
        for index, part in enumerate(getattr(project, key)):
            if counts[part.id] > 1:
                yield (key, index, "id"), f"{part.id} is used twice. Give each its own."
    for index, field in enumerate(project.form):
        takes = field.kind in NEEDS_CHOICES
        if takes and not 1 <= len(field.choices) <= MOST_CHOICES:
            yield ("form", index), f"has {len(field.choices)} choices; {field.kind} takes 1 to {MOST_CHOICES} of them."
        if not takes and field.choices:
            yield ("form", index, "choices"), f"{field.kind} takes no choices. Remove them."
        if len(set(project.names(field))) < len(field.choices):
            yield ("form", index, "choices"), "one is given twice. Keep one of them."


def _texts(project: LabelProject):
    yield from ((("title",), project.title), (("instructions",), project.instructions))
    for i, field in enumerate(project.form):
        yield ("form", i, "ask"), field.ask
        yield from ((("form", i, "choices", j), choice) for j, choice in enumerate(field.choices))
