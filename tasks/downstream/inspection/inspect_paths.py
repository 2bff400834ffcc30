"""Inspect the files that a user names: which of them are one data set, and how each set is read and divided."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tasks.downstream.data.data_files import PartitionedFiles
from tasks.downstream.data.task_data import PARTS
from tasks.downstream.inspection.describe_data import DataDescription, describe_data, summarise_task
from tasks.downstream.inspection.file_parts import find_parallel_parts, find_part, is_data, make_set_name
from tasks.downstream.inspection.proposals import SetProposal
from tasks.errors import StageFailure
from tasks.input_files.data_paths import get_data_suffix, is_data_folder, list_data_files
from tasks.input_files.parallel_files import is_parallel_pattern, match_parallel_files
from tasks.input_files.table_reader import TABLE_SUFFIXES

MAX_NAMES = 6
"""most names of files in a line"""
SPLIT_OFF = {"test": "test_fraction", "validation": "validation_fraction"}
"""Part → the setting that says how much of the training file it is, where it has no file of its own"""

TableRows = list[tuple[str, str]]


class Inspection(NamedTuple):
    """A table for each data set, the recipe that evaluates on all of them, and the errors of what cannot be read."""

    tables: list[TableRows]
    recipe: dict[str, Any]
    failures: list[StageFailure]


def inspect_paths(paths: Sequence[Path]) -> Inspection:
    """Inspect files, folders and archives: those that belong together as one data set, each other one by itself."""
    tables, proposals = [], []
    failures: list[StageFailure] = []
    for group in group_paths(paths):
        try:
            description = describe_data(group)
        except StageFailure as error:
            failures.append(error)
        else:
            tables.append(tabulate_description(group, description))
            proposals.append(description.proposal)
    return Inspection(tables, make_recipe(proposals), failures)


def group_paths(paths: Sequence[Path]) -> list[list[Path]]:
    """Return which of the paths are one data set: all of them, those with one name but for the part, or each alone."""
    if are_one_set(paths):
        return [list(paths)]
    by_name: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        by_name.setdefault((path.parent, make_set_name(path)), []).append(path)
    groups = by_name.values()
    return [part for group in groups for part in ([group] if are_one_set(group) else [[path] for path in group])]


def are_one_set(paths: Sequence[Path]) -> bool:
    """Return whether paths are parts of one data set: their names or folders say so, or their lines correspond."""
    if len(paths) == 1:
        return True
    if len({is_data_folder(path) for path in paths}) > 1:
        return False
    parts = [find_part(path) for path in paths]
    # of files without a part in their name one may be the training file
    if any(parts) and len(set(parts)) == len(parts):
        return True
    folders = {path.parent for path in paths}
    if len(folders) > 1 and all(map(find_part, folders)):
        return True
    is_text = not any(is_data_folder(path) or get_data_suffix(path) in TABLE_SUFFIXES for path in paths)
    return is_text and find_parallel_parts(paths) is not None


def tabulate_description(paths: Sequence[Path], description: DataDescription) -> TableRows:
    """Return what a data set holds as rows of a table."""
    proposal = description.proposal
    rows = [("files", list_names(map(str, paths))), ("kind", proposal.kind), ("parts", describe_parts(proposal))]
    rows += [("encoding", f"{encoding} ({file})") for file, encoding in description.encodings.items()]
    for task in description.tasks:
        rows += summarise_task(task)
    rows += [("remark", remark) for remark in description.remarks]
    if unread := find_unread(paths, proposal):
        rows.append(("not read", list_names(map(str, unread))))
    return rows


def describe_parts(proposal: SetProposal) -> str:
    """Return which file is which part of a data set, and which parts are split off the training file."""
    settings = proposal.settings
    if "train" not in settings:
        return f"test: {settings['path']}"
    parts = []
    for part in PARTS:
        if path := settings.get(part):
            parts.append(f"{part}: {path}")
        else:
            setting = SPLIT_OFF[part]
            fraction = PartitionedFiles.model_fields[setting].default
            parts.append(f"{part}: no file, so {fraction:.0%} of train are split off ({setting})")
    return "; ".join(parts)


def find_unread(paths: Sequence[Path], proposal: SetProposal) -> list[Path]:
    """Return the data files among the paths, and below folders of them, that a proposal does not read."""
    named = [Path(proposal.settings[name]) for name in (*PARTS, "path") if proposal.settings.get(name)]
    read = {file for path in named for file in (match_parallel_files(path) if is_parallel_pattern(path) else [path])}
    files = [file for path in paths for file in (list_data_files(path) if is_data_folder(path) else [path])]
    return [file for file in files if is_data(file) and not read & {file, *file.parents}]


def make_recipe(proposals: Iterable[SetProposal]) -> dict[str, Any]:
    """Return the part of a recipe that evaluates on these data sets alone; sets of one name are numbered."""
    benchmarks: dict[str, Any] = {"site_section": {"enabled": False}}
    names: set[str] = set()
    for proposal in proposals:
        settings = proposal.settings
        if name := settings.get("name"):
            numbered = (name if number == 1 else f"{name}-{number}" for number in range(1, len(names) + 2))
            settings = settings | {"name": next(free for free in numbered if free not in names)}
            names.add(settings["name"])
        benchmarks.setdefault(proposal.kind, {"sets": []})["sets"].append(settings)
    return {"evaluate": {"benchmarks": benchmarks}}


def list_names(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - MAX_NAMES:,} more" if len(listed) > MAX_NAMES else ""
    return ", ".join(listed[:MAX_NAMES]) + more
