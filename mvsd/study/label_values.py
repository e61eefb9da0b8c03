"""One label: what a rater may say of a clip, checked against the form; and the same as cells of a table."""

from __future__ import annotations

import json
from typing import Any

from mvsd.errors import UserError
from mvsd.study.label_spec import CHOICE, RATING, REGIONS, TAGS, TEXT, Asked, LabelProject
from mvsd.study.parts import words

LONGEST_TEXT = 2000  # characters
MOST_REGIONS = 500
SLACK_S = 0.05  # rounding of a clip's length

Values = dict[
    str, Any
]  # field id -> text, number, list of tags, or regions as [from_s, to_s, name]; empty ones left out


def read_values(project: LabelProject, given: Any, length_s: float) -> Values:
    """A whole label, or a UserError. length_s: of the clip; regions lie in it."""
    if not isinstance(given, dict) or set(given) - {field.id for field in project.form}:
        raise UserError("This label belongs to another form. Reload the page.")
    values = {field.id: _value(field, project.names(field), given.get(field.id), length_s) for field in project.form}
    for field in project.form:
        if field.is_required and values[field.id] in (None, "", []):
            raise UserError(f"{words(field.ask, '')} Please answer this one.")
    return {id: value for id, value in values.items() if value not in (None, "", [])}


def to_cells(project: LabelProject, values: Values) -> dict[str, str]:
    """field id -> text; lists as JSON."""
    text = lambda value: json.dumps(value) if isinstance(value, list) else str(value)  # noqa: E731
    return {field.id: text(values[field.id]) if field.id in values else "" for field in project.form}


def from_cells(project: LabelProject, cells: dict[str, str], length_s: float) -> Values:
    """The label that to_cells() wrote, checked anew."""
    try:
        return read_values(project, {f.id: _parsed(f, cells[f.id]) for f in project.form if cells.get(f.id)}, length_s)
    except ValueError as error:
        raise UserError(f"A cell cannot be read: {error}. Lists are JSON, ratings whole numbers.") from error


def _parsed(field: Asked, cell: str) -> Any:
    if field.kind == RATING:
        return int(cell)
    return json.loads(cell) if field.kind in (REGIONS, TAGS) else cell


def _value(field: Asked, names: list[str], value: Any, length_s: float) -> Any:
    if value is None:
        return None
    match field.kind:
        case "text" if isinstance(value, str) and len(value) <= LONGEST_TEXT:
            return value
        case "choice" if isinstance(value, str) and (value in names or not value):
            return value
        case "rating" if type(value) is int and 1 <= value <= field.most:
            return value
        case "tags" if isinstance(value, list) and all(isinstance(tag, str) and tag in names for tag in value):
            return [tag for tag in names if tag in value]
        case "regions" if isinstance(value, list) and len(value) <= MOST_REGIONS:
            return sorted(_region(field, names, region, length_s) for region in value)
    raise UserError(f"{words(field.ask, '')} {_wanted(field)}")


def _region(field: Asked, names: list[str], region: Any, length_s: float) -> list[Any]:
    match region:
        case [int() | float() as begin, int() | float() as end, str() as name] if name in names:
            if 0 <= begin < end <= length_s + SLACK_S:  # nan fails too
                return [round(float(begin), 3), round(min(float(end), length_s), 3), name]
    raise UserError(f"{words(field.ask, '')} A region must lie in the clip and have a name. Draw it again.")


def _wanted(field: Asked) -> str:
    return {
        TEXT: f"{LONGEST_TEXT} characters of text fit. Shorten it.",
        CHOICE: "Choose one of the answers offered.",
        RATING: f"Choose a number from 1 to {field.most}.",
        TAGS: "Choose among the tags offered.",
        REGIONS: f"At most {MOST_REGIONS} regions fit. Remove some.",
    }[field.kind]
