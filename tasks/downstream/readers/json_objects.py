"""JSON objects one after the other, on a line each or printed over many; or one list of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.downstream.readers.plain_text import text_of
from tasks.errors import StageFailure


def objects_of(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Every object and its "file, line n". Raises StageFailure that names the line where JSON breaks off."""
    text = text_of(path)
    decoder, place, line, counted = json.JSONDecoder(), 0, 1, 0
    while (place := _next(text, place)) < len(text):
        line, counted = line + text.count("\n", counted, place), place
        try:
            value, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise StageFailure(f"{path}, line {error.lineno}: not JSON ({error.msg})", "Correct the line") from error
        for number, each in enumerate(value if isinstance(value, list) else [value], start=1):
            origin = f"{path}, object {number}" if isinstance(value, list) else f"{path}, line {line}"
            if not isinstance(each, dict):
                raise StageFailure(f"{origin}: not an object", "Give one JSON object an example")
            yield each, origin


def _next(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place
