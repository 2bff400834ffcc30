"""Errors in settings as plain sentences: which setting, what was given, what is allowed."""

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BeforeValidator
from pydantic_core import ErrorDetails

from flows.renamed_settings.migration import Path as SettingPath
from flows.renamed_settings.migration import load_renames
from tasks.block import Block

# pydantic's kind of error → what to give instead; the error's context fills the braces
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
MAX_VALUE_CHARS = 60  # of a value in a message


def describe_error(error: ErrorDetails) -> str:
    """Return a sentence such as `dedup.threshold = 2: give at most 1`."""
    template = ALLOWED.get(error["type"])
    allowed = template.format_map(error.get("ctx", {})) if template else error["msg"]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).removeprefix(".")
    is_group = isinstance(error["input"], (dict, Block)) or error["type"] == "missing"
    return f"{path}: {allowed}" if is_group else f"{path} = {shorten_value(error['input'])}: {allowed}"


def shorten_value(value: Any) -> str:
    """Return a value as JSON, cut to MAX_VALUE_CHARS."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]} …"


def find_renamed(block: type[Block], settings: Mapping[str, Any], section: str = "") -> Iterator[str]:
    """Yield a sentence for every setting that has another name, or another word for its value, in this version."""
    for setting in load_renames().translate(settings, section):
        if setting.is_changed and has_setting(block, setting.new[1 if section else 0 :]):
            yield str(setting)


def refuse_old_names(block: type[Block], section: str) -> BeforeValidator:
    """Return a validator for the parameter of a stage's flow: it names the new names of settings with old ones."""

    def check(settings: Any) -> Any:
        if isinstance(settings, dict) and (sentences := list(find_renamed(block, settings, section))):
            raise ValueError("\n".join(sentences))
        return settings

    return BeforeValidator(check)


def has_setting(block: type[Block], path: SettingPath) -> bool:
    """Tell whether a path within a block names a setting or a group."""
    if not path:
        return True
    field = block.model_fields.get(path[0]) if isinstance(path[0], str) else None
    if field is None:
        return False
    inner = field.annotation
    if isinstance(inner, type) and issubclass(inner, Block):
        return has_setting(inner, path[1:])
    is_open = len(path) == 1 or get_origin(inner) is dict
    return is_open or any(has_setting(item, path[2:]) for item in list_item_blocks(inner))


def find_misnamed(block: type[Block], settings: Any) -> Iterator[str]:
    """Yield a sentence for every name in nested settings that is no setting: its new name, or the nearest right one."""
    renamed = list(find_renamed(block, settings)) if isinstance(settings, dict) else []
    yield from renamed
    # what is wrong beside the renamed settings is looked for in what they are called now
    yield from find_unknown(block, load_renames().rename(settings) if renamed else settings)


def find_unknown(block: type[Block], settings: Any, path: str = "") -> Iterator[str]:
    """Yield a sentence for every name in nested settings that is no setting, with the nearest right one."""
    if not isinstance(settings, dict):
        yield f"{path} is a group of settings: name one of {', '.join(block.model_fields)}"
        return
    for name, value in settings.items():
        inner_path = f"{path}.{name}" if path else str(name)
        field = block.model_fields.get(name) if isinstance(name, str) else None
        if field is None:
            yield f"no setting {inner_path}{suggest_name(block, str(name), path)}"
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Block):
            yield from find_unknown(field.annotation, value, inner_path)
        elif isinstance(value, list):
            for item_block in list_item_blocks(field.annotation):
                for index, item in enumerate(value):
                    if isinstance(item, dict):
                        yield from find_unknown(item_block, item, f"{inner_path}[{index}]")


def list_item_blocks(annotation: Any) -> list[type[Block]]:
    """Return the blocks that the items of a list setting can be; none for other settings."""
    item_types = get_args(annotation) if get_origin(annotation) in (list, tuple) else ()
    return [item_type for item_type in item_types if isinstance(item_type, type) and issubclass(item_type, Block)]


def suggest_name(block: type[Block], name: str, path: str) -> str:
    """Suggest a similar name of the group, one of just this name or similar to it below, or list the whole group."""
    last_names = {full_name: full_name.rpartition(".")[2] for full_name in list_names_below(block)}
    similar = difflib.get_close_matches(name, last_names.values(), 1, 0.7)
    # A similar name in the same group; then this very word, or its initials (lr), anywhere below; then a similar one
    # there. 0.7 instead of difflib's 0.6, because below there are many names to resemble.
    suggestions = (
        difflib.get_close_matches(name, block.model_fields, 1)
        or [full_name for full_name, last in last_names.items() if name in (last, abbreviate_name(last))]
        or [full_name for full_name, last in last_names.items() if last in similar]
    )
    if suggestions:
        # finetune and evaluate have settings in common
        rest = suggestions[0].partition(".")[2]
        names = [name for name in suggestions if rest and name.partition(".")[2] == rest] or suggestions[:1]
        return f": did you mean {' or '.join(f'{path}.{name}'.lstrip('.') for name in names)}?"
    return f": allowed here are {', '.join(block.model_fields)}"


def abbreviate_name(name: str) -> str:
    """`learning_rate` → `lr`; empty for a single word."""
    return "".join(word[0] for word in name.split("_") if word) if "_" in name else ""


def list_names_below(block: type[Block]) -> Iterator[str]:
    """Yield the dotted names of all settings and groups below a group."""
    for name, field in block.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, Block):
            yield from (f"{name}.{inner_name}" for inner_name in list_names_below(field.annotation))


def describe_yaml_error(file: Path, error: yaml.YAMLError) -> str:
    """Say where a file stops being YAML, and why."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f"recipe {file} is not YAML: {' '.join(str(error).split())}"
    position = f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
    reason = ", ".join(filter(None, (error.context, error.problem)))
    return f"recipe {file} is not YAML at {position}: {reason}"
