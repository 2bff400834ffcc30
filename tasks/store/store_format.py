"""The format of a store: written into it once, and checked whenever it is opened."""

import json
from importlib.metadata import version
from typing import Any

from tasks.errors import StageFailure
from tasks.store.checksum import add_checksum, remove_checksum
from tasks.store.local import FORMAT_MARKER
from tasks.store.manifest import STORE_FORMAT


def make_format_marker(*, unfinished_upgrade: bool = False) -> bytes:
    """Return the contents of a store's format marker."""
    record = {"format": STORE_FORMAT} | ({"upgrade": "unfinished"} if unfinished_upgrade else {})
    return add_checksum(json.dumps(record, indent=1).encode())


def check_format(marker: bytes | None, address: str) -> None:
    """Raise StageFailure for a store of another format, or whose upgrade is unfinished. No marker is a new store."""
    record = parse_format(marker, address)
    if record["format"] < STORE_FORMAT:
        raise StageFailure(
            f"the store {address} was written by an earlier version (format {record['format']}, this one reads "
            f"{STORE_FORMAT}), in which settings had other names",
            "Run textmill upgrade: it renames what is there, so that nothing is built again",
        )
    if "upgrade" in record:
        raise StageFailure(
            f"the upgrade of the store {address} was interrupted", "Run textmill upgrade again: it continues"
        )


def parse_format(marker: bytes | None, address: str) -> dict[str, Any]:
    """Parse a format marker. Raises StageFailure for a newer format, and for what is no marker."""
    try:
        marker = make_format_marker() if marker is None else marker
        record: dict[str, Any] = json.loads(remove_checksum(marker, ("format", "upgrade")))
        record["format"] = int(record["format"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = f"Restore it, or remove it if textmill {version('textmill')} wrote the store: it is written again"
        raise StageFailure(f"{address}/{FORMAT_MARKER} is corrupt and does not name the format", hint) from error
    if record["format"] > STORE_FORMAT:
        raise StageFailure(
            f"the store {address} was written by a newer version (format {record['format']}, this one reads "
            f"{STORE_FORMAT})",
            "Upgrade Textmill, or choose another folder with --store",
        )
    return record
