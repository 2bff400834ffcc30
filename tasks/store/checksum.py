"""A checksum in the small JSON files of a store, and in each line of a journal: a torn one or a flipped bit is noticed.

The checksum is the last field of the object, the sha256 of the file's bytes as they are without that field. It covers
bytes and not values, because a flip may also hit white space, and every change must show.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

FIELD = re.compile(rb',\n "checksum": "([0-9a-f]{64})"\n\}\Z')
LINE_FIELD = re.compile(rb', "checksum": "([0-9a-f]{16})"\}\Z')
Record = TypeVar("Record", bound=BaseModel)


def add_checksum(data: bytes) -> bytes:
    """Add the checksum to a JSON object that ends with a line end and a brace, as `indent` gives it."""
    checksum = hashlib.sha256(data).hexdigest().encode()
    return data.removesuffix(b"\n}") + b',\n "checksum": "' + checksum + b'"\n}'


def remove_checksum(data: bytes, known_fields: Collection[str]) -> bytes:
    """Return a JSON object without its checksum. Raises ValueError when it is not what was written.

    A file of an earlier version has no checksum. It is taken as it is, unless it has a field that is not known: the
    checksum's own field may be what was flipped.
    """
    field = FIELD.search(data)
    if field is None:
        unknown_fields = json.loads(data).keys() - known_fields
        if unknown_fields:
            raise ValueError(f"the field {min(unknown_fields)} is unknown")
        return data
    content = data[: field.start()] + b"\n}"
    if hashlib.sha256(content).hexdigest().encode() != field[1]:
        raise ValueError("its checksum does not fit")
    return content


def format_record(record: BaseModel) -> bytes:
    """Return a record as JSON with its checksum."""
    return add_checksum(record.model_dump_json(indent=1).encode())


def parse_record(model: type[Record], data: bytes) -> Record:
    """Parse a record that `format_record` wrote, or an earlier version. Raises ValueError when it is corrupt."""
    try:
        return model.model_validate_json(remove_checksum(data, model.model_fields.keys()))
    except AttributeError as error:  # JSON, but no object
        raise ValueError("it is no object") from error


def format_line(entry: Mapping[str, Any]) -> bytes:
    """Return an entry of a journal, which has fields, as a line of JSON with its checksum; without the line break."""
    data = json.dumps(entry).encode()
    return data.removesuffix(b"}") + b', "checksum": "' + compute_line_checksum(data) + b'"}'


def parse_line(line: bytes) -> dict[str, Any]:
    """Parse a line that `format_line` wrote. Raises ValueError when it is torn or corrupt.

    A line of an earlier version has no checksum, and is taken as it is.
    """
    field = LINE_FIELD.search(line)
    if field is not None and compute_line_checksum(line[: field.start()] + b"}") != field[1]:
        raise ValueError("its checksum does not fit")
    entry = json.loads(line)
    if not isinstance(entry, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - as for every other damage
    return entry


def compute_line_checksum(data: bytes) -> bytes:
    """Return the checksum of a line: 16 digits are enough for what is no attack."""
    return hashlib.sha256(data).hexdigest()[:16].encode()
