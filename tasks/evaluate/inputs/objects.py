"""JSON objects one after the other, on a line each or printed over many; or one list of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.failure import BadSetting, StageFailure


def objects_of(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Every object and its "file, line n". Raises StageFailure that names the line where JSON breaks off."""
    text = _text(path)
    decoder, place = json.JSONDecoder(), 0
    while (place := _next(text, place)) < len(text):
        line = text.count("\n", 0, place) + 1
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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise BadSetting(f"the file {path} does not exist", "Correct the path in evaluate.benchmarks") from error
    except UnicodeDecodeError as error:
        raise StageFailure(f"{path} is not UTF-8 at byte {error.start}", "Save it as UTF-8") from error
