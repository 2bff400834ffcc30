"""Look at files of the user: the kind of data, its columns, labels and lengths, and the settings that read it.

A proposal is tried before it is made: its task is made by the benchmark itself, as an evaluation does.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.downstream.benchmarks.labelled_text import TextFiles
from tasks.downstream.benchmarks.similarity import PairFiles, guess_pair_columns
from tasks.downstream.benchmarks.text_to_text import WrittenFiles
from tasks.downstream.data.task_data import Task
from tasks.downstream.inspection.proposals import SetProposal, list_proposals
from tasks.downstream.readers import SETTING
from tasks.downstream.task_types import load_task_type
from tasks.errors import BadSetting, StageFailure
from tasks.input_files.data_paths import get_data_suffix, is_data_file, is_data_folder, read_data_bytes
from tasks.input_files.encoding import decode_text

NO_AGREEMENT = "-"
"""The label of texts on which annotators did not agree, as in SNLI"""


@dataclass(frozen=True)
class DataDescription:
    """The content of files: the proposal that reads them, its tasks, and remarks for people."""

    proposal: SetProposal
    tasks: list[Task]
    encodings: dict[str, str] = field(default_factory=dict)
    """file → its encoding"""
    remarks: list[str] = field(default_factory=list)


def describe_data(paths: Sequence[Path]) -> DataDescription:
    """Describe files, or a folder or archive of files, as one data set.

    Raises StageFailure where no benchmark reads them; it says what is missing, and which setting decides.
    """
    for path in paths:
        if not is_data_file(path) and not is_data_folder(path):
            raise BadSetting(f"{path} does not exist", "Correct the path")
    failures: list[StageFailure] = []
    for proposal in list_proposals(paths):
        try:
            accepted, tasks, remarks = try_proposal(proposal)
        except StageFailure as error:
            failures.append(type(error)(f"as {proposal.kind}: {error.what}", error.hint))
            continue
        # such as a test file without labels, which the accepted settings leave out
        same_kind = (failure.what for failure in failures if failure.what.startswith(f"as {accepted.kind}:"))
        remarks += [f"not read {what}" for what in same_kind][:1]
        return DataDescription(accepted, tasks, find_encodings(accepted), remarks)
    raise join_reasons(paths, failures)


def join_reasons(paths: Sequence[Path], failures: Sequence[StageFailure]) -> StageFailure:
    """Return one failure that gives the reason of each proposal that did not work; the likeliest comes first."""
    names = ", ".join(map(str, paths))
    if not failures:
        return StageFailure(f"{names}: nothing that a benchmark reads", "Give a table, JSON, CoNLL, brat or text files")
    first, *others = failures
    # the same reason for fewer parts of the data set is no other one
    reasons = dict.fromkeys(failure.what for failure in others if failure.what != first.what)
    more = "".join(f"\n- {reason}" for reason in reasons)
    return type(first)(f"{names} cannot be read without a setting: {first.what}{more}", first.hint)


def try_proposal(proposal: SetProposal) -> tuple[SetProposal, list[Task], list[str]]:
    """Make the tasks of a proposal; with `on_error: skip` where only few rows do not fit. Raises StageFailure."""
    proposal = add_columns(proposal)
    try:
        tasks = proposal.make_tasks()
    except StageFailure as error:
        if "on_error" not in error.hint:
            raise
        skipping = SetProposal(proposal.kind, proposal.settings | {"on_error": "skip"})
        # raises again where more rows are odd than may be skipped
        return skipping, skipping.make_tasks(), [f"{error.what}: such rows are skipped"]
    if proposal.kind == "labelled_text" and any(NO_AGREEMENT in task.names for task in tasks):
        proposal = SetProposal(proposal.kind, proposal.settings | {"skip_labels": [NO_AGREEMENT]})
        tasks = proposal.make_tasks()
    return proposal, tasks, []


def add_columns(proposal: SetProposal) -> SetProposal:
    """Return a proposal that names the columns that are guessed, so that a reader sees and can correct them."""
    settings = proposal.settings
    columns: Any = None
    if proposal.kind == "labelled_text":
        columns = TextFiles.model_validate(settings).guess_columns().columns
    elif proposal.kind == "similarity":
        data = PairFiles.model_validate(settings)
        columns = guess_pair_columns(data, data.columns, data.format, data.train)
    elif proposal.kind == "text_to_text" and "columns" not in settings:
        files = WrittenFiles.model_validate(settings).guess_columns()
        if files.format == "dialogues":
            return SetProposal(proposal.kind, settings | {"format": "dialogues"})
        columns = files.columns
    if columns is None:
        return proposal
    named = {name: value for name, value in columns.model_dump().items() if value not in ("", None)}
    return SetProposal(proposal.kind, settings | {"columns": named})


def find_encodings(proposal: SetProposal) -> dict[str, str]:
    """Return file → encoding of the text files that a proposal names."""
    encodings = {}
    for value in proposal.settings.values():
        path = Path(value) if isinstance(value, str) else None
        if path is not None and is_data_file(path) and get_data_suffix(path) != ".parquet":
            encodings[str(path)] = decode_text(read_data_bytes(path, SETTING))[1]
    return encodings


def summarise_task(task: Task) -> list[tuple[str, str]]:
    """Return what a task holds as rows of a table: parts, labels, lengths."""
    task_type = load_task_type(task)
    sizes = ", ".join(f"{part} {len(rows):,}" for part, rows in task.parts.items() if len(rows))
    summary = [("task", f"{task.name}: {task.describe()}"), ("rows", sizes)]
    if task.kind in ("classes", "relations"):
        for part in ("train", "test"):
            counts = Counter(task.parts[part]["label"].to_list())
            labels = ", ".join(f"{task.names[label]} {count:,}" for label, count in counts.most_common(12))
            more = f", … ({len(counts)} classes)" if len(counts) > 12 else ""
            summary.append((f"labels of {part}", labels + more))
    elif task.names and task.kind == "tags":
        summary.append(("tags", ", ".join(task.names[:20]) + (", …" if len(task.names) > 20 else "")))
    lengths = sorted(len(task_type.format_question(row)) for row in task.test.iter_rows(named=True))
    if lengths:
        summary.append(("characters", f"median {lengths[len(lengths) // 2]:,}, longest {lengths[-1]:,}"))
        example = task_type.format_question(task.test.row(0, named=True)).replace("\n", " ⏎ ")[:160]
        summary.append(("an example", example))
        if answer := task_type.format_truth(task, task.test.row(0, named=True)):
            summary.append(("its answer", answer.replace("\n", " ⏎ ")[:160]))
    return summary
