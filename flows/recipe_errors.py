"""Why settings are refused, in plain sentences: which setting, what was given, what is allowed."""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic_core import ErrorDetails

from tasks.block import Block

# What each of pydantic's kinds of error asks for; its context fills the braces.
ALLOWED = {
    "int_type": "give a whole number",
    "int_parsing": "give a whole number",
    "int_from_float": "give a whole number",
    "float_type": "give a number",
    "float_parsing": "give a number",
    "finite_number": "give a finite number",
    "bool_type": "give true or false",
    "bool_parsing": "give true or false",
    "string_type": "give a text; one that looks like something else goes in quotes",
    "list_type": "give a list, such as [one, two]",
    "tuple_type": "give a list, such as [one, two]",
    "model_type": "give names and values, such as {{name: value}}",
    "greater_than": "give more than {gt}",
    "greater_than_equal": "give at least {ge}",
    "less_than": "give less than {lt}",
    "less_than_equal": "give at most {le}",
    "too_short": "give at least {min_length} of them",
    "too_long": "give at most {max_length} of them",
    "string_too_short": "it must not be empty",
    "string_pattern_mismatch": "it must match {pattern}",
    "literal_error": "give one of {expected}",
    "missing": "it must be given",
    "extra_forbidden": "there is no such setting",
    "value_error": "{error}",
}
LONGEST = 60  # characters of a value that are repeated


def refusal(error: ErrorDetails) -> str:
    """`dedup.threshold = 2: give at most 1`."""
    words = ALLOWED.get(error["type"])
    allowed = words.format_map(error.get("ctx", {})) if words else error["msg"]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).removeprefix(".")
    is_group = isinstance(error["input"], (dict, Block)) or error["type"] == "missing"
    return f"{path}: {allowed}" if is_group else f"{path} = {shortened(error['input'])}: {allowed}"


def shortened(value: Any) -> str:
    """A value as one writes it, not longer than anybody reads."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def misnamed(block: type[Block], given: Any, path: str = "") -> Iterator[str]:
    """A sentence for every name in nested settings that is no setting, with the nearest right one."""
    if not isinstance(given, dict):
        yield f"{path} is a group of settings: name one of {', '.join(block.model_fields)}"
        return
    for name, value in given.items():
        here = f"{path}.{name}" if path else str(name)
        field = block.model_fields.get(name) if isinstance(name, str) else None
        if field is None:
            yield f"no setting {here}{hint(block, str(name), path)}"
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Block):
            yield from misnamed(field.annotation, value, here)
        elif isinstance(value, list):
            for item in items(field.annotation):
                for number, each in enumerate(value):
                    if isinstance(each, dict):
                        yield from misnamed(item, each, f"{here}[{number}]")


def items(annotation: Any) -> list[type[Block]]:
    """The blocks that a list is one of."""
    inner = get_args(annotation) if get_origin(annotation) in (list, tuple) else ()
    return [each for each in inner if isinstance(each, type) and issubclass(each, Block)]


def hint(block: type[Block], name: str, path: str) -> str:
    """What may be meant: a name like it in this group, one of just this name or like it below, or any of the group."""
    below = {each: each.rpartition(".")[2] for each in names_below(block)}
    like = difflib.get_close_matches(name, below.values(), 1, 0.7)
    found = (
        difflib.get_close_matches(name, block.model_fields, 1)
        or [path for path, last in below.items() if name in (last, initials(last))]
        or [path for path, last in below.items() if last in like]
    )
    if found:
        return f": did you mean {path}{'.' * bool(path)}{found[0]}?"
    return f": allowed here are {', '.join(block.model_fields)}"


def initials(name: str) -> str:
    """`learning_rate` → `lr`, as everybody calls it; of a single word nothing."""
    return "".join(word[0] for word in name.split("_") if word) if "_" in name else ""


def names_below(block: type[Block]) -> Iterator[str]:
    """The dotted names of all settings and groups below a group."""
    for name, field in block.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, Block):
            yield from (f"{name}.{each}" for each in names_below(field.annotation))


def unreadable(file: Path, error: yaml.YAMLError) -> str:
    """Where a file stops being YAML, and why."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f"recipe {file} is not YAML: {' '.join(str(error).split())}"
    where = f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
    why = ", ".join(filter(None, (error.context, error.problem)))
    return f"recipe {file} is not YAML at {where}: {why}"
