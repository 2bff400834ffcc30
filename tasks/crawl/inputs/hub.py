"""Datasets of the Hugging Face library: by name, from a local folder, or as `save_to_disk` left them."""

import functools
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tasks.crawl.inputs.remote import is_passing
from tasks.crawl.inputs.rows import Columns
from tasks.failure import BadSetting, StageFailure, Transient

SECTION = "crawl.source.dataset"
SAVED = ("state.json", "dataset_dict.json")
MEND = (
    f"Check {SECTION}.name, config and split; a private dataset needs HF_TOKEN. Where there is no network, load it "
    f"elsewhere, keep it with its save_to_disk(FOLDER), and set {SECTION}.name to that folder"
)


class Origin(NamedTuple):
    """What to load."""

    name: str
    config: str
    split: str
    revision: str
    streaming: bool


def local(name: str) -> Path | None:
    """The folder that a name stands for; None when it is a name on the Hub. Raises StageFailure."""
    if not name:
        raise BadSetting(f"{SECTION}.name is not set", "Set it to a name on the Hugging Face Hub, or to a folder")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise BadSetting(f"{folder} is a file", "Give its folder, or choose the source files")
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name, re.ASCII) is None or name.startswith("."):
        raise BadSetting(f"{folder} does not exist", f"Correct {SECTION}.name")
    return None


@functools.lru_cache(1)
def loaded(origin: Origin) -> Any:
    """The split: a Dataset, or an IterableDataset when it is streamed. Raises StageFailure and Transient."""
    import datasets  # noqa: PLC0415 - it takes seconds to import, and `plan` needs none of it

    datasets.disable_progress_bars()
    folder = local(origin.name)
    try:
        if folder is not None and any((folder / name).exists() for name in SAVED):
            found = datasets.load_from_disk(str(folder))  # mapped into memory, so there is nothing to stream
            return found[origin.split] if isinstance(found, datasets.DatasetDict) else found
        return datasets.load_dataset(
            str(folder or origin.name),
            origin.config or None,
            split=origin.split,
            revision=origin.revision or None,
            streaming=origin.streaming,
        )
    except Exception as error:
        raise failed(origin, error) from error


def is_stream(rows: Any) -> bool:
    """Whether rows come one after another, and nobody knows how many."""
    return not hasattr(rows, "num_rows")


def rows_of(rows: Any, origin: Origin, columns: Columns, max_rows: int) -> Iterator[dict[str, Any]]:
    """Rows with the columns that are meant. Raises StageFailure and Transient."""
    try:
        if rows.column_names:  # a stream may not know them before its first row
            rows = rows.select_columns(columns.asked(rows.column_names))
        yield from islice(rows, max_rows or None)
    except Exception as error:
        raise failed(origin, error) from error


def failed(origin: Origin, error: Exception) -> StageFailure:
    """The error for people; Transient when the network may come back."""
    from huggingface_hub.constants import HF_HUB_OFFLINE  # noqa: PLC0415 - it is imported by then

    cause = error.__cause__ or error  # "an error occurred while generating the dataset" says nothing
    what = f"the dataset {origin.name} cannot be loaded ({type(cause).__name__}: {cause})"
    return (Transient if is_passing(error) and not HF_HUB_OFFLINE else StageFailure)(what, MEND)
