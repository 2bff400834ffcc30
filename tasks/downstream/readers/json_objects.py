"""JSON objects one after the other, each on one line or on several, or in one list."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.downstream.readers import SETTING
from tasks.errors import StageFailure
from tasks.runtime.text_files import read_text


def read_objects(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every object and its "file, line n". Raises StageFailure that names the line of the first JSON error."""
    text = read_text(path, SETTING)
    decoder, position, line, counted = json.JSONDecoder(), 0, 1, 0
    while (position := _skip_whitespace(text, position)) < len(text):
        # counts line ends since the previous object only: counting from the start would take quadratic time
        line, counted = line + text.count("\n", counted, position), position
        try:
            # raw_decode reads one value and tells where it ends; it does not skip whitespace in front.
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise StageFailure(f"{path}, line {error.lineno}: not JSON ({error.msg})", "Correct the line") from error
        for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
            origin = f"{path}, object {number}" if isinstance(value, list) else f"{path}, line {line}"
            if not isinstance(item, dict):
                raise StageFailure(f"{origin}: not an object", "Give one JSON object for each example")
            yield item, origin


def _skip_whitespace(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position
