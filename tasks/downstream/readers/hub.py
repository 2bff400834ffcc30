"""Data sets of the Hugging Face library: by name, from a folder, or as `save_to_disk` left them."""

import hashlib
from collections.abc import Iterator
from typing import Any

from tasks.block import Block
from tasks.downstream.readers.table import Row
from tasks.errors import BadSetting
from tasks.runtime.datasets_hub import SPLIT_MARKER, DatasetOrigin, find_local_folder, load_split

SECTION = "dataset"
BATCH = 1000  # rows


class HubDataset(Block):
    """A data set of the Hugging Face library, whose splits take the place of files."""

    name: str = ""
    """a name on the Hugging Face Hub, a folder of data files, or one that save_to_disk wrote; empty: files are read"""
    config: str = ""
    """which configuration (subset) of it; empty: its default"""
    revision: str = ""
    """branch, tag or commit on the Hub; empty: the newest"""

    def rows(self, split: str) -> Iterator[tuple[Row, str]]:
        """Every row, with the names of classes in place of their numbers, and its "data set, split row n".

        Raises StageFailure for what cannot be loaded, Transient where the network may come back.
        """
        features = load_split(self._origin(split)).features
        number = 0
        for rows in self._batches(split):
            for row in rows:
                number += 1
                named = {name: spelled(value, features[name]) for name, value in row.items()}
                yield named, f"{'/'.join(filter(None, (self.name, self.config)))}, {split} row {number}"

    def content(self, split: str) -> str:
        """What stands for a split in a key: its columns and rows, wherever they come from. Raises as `rows` does."""
        known = hashlib.sha256(repr(sorted(load_split(self._origin(split)).features.items())).encode())
        for rows in self._batches(split):
            known.update(repr(rows).encode("utf-8", "surrogatepass"))
        return known.hexdigest()

    def apart(self) -> None:
        """Raise BadSetting when all splits would be the same rows."""
        folder = find_local_folder(self.name, SECTION)
        if folder is not None and (folder / SPLIT_MARKER).exists():
            mend = "Save a DatasetDict with the splits, or a folder for each split, named after it"
            raise BadSetting(f"{folder} holds one split, which cannot be train and test at once", mend)

    def _batches(self, split: str) -> Iterator[list[Row]]:
        for table in load_split(self._origin(split)).with_format("arrow").iter(BATCH):
            yield table.to_pylist()

    def _origin(self, split: str) -> DatasetOrigin:
        return DatasetOrigin(self.name, self.config, split, self.revision, streaming=False, section=SECTION)


def spelled(value: Any, feature: Any) -> Any:
    """A value with the names of its classes; a class below 0 means that none is given, as in unlabelled test splits."""
    if hasattr(feature, "int2str"):
        return feature.int2str(value) if value is not None and value >= 0 else None
    if isinstance(feature, dict) and isinstance(value, dict):
        return {name: spelled(each, feature[name]) for name, each in value.items()}
    if isinstance(value, list) and hasattr(feature, "feature"):
        return [spelled(each, feature.feature) for each in value]
    return value
