"""YAML that remembers its lines, so that a message about a value can name the place to mend."""

from __future__ import annotations

from typing import Any

import yaml

from mvsd.errors import UserError

Path = tuple[str | int, ...]  # keys and indices from the root to a value


def parse(text: str, name: str) -> tuple[Any, dict[Path, int]]:
    """The values of a YAML text, and the line (from 1) of each of them. name: the file, for messages."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        if root is None:
            raise UserError(f"{name} is empty. Begin with the `init` command.")
        lines = dict(_walk(root, (), name))
        return yaml.safe_load(text), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{name}, line {line}: {error.problem or error.context}. This is not YAML.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{name} is not YAML: {error}.") from error


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """The line of a value; of the nearest one around it where the value itself is missing."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _walk(node: yaml.Node, path: Path, name: str):
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                raise UserError(
                    f"{name}, line {key.start_mark.line + 1}: {key.value} is given twice. Keep one of them."
                )
            seen.add(key.value)
            # a value on the next line is looked for where its key is
            for inner, line in _walk(value, (*path, key.value), name):
                yield inner, (key.start_mark.line + 1 if inner == (*path, key.value) else line)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*path, index), name)
