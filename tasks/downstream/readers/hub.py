"""Data sets of the Hugging Face library: by name, from a folder, or as `save_to_disk` wrote them."""

import hashlib
from collections.abc import Iterator
from typing import Any

from tasks.block import Block
from tasks.errors import BadSetting
from tasks.input_files.table_reader import Row
from tasks.runtime.datasets_hub import SPLIT_MARKER, DatasetOrigin, find_local_folder, load_split

SECTION = "dataset"
BATCH_ROWS = 1000


class HubDataset(Block):
    """A data set of the Hugging Face library whose splits are read in place of files."""

    name: str = ""
    """a name on the Hugging Face Hub, a folder of data files, or one that save_to_disk wrote; empty: files are read"""
    config: str = ""
    """its configuration (subset); empty: the default one"""
    revision: str = ""
    """branch, tag or commit on the Hub; empty: the newest"""

    def read_rows(self, split: str) -> Iterator[tuple[Row, str]]:
        """Yield every row, with names of classes in place of their numbers, and its "data set, split row n".

        Raises StageFailure for a split that cannot be loaded, Transient where a retry may help.
        """
        features = load_split(self._dataset_origin(split)).features
        number = 0
        for rows in self._iterate_batches(split):
            for row in rows:
                number += 1
                named_row = {column: name_classes(value, features[column]) for column, value in row.items()}
                yield named_row, f"{'/'.join(filter(None, (self.name, self.config)))}, {split} row {number}"

    def fingerprint_split(self, split: str) -> str:
        """Return a hash of a split's columns and rows, wherever they come from. Raises the errors of `read_rows`."""
        digest = hashlib.sha256(repr(sorted(load_split(self._dataset_origin(split)).features.items())).encode())
        for rows in self._iterate_batches(split):
            digest.update(repr(rows).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def check_has_splits(self) -> None:
        """Raise BadSetting when the folder holds one split, so that train and test would be the same rows."""
        folder = find_local_folder(self.name, SECTION)
        if folder is not None and (folder / SPLIT_MARKER).exists():
            hint = "Save a DatasetDict with the splits, or a folder for each split, named after it"
            raise BadSetting(f"{folder} holds one split, which cannot be train and test at once", hint)

    def _iterate_batches(self, split: str) -> Iterator[list[Row]]:
        # in batches, since a split may not fit into memory as Python objects
        for table in load_split(self._dataset_origin(split)).with_format("arrow").iter(BATCH_ROWS):
            yield table.to_pylist()

    def _dataset_origin(self, split: str) -> DatasetOrigin:
        return DatasetOrigin(self.name, self.config, split, self.revision, streaming=False, section=SECTION)


def name_classes(value: Any, feature: Any) -> Any:
    """Return a value with names in place of class numbers, also inside of objects and lists.

    A negative number, as in unlabelled test splits, becomes None.
    """
    if hasattr(feature, "int2str"):
        return feature.int2str(value) if value is not None and value >= 0 else None
    if isinstance(feature, dict) and isinstance(value, dict):
        return {name: name_classes(member, feature[name]) for name, member in value.items()}
    if isinstance(value, list) and hasattr(feature, "feature"):
        return [name_classes(member, feature.feature) for member in value]
    return value
