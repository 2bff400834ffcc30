"""JSON objects in any layout: one a line, one after the other, in one list, or within the only object of a document."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from tasks.errors import StageFailure
from tasks.input_files.data_paths import read_data_text

ENVELOPES = frozenset(
    (
        "data",
        "examples",
        "rows",
        "items",
        "records",
        "instances",
        "annotations",
        "documents",
        "dialogues",
        "dialogs",
        "conversations",
        "samples",
        "train",
        "test",
        "dev",
        "validation",
        "valid",
        "results",
        "pairs",
        "sentences",
        "entries",
    )
)
"""Names of the list in a document that holds it beside a version or a licence"""
MIN_COLUMN_LENGTH = 4
"""fewest rows of a document that is taken for columns: a single example may hold lists of equal length"""

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half a pair as JSON spells it

JsonRow = dict[str, Any]
ErrorSink = Callable[[StageFailure], None]
"""Takes the error of a line that is no JSON; it may raise it"""


def raise_failure(failure: StageFailure) -> NoReturn:
    """Raise the error of a line."""
    raise failure


def read_objects(
    path: Path, setting: str, encoding: str = "", on_broken: ErrorSink = raise_failure
) -> Iterator[tuple[JsonRow, str]]:
    """Yield every object and its "file, line n". Raises StageFailure that names the line of the first JSON error.

    A document of one object may be an envelope: of a list (`{"data": […]}`), of objects by name (`{"id1": {…}, …}`,
    whose names become the field `_key`), or of columns (`{"text": […], "label": […]}`). A list of lists is a table
    without a header: its columns are numbered from 0. Where each line is JSON of its own, `on_broken` gets the errors
    of the lines that are not; it gets those of values that are no objects in any case.
    """
    values = read_json_values(path, setting, encoding, on_broken)
    first, second = next(values, None), next(values, None)
    if first is None:
        return
    if second is None:
        yield from unwrap_value(*first, on_broken)
        return
    for value, origin in itertools.chain((first, second), values):
        yield from list_items(value, origin, on_broken)


def read_json_values(
    path: Path, setting: str, encoding: str = "", on_broken: ErrorSink = raise_failure
) -> Iterator[tuple[Any, str]]:
    """Yield the JSON values of a file, one after the other, each with its "file, line n"."""
    text = read_data_text(path, setting, encoding)
    if _has_value_a_line(text):
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip(" \t\r\x1e"):
                try:
                    value = json.loads(line.strip(" \t\r\x1e"))
                    yield replace_surrogates(value) if SURROGATE.search(line) else value, f"{path}, line {number}"
                except (json.JSONDecodeError, RecursionError) as error:
                    on_broken(_not_json(path, number, error))
        return
    has_surrogates = SURROGATE.search(text) is not None
    decoder, position, line_number, counted = json.JSONDecoder(), 0, 1, 0
    while (position := _skip_whitespace(text, position)) < len(text):
        # counts line ends since the previous object only: counting from the start would take quadratic time
        line_number, counted = line_number + text.count("\n", counted, position), position
        try:
            # raw_decode reads one value and tells where it ends; it does not skip whitespace in front.
            value, position = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError) as error:
            raise _not_json(path, getattr(error, "lineno", line_number), error) from error
        yield replace_surrogates(value) if has_surrogates else value, f"{path}, line {line_number}"


def replace_surrogates(value: Any) -> Any:
    """Return a value with a question mark for each half of a surrogate pair: JSON can spell it, and UTF-8 cannot."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [replace_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {replace_surrogates(name): replace_surrogates(item) for name, item in value.items()}
    return value


def list_items(value: Any, origin: str, on_broken: ErrorSink = raise_failure) -> Iterator[tuple[JsonRow, str]]:
    """Yield the objects of one value: the object itself, or those of a list; `on_broken` gets the error of others."""
    if not isinstance(value, list):
        items, origins = [value], [origin]
    elif value and not any(isinstance(item, (dict, list)) for item in value) and len(value) > 1:
        # a line that is a list of values: a row of a table without a header
        items, origins = [value], [origin]
    else:
        items = value
        origins = [f"{_strip_line(origin)}, object {number}" for number in range(1, len(value) + 1)]
    for item, item_origin in zip(items, origins, strict=True):
        if isinstance(item, list) and item:
            yield {str(column): cell for column, cell in enumerate(item)}, item_origin
        elif isinstance(item, dict):
            yield item, item_origin
        else:
            on_broken(StageFailure(f"{item_origin}: not an object", "Give one JSON object for each example"))


def unwrap_value(value: Any, origin: str, on_broken: ErrorSink = raise_failure) -> Iterator[tuple[JsonRow, str]]:
    """Yield the objects of a file's only value, also from within an envelope."""
    if not isinstance(value, dict):
        yield from list_items(value, origin, on_broken)
        return
    path = _strip_line(origin)
    values = list(value.values())
    enveloped = [item for name, item in value.items() if name.lower() in ENVELOPES and isinstance(item, list)]
    if len(enveloped) == 1 and all(isinstance(item, (dict, list)) for item in enveloped[0]):
        yield from list_items(enveloped[0], origin, on_broken)
    elif _is_table_of_columns(value):
        for number, row in enumerate(zip(*values, strict=True), start=1):
            yield dict(zip(value, row, strict=True)), f"{path}, entry {number}"
    elif _is_table_by_index(value):
        # as pandas writes a table: {"text": {"0": …, "1": …}, "label": {"0": …, "1": …}}
        for index in values[0]:
            yield {name: column.get(index) for name, column in value.items()}, f"{path}, entry {index}"
    elif len(values) > 1 and all(isinstance(item, dict) for item in values):
        yield from ((item | {"_key": key}, f"{path}, entry {key}") for key, item in value.items())
    else:
        yield value, origin


def _is_table_of_columns(value: JsonRow) -> bool:
    columns = list(value.values())
    return (
        len(columns) > 1
        and all(isinstance(column, list) and len(column) >= MIN_COLUMN_LENGTH for column in columns)
        and len({len(column) for column in columns}) == 1
        # one sentence of words and their tags
        and not any(name.lower().startswith(("token", "word")) and isinstance(value[name][0], str) for name in value)
    )


def _is_table_by_index(value: JsonRow) -> bool:
    columns = list(value.values())
    return (
        len(columns) > 1
        and all(isinstance(column, dict) and column for column in columns)
        and len({tuple(column) for column in columns}) == 1
        and all(key.isdecimal() for key in columns[0])
    )


def _has_value_a_line(text: str) -> bool:
    """Return whether the first lines that are not empty are complete JSON objects or lists, two at least."""
    first_lines = [line for line in text[: 1 << 20].split("\n", 50) if line.strip()][:3]
    num_values = 0
    for line in first_lines:
        try:
            num_values += isinstance(json.loads(line.strip(" \t\r\x1e")), (dict, list))
        except (json.JSONDecodeError, RecursionError):
            continue
    # of two lines one may be broken, and of three
    return num_values >= 2 or (num_values == 1 and len(first_lines) == 2)


def _not_json(path: Path, line: int, error: Exception) -> StageFailure:
    problem = getattr(error, "msg", "nested too deep")
    return StageFailure(f"{path}, line {line}: not JSON ({problem})", "Correct the line")


def _strip_line(origin: str) -> str:
    return origin.rpartition(", line ")[0] or origin


def _skip_whitespace(text: str, position: int) -> int:
    # \x1e begins a record in JSON text sequences (RFC 7464)
    while position < len(text) and (text[position].isspace() or text[position] == "\x1e"):
        position += 1
    return position
