"""The format of a store: written into it once, and checked whenever it is opened."""

import json
from typing import Any

from tasks.errors import StageFailure
from tasks.store.local import FORMAT_MARKER
from tasks.store.manifest import STORE_FORMAT


def make_format_marker(*, unfinished_upgrade: bool = False) -> bytes:
    """Return the contents of a store's format marker."""
    return json.dumps({"format": STORE_FORMAT} | ({"upgrade": "unfinished"} if unfinished_upgrade else {})).encode()


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
        record: dict[str, Any] = json.loads(marker) if marker is not None else {"format": STORE_FORMAT}
        record["format"] = int(record["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise StageFailure(f"{address}/{FORMAT_MARKER} does not name its format", "Restore or remove it") from error
    if record["format"] > STORE_FORMAT:
        raise StageFailure(
            f"the store {address} was written by a newer version (format {record['format']}, this one reads "
            f"{STORE_FORMAT})",
            "Upgrade Textmill, or choose another folder with --store",
        )
    return record
