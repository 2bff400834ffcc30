"""Data sets of the Hugging Face library: by name, from a local folder, or as `save_to_disk` left them."""

import contextlib
import functools
import glob
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import BadSetting, StageFailure, Transient
from tasks.runtime.network_errors import is_transient_network_error

# Files that `save_to_disk` writes: the first into the folder of each split, the second beside those folders.
SPLIT_MARKER, SPLITS_FILE = "state.json", "dataset_dict.json"


class OutsideDataset(Exception):
    """A data set names files that are not its own."""


class DatasetOrigin(NamedTuple):
    """A split of a data set, and how to load it."""

    name: str
    config: str
    split: str
    revision: str
    streaming: bool
    section: str
    """path of these settings in a recipe, for messages"""


def find_local_folder(name: str, section: str) -> Path | None:
    """Return the local folder that a name stands for; None for a name on the Hub. Raises BadSetting."""
    if not name:
        raise BadSetting(f"{section}.name is not set", "Set it to a name on the Hugging Face Hub, or to a folder")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise BadSetting(f"{folder} is a file", "Give its folder, or choose the source files")
    # a name on the Hub is NAME or OWNER/NAME; anything else was meant as a path
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name, re.ASCII) is None or name.startswith("."):
        raise BadSetting(f"{folder} does not exist", f"Correct {section}.name")
    return None


# Kept, because every shard that a worker process gets asks for the same split.
@functools.lru_cache(8)
def load_split(origin: DatasetOrigin) -> Any:
    """Load the split: a Dataset, or an IterableDataset when streamed. Raises StageFailure and Transient."""
    import datasets  # noqa: PLC0415 - it takes seconds to import, and `plan` needs none of it

    datasets.disable_progress_bars()
    folder = find_local_folder(origin.name, origin.section)
    try:
        if folder is not None and (saved := find_saved_split(folder, origin.split)) is not None:
            return datasets.load_from_disk(str(saved))  # mapped into memory, so there is nothing to stream
        with confine_data_files(origin.name if folder is None else str(folder.resolve()), is_local=folder is not None):
            return datasets.load_dataset(
                str(folder or origin.name),
                origin.config or None,
                split=origin.split,
                revision=origin.revision or None,
                streaming=origin.streaming,
                trust_remote_code=False,
            )
    except Exception as error:
        raise as_stage_failure(origin, error) from error


@contextlib.contextmanager
def confine_data_files(name: str, *, is_local: bool) -> Iterator[None]:
    """Have the files that a data set's own README names lie in it, and nowhere else on this machine or on the network.

    `data_files` and `data_dir` in its head may be absolute paths, `../x` and URLs, which the library follows.
    """
    from datasets import data_files  # noqa: PLC0415 - it takes seconds to import

    resolve_pattern, hub_folder = data_files.resolve_pattern, f"hf://datasets/{name}@"

    def resolve_confined(pattern: str, base_path: str, *arguments: Any, **options: Any) -> list[str]:
        names = re.split(r"[/\\]", pattern)
        if not is_local and pattern.startswith(hub_folder) and ".." not in names:
            base_path = pattern  # the Hub's own copy of a data set as Parquet files
        elif "::" in pattern or "://" in pattern or Path(pattern).is_absolute() or ".." in names:
            raise OutsideDataset(f"its README names {pattern!r}, which is no file of it")
        if is_local:
            is_inside = Path(base_path).resolve().is_relative_to(name)
            # the library takes the folder for a part of the pattern
            base_path = glob.escape(base_path)
        else:
            is_inside = base_path.startswith(hub_folder) and ".." not in base_path.split("/")
        if not is_inside:
            raise OutsideDataset(f"its README names the folder {base_path!r}, which is none of it")
        resolved: list[str] = resolve_pattern(pattern, base_path, *arguments, **options)
        return resolved

    data_files.resolve_pattern = resolve_confined
    try:
        yield
    finally:
        data_files.resolve_pattern = resolve_pattern


def find_saved_split(folder: Path, split: str) -> Path | None:
    """Find the folder into which `save_to_disk` wrote a split; None where it did not write this folder."""
    for candidate in (folder / split, folder):
        if (candidate / SPLIT_MARKER).exists():
            return candidate
    if (folder / SPLITS_FILE).exists():
        available = ", ".join(json.loads((folder / SPLITS_FILE).read_text())["splits"])
        raise ValueError(f"there is no split {split!r} among {available}")
    return None


def as_stage_failure(origin: DatasetOrigin, error: Exception) -> StageFailure:
    """Return an error of `datasets` as a StageFailure; as Transient where the network may come back."""
    from huggingface_hub.constants import HF_HUB_OFFLINE  # noqa: PLC0415 - it is imported by then

    # `datasets` wraps what happened in "An error occurred while generating the dataset", which says nothing
    cause = error.__cause__ or error
    is_unreachable = is_transient_network_error(error) and find_local_folder(origin.name, origin.section) is None
    why = (
        ": the Hugging Face Hub cannot be reached, and this machine's cache does not hold it" if is_unreachable else ""
    )
    what = f"the dataset {origin.name} cannot be loaded{why} ({type(cause).__name__}: {cause})"
    hint = (
        f"Check {origin.section}.name, config and split; a private dataset needs HF_TOKEN. Where there is no network, "
        f"load it elsewhere, keep it with its save_to_disk(FOLDER), and set {origin.section}.name to that folder"
    )
    return (Transient if is_transient_network_error(error) and not HF_HUB_OFFLINE else StageFailure)(what, hint)
