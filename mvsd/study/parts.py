"""What study.yaml and label.yaml are made of: texts in languages, names, checks whose messages name the line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mvsd.errors import UserError
from mvsd.study.yaml_lines import line_of, parse

NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
Name = Annotated[str, Field(pattern=NAME)]
# One text for all languages, or one for each.
IN_EACH_LANGUAGE = BeforeValidator(lambda given: {"": given} if isinstance(given, str) else given)
Words = Annotated[dict[str, str], IN_EACH_LANGUAGE]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Fault = tuple[tuple[str | int, ...], str]
P = TypeVar("P", bound=Part)


def read_text(file: Path, advice: str) -> str:
    """advice: what to do if the file is not there."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{file} is not there. {advice}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8. Save it as UTF-8.") from error


def checked(kind: type[P], text: str, name: str, faults_of: Callable[[P], Iterable[Fault]]) -> P:
    """A YAML text as frozen values. faults_of: what no single value can show."""
    values, lines = parse(text, name)
    try:
        part = kind.model_validate(values)
    except ValidationError as error:
        faults = [(e["loc"], _told(e)) for e in error.errors()]
    else:
        faults = list(faults_of(part))
        if not faults:
            return part
    listed = sorted((line_of(path, lines), _dotted(path), said) for path, said in faults)
    raise UserError("\n".join(f"{name}, line {line}: {at}{said}" for line, at, said in listed))


def words(text: dict[str, str], language: str) -> str:
    """A text in a language, else in whatever it has."""
    return text.get(language) or text.get("") or next(iter(text.values()))


def language_faults(languages: list[str], texts: Iterable[tuple[tuple[str | int, ...], dict[str, str]]]):
    """Texts, each with its place, that lack a language; and languages that are no code."""
    for path, text in texts:
        lacking = [] if "" in text else [language for language in languages if language not in text]
        if lacking:
            yield path, f"has no text in {', '.join(lacking)}. Add it, or take the language out of languages."
    for i, language in enumerate(languages):
        if not re.fullmatch(r"[a-z]{2,3}(-[A-Z]{2})?", language):
            yield ("languages", i), f"got {language!r}, wanted a code as en or de."


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(key) for key in path) + ": " if path else ""


def _told(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such entry. Check its spelling, or remove it."
    if error["type"] == "missing":
        return "is missing. Add it."
    if error["type"] == "string_pattern_mismatch":
        return f"got {error['input']!r}, wanted small letters, digits, - and _ (64 at most)."
    return f"got {str(error['input'])[:60]!r}. {error['msg']}."
