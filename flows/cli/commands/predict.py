"""`textmill predict`: what a fine-tuned model says of files."""

import argparse
from pathlib import Path

from flows.cli.errors import BadUsage
from flows.cli.model_folders import find_model
from flows.text_table import format_table
from tasks.errors import StageFailure
from tasks.store import Store

HELP = "predict with a fine-tuned model for files, folders, or the documents of the store"
SUFFIXES = (".parquet", ".jsonl")
DOCUMENT_STAGES = ("clean", "dedup")
MAX_LABELS = 20  # in the summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, the input and its columns, and the output."""
    parser.add_argument("model", metavar="KEY", help="key of a finetune artifact, its first digits, or a folder")
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="FILE",
        help="CSV, TSV, JSONL or Parquet, text with a text on each line, a folder or archive of these, or a clean or "
        "dedup artifact by its key or stage",
    )
    parser.add_argument("--out", type=Path, default=Path("predictions.parquet"), metavar="FILE",
                        help="where to write, .parquet or .jsonl (default: predictions.parquet)")  # fmt: skip
    parser.add_argument("--text", default="", metavar="COLUMN", help="column of the text (default: guessed)")
    parser.add_argument("--second", default="", metavar="COLUMN", help="column of the second text, or of the context")
    parser.add_argument("--no-text", action="store_true", help="leave the texts out of the output")
    parser.add_argument("--uncertain", type=int, default=0, metavar="N",
                        help="write only the N texts that labelling would help most, the first first")  # fmt: skip


def run_command(arguments: argparse.Namespace) -> int:
    """Predict, and print the numbers of rows, of labels, and of rows that were left out."""
    if arguments.out.suffix not in SUFFIXES:
        raise BadUsage(f"--out {arguments.out}: give a name that ends in {' or '.join(SUFFIXES)}")
    if arguments.uncertain < 0:
        raise BadUsage("--uncertain: give a number of texts")
    if not arguments.out.absolute().parent.is_dir():
        raise BadUsage(f"--out {arguments.out}: there is no such folder")
    store = Store.current()
    model = find_model(store, arguments.model)
    inputs = [find_input(store, name) for name in arguments.inputs]
    from tasks.inference.batch_prediction import predict_files
    from tasks.inference.input_rows import InputColumns

    # documents of the store say where they come from
    origin = "url" if any(path.name == "documents" for path in inputs) else ""
    columns = InputColumns(arguments.text, arguments.second, origin)
    summary = predict_files(
        model.folder,
        inputs,
        arguments.out,
        columns,
        copy_texts=not arguments.no_text,
        num_uncertain=arguments.uncertain,
    )
    print(f"{arguments.out}: {summary.rows:,} rows predicted by {model.title}")
    if summary.labels:
        print(format_table([("LABEL", "ROWS"), *list_label_rows(summary.labels)]))
    if summary.rejected:
        print(f"{summary.rejected:,} rows have no text, or cannot be read, and are left out; the first:")
        print("\n".join(f"  {error}" for error in summary.first_errors))
    return 0


def list_label_rows(labels: dict[str, int]) -> list[tuple[str, str]]:
    """Return the rows of a table of labels, the most frequent first."""
    rows = [(name, f"{count:,}") for name, count in list(labels.items())[:MAX_LABELS]]
    return [*rows, *([(f"and {len(labels) - MAX_LABELS:,} more", "")] if len(labels) > MAX_LABELS else [])]


def find_input(store: Store, name: str) -> Path:
    """Return the path of an input: a file, a folder, or the documents of an artifact. Raises StageFailure."""
    path = Path(name).expanduser()
    if path.exists() or any(parent.is_file() for parent in path.parents):
        return path
    matches = [
        manifest
        for stage in DOCUMENT_STAGES
        for manifest in store.manifests(stage)
        if name == stage or manifest.key.startswith(name)
    ]
    if not matches:
        raise StageFailure(
            f"predict: there is no file {name}, and no clean or dedup artifact with such a key", "See textmill ls"
        )
    return store.artifact(matches[-1]).folder_with("documents/") / "documents"
