"""Proposals of settings that may read some files: which of them are parts of a data set, and of what kind it is."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

from tasks.block import discover_blocks
from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks.suite import SuiteFolder
from tasks.downstream.data.task_data import Task
from tasks.downstream.inspection.file_parts import (
    FileParts,
    assign_parts,
    find_parallel_parts,
    find_part,
    is_data,
    list_candidates,
    list_variants,
    make_set_name,
)
from tasks.downstream.inspection.guess_kind import guess_kinds
from tasks.downstream.readers import SETTING
from tasks.errors import StageFailure
from tasks.input_files.data_paths import get_data_suffix, is_data_folder, list_data_files, read_data_head
from tasks.input_files.encoding import is_binary
from tasks.input_files.labelled_texts import list_class_files, list_line_files
from tasks.input_files.parallel_files import match_parallel_files, read_parallel_lines
from tasks.input_files.table_reader import TABLE_SUFFIXES, TableReader

ZERO_SHOT = frozenset(
    {"minimal_pairs", "multiple_choice", "stereotype_pairs", "document_retrieval", "language_modelling"}
)
MAX_PARALLEL = 6
"""most files of a part of which two may be parallel"""
UNLABELLED = ("unsup", "unlabelled", "unlabeled")
"""Folders beside those of the classes that hold texts without a class"""


@dataclass(frozen=True)
class SetProposal:
    """A data set as a recipe names it: the kind of its benchmark, and its settings."""

    kind: str
    settings: dict[str, Any]

    def make_tasks(self) -> list[Task]:
        """Make the tasks of the data set. Raises StageFailure where it cannot be read."""
        # mypy takes an abstract base for one that is instantiated here, and it only names the registry
        benchmark_class = discover_blocks(Benchmark)[self.kind]  # type: ignore[type-abstract]
        benchmark = benchmark_class.model_validate({"enabled": True, "sets": [self.settings]})
        return list(benchmark.make_tasks(pl.DataFrame()))


def list_proposals(paths: Sequence[Path]) -> Iterator[SetProposal]:
    """Yield the settings that may read some files, the likeliest first."""
    if len(paths) > 1:
        yield from propose_files(paths)
    elif is_data_folder(paths[0]):
        yield from propose_folder(paths[0])
    else:
        yield from propose_parts(FileParts(str(paths[0])), paths[0])


def propose_folder(folder: Path) -> Iterator[SetProposal]:
    """Yield proposals for a folder or an archive."""
    with contextlib.suppress(StageFailure):
        if list(SuiteFolder(path=str(folder)).find_benchmarks()):
            yield SetProposal("suite", {"path": str(folder)})
    files = [path for path in list_data_files(folder) if is_data(path)]
    name = make_set_name(folder)
    if {"corpus.jsonl", "queries.jsonl"} <= {path.relative_to(folder).as_posix() for path in files}:
        yield SetProposal("document_retrieval", {"name": name, "path": str(folder)})
    children = list_candidates(folder)
    parts = [child for child in children if find_part(child)]
    # a folder around everything, as archives have it
    if len(children) == 1 and is_data_folder(children[0]) and not parts:
        yield from propose_folder(children[0])
    elif any(find_part(child) == "train" for child in parts):
        yield from propose_named_parts(parts, name)
    else:
        yield from propose_unnamed_parts(folder, files, children)
        if all(
            guess_kinds(path, TableReader(SETTING))[:1] == ["language_modelling"]
            for path in files[:20]
            if is_text(path)
        ):
            yield SetProposal("language_modelling", {"name": name, "path": str(folder)})


def is_text(path: Path) -> bool:
    """Return whether a file is text of any encoding, or a table."""
    return get_data_suffix(path) == ".parquet" or not is_binary(read_data_head(path, SETTING))


def propose_unnamed_parts(folder: Path, files: Sequence[Path], children: Sequence[Path]) -> Iterator[SetProposal]:
    """Yield proposals for a folder of which no file says that it is the training part."""
    name = make_set_name(folder)
    if any(path.suffix == ".ann" for path in files):
        yield from propose_brat(FileParts(str(folder)), name)
    elif list_line_files(folder):
        yield SetProposal("labelled_text", {"name": name, "train": str(folder), "format": "class_files"})
    elif all(map(is_data_folder, children)) and is_class_folder(folder):
        yield from propose_classes(FileParts(str(folder)), name)
    elif len(files) > 1 and all(get_data_suffix(path) in TABLE_SUFFIXES for path in files):
        yield from propose_tables(folder, files, name)
    elif len(files) > 1 and not any(map(is_data_folder, children)):
        yield from propose_files(files)
    elif len(files) == 1:
        yield from propose_parts(FileParts(str(files[0])), files[0])


def propose_named_parts(children: Sequence[Path], name: str) -> Iterator[SetProposal]:
    """Yield proposals for files or folders whose names say which part they are."""
    if all(map(is_data_folder, children)):
        parts = assign_parts(children)
        train = Path(parts.train)
        files = [path for path in list_data_files(train) if is_data(path)]
        if any(path.suffix == ".ann" for path in files):
            yield from propose_brat(parts, name)
        elif is_class_folder(train):
            yield from propose_classes(parts, name)
        elif list_line_files(train):
            yield SetProposal("labelled_text", {"name": name, **parts.make_settings(), "format": "class_files"})
        elif len(files) > MAX_PARALLEL and all(get_data_suffix(path) in TABLE_SUFFIXES for path in files):
            # many pieces of one kind: dialogues of SGD, or a table in shards
            kind = next(iter(guess_kinds(files[0], TableReader(SETTING))), "labelled_text")
            yield SetProposal(kind, {"name": name, **parts.make_settings()})
        else:
            # a folder with files for each part: the same file in each, or parallel ones
            yield from propose_files([path for child in children for path in list_data_files(child) if is_data(path)])
        return
    files = [child for child in children if not is_data_folder(child)]
    yield from propose_files(files)


def propose_files(paths: Sequence[Path]) -> Iterator[SetProposal]:
    """Yield proposals for several files: the parts of one data set, or parallel files."""
    files = [path for path in paths if is_data(path)]
    by_folder = Counter(path.parent for path in files)
    # train/seq.in, train/seq.out, test/seq.in, …: the folder says the part
    if len(by_folder) > 1 and all(find_part(folder) for folder in by_folder):
        yield from propose_folders_of_files(files)
        return
    is_text = all(get_data_suffix(path) not in TABLE_SUFFIXES for path in files)
    if is_text and len(files) >= 2 and (parallel := find_parallel_parts(files)) is not None:
        yield from propose_parallel(parallel)
    folders = [path for path in files if is_data_folder(path)]
    if folders:
        yield from propose_named_parts(folders, make_set_name(folders[0].parent))
        return
    suffixes = Counter(get_data_suffix(path) for path in files)
    usual = suffixes.most_common(1)[0][0]
    same_kind = [path for path in files if get_data_suffix(path) == usual]
    parts = assign_parts(same_kind)
    yield from propose_parts(parts, Path(parts.train))


def propose_folders_of_files(files: Sequence[Path]) -> Iterator[SetProposal]:
    """Yield proposals for files in folders that are called after the parts."""
    folders = assign_parts(sorted({path.parent for path in files}))
    by_folder: dict[str, list[Path]] = {}
    for path in files:
        by_folder.setdefault(str(path.parent), []).append(path)
    train_files = by_folder[folders.train]
    settings = folders.make_settings()
    pairs = (find_parallel_parts(list(pair)) for pair in combinations(sorted(train_files), 2))
    if len(train_files) <= MAX_PARALLEL and (parallel := next(filter(None, pairs), None)) is not None:
        pattern = Path(parallel.train).name
        paths = {part: str(Path(folder) / pattern) for part, folder in settings.items()}
        yield from propose_parallel(
            FileParts(paths["train"], paths.get("test", ""), paths.get("validation", ""), parallel.names)
        )
    elif len(train_files) == 1:
        paths = {part: str(by_folder[folder][0]) for part, folder in settings.items()}
        yield from propose_parts(
            FileParts(paths["train"], paths.get("test", ""), paths.get("validation", "")), train_files[0]
        )


def propose_parts(parts: FileParts, example: Path) -> Iterator[SetProposal]:
    """Yield proposals for the files of a data set, by what the first of them holds."""
    name = make_set_name(example)
    for kind in guess_kinds(example, TableReader(SETTING)):
        if kind in ZERO_SHOT:
            # the test part is what a zero-shot benchmark answers
            yield SetProposal(kind, {"name": name, "path": parts.test or parts.train})
        else:
            yield from (SetProposal(kind, {"name": name, **some.make_settings()}) for some in list_variants(parts))


def propose_parallel(parts: FileParts) -> Iterator[SetProposal]:
    """Yield proposals for two parallel files: texts and labels, sentences and tags, or texts and texts."""
    files = match_parallel_files(Path(parts.train))
    one, other = (
        read_parallel_lines(next(path for path in files if path == Path(parts.train.replace("*", name))), SETTING)
        for name in parts.names
    )
    name = make_set_name(Path(parts.train.replace("*", "")))
    settings = {"name": name, **parts.make_settings()}
    for texts, answers, columns in ((one, other, parts.names), (other, one, parts.names[::-1])):
        num_classes = len(set(answers))
        if all(len(text.split()) == len(tags.split()) for text, tags in zip(texts, answers, strict=True)) and any(
            " " in tags for tags in answers
        ):
            inside = {tag for tags in answers for tag in tags.split()}
            if "O" in inside:
                yield SetProposal("tagging", settings | {"columns": {"words": columns[0], "tags": columns[1]}})
                return
        if num_classes <= max(2, len(answers) / 3) and all(len(label) <= 60 for label in answers):
            yield SetProposal("labelled_text", settings | {"columns": {"text": columns[0], "label": columns[1]}})
            return
    source, target = parts.names
    # question and answer, source and target: the names say the direction where they are usual
    if source in ("target", "tgt", "trg", "answers", "summary", "reply"):
        source, target = target, source
    yield SetProposal("text_to_text", settings | {"columns": {"source": source, "target": target}})


def propose_tables(folder: Path, files: Sequence[Path], name: str) -> Iterator[SetProposal]:
    """Yield proposals for a folder of tables of one kind, such as one a subject or phenomenon."""
    kinds = guess_kinds(files[0], TableReader(SETTING))
    for kind in kinds:
        if kind in ZERO_SHOT:
            yield SetProposal(kind, {"name": name, "path": str(folder)})
        else:
            yield from propose_files(files)
            return


def propose_classes(parts: FileParts, name: str) -> Iterator[SetProposal]:
    """Yield the proposal for a folder with a folder for each class."""
    classes = list_class_files(Path(parts.train))
    unlabelled = [label for label in classes if label.lower() in UNLABELLED]
    skipped = {"skip_labels": unlabelled} if unlabelled else {}
    yield SetProposal("labelled_text", {"name": name, **parts.make_settings(), "format": "folders", **skipped})


def propose_brat(parts: FileParts, name: str) -> Iterator[SetProposal]:
    """Yield the proposals for folders of texts with annotations beside them: entities, and relations."""
    settings = {"name": name, **parts.make_settings(), "format": "brat"}
    yield SetProposal("tagging", settings)
    yield SetProposal("relation", settings)


def is_class_folder(folder: Path) -> bool:
    """Return whether a folder has folders for classes: two or more, and no tables in them."""
    classes = list_class_files(folder)
    files = [file for files in classes.values() for file in files]
    return len(classes) >= 2 and not any(get_data_suffix(file) in TABLE_SUFFIXES for file in files)
