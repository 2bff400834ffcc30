"""Predictions for many rows: in shards, in all processes, continued after a kill.

Next to the output lies a hidden folder with what is finished; its name depends on the model and the input, so that
nothing of another run is continued. It is removed at the end.
"""

import functools
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow.parquet as pq

from tasks.downstream.data.fingerprints import fingerprint_files
from tasks.downstream.readers.rejected_rows import RejectedRows
from tasks.errors import StageFailure
from tasks.inference.abilities import FolderModel, describe_folder, needs_second
from tasks.inference.input_rows import InputColumns, InputRow, list_input_files, read_input_rows
from tasks.inference.uncertain_texts import select_uncertain
from tasks.model.folder_digest import hash_model_folder
from tasks.runtime.content_digest import combine_digests
from tasks.runtime.parquet_files import read_parquet
from tasks.store import Draft
from tasks.store.draft import commit_file, remove_folder

SHARD_ROWS = 2000
INPUT_SCHEMA = {"text": pl.String, "second": pl.String, "origin": pl.String}
VERSION = 1
"""raised when the same model and rows give other bytes"""
UNCERTAIN_KINDS = ("classes", "relations", "tags", "answers")


class PredictionSummary(NamedTuple):
    """The numbers of a finished prediction."""

    rows: int
    rejected: int
    first_errors: list[str]
    labels: dict[str, int]
    """rows by predicted label, where the answers are classes"""


def predict_files(
    folder: Path,
    paths: Sequence[Path],
    out: Path,
    columns: InputColumns,
    *,
    copy_texts: bool = True,
    num_uncertain: int = 0,
) -> PredictionSummary:
    """Predict for all rows of the files and write them to `out`, by its suffix as Parquet or JSONL, in their order.

    With `num_uncertain`, only that many rows are written: those that labelling would help most. A killed prediction
    goes on when it is called again. Raises StageFailure.
    """
    model = describe_folder(folder)
    if model.record is None:
        raise StageFailure(
            f"the model in {folder} is not fine-tuned to a task, so it predicts nothing",
            "Give a model of textmill run finetune, or try this one with textmill chat",
        )
    if num_uncertain and model.record.kind not in UNCERTAIN_KINDS:
        raise StageFailure(
            f"a model for {model.record.kind} has no confidence, so no text is uncertain", "Leave --uncertain out"
        )
    files = list_input_files(paths)
    draft = Draft(name_draft(folder, files, out, columns))
    counts = write_input_shards(draft, files, model, columns)
    shards = {path.stem: (path, folder) for path in sorted((draft.scratch / "input").glob("*.parquet"))}
    if not shards:
        first = "; ".join(counts["errors"][:1]) or "the files are empty"
        raise StageFailure(f"there is no row to predict for ({first})", "Give files with a text in each row")
    draft.map(predict_shard, shards, "predict")
    tables = [(path, draft.path / "predictions" / path.name) for path, _ in shards.values()]
    labels: Counter[str] = Counter()
    for _, predictions in tables:
        table = read_parquet(predictions)
        labels.update(table["label"].to_list() if "label" in table.columns else [])
    texts = ["text", "second"] if needs_second(model.record) else ["text"]
    hidden = [name for name in ("text", "second") if name not in texts or not copy_texts]
    write_output(draft, tables, out, hidden, num_uncertain)
    remove_folder(draft.path)
    return PredictionSummary(counts["rows"], counts["rejected"], counts["errors"], dict(labels.most_common()))


def name_draft(folder: Path, files: Sequence[Path], out: Path, columns: InputColumns) -> Path:
    """Return the hidden folder for a prediction, beside its output: another one for other bytes of model or input."""
    parts = [hash_model_folder(str(folder), "KEY"), *fingerprint_files(files), *map(str, files), *columns, str(VERSION)]
    return out.absolute().with_name(f".{out.name}.{combine_digests([part.encode() for part in parts])[:16]}")


def write_input_shards(
    draft: Draft, files: Sequence[Path], model: FolderModel, columns: InputColumns
) -> dict[str, Any]:
    """Write the rows into shards, and return the numbers of rows and of rejected ones; once for a prediction."""
    done, folder = draft.scratch / "input.json", draft.scratch / "input"
    if done.exists():
        counts: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        return counts
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    record = model.record
    assert record is not None
    rejected = RejectedRows("skip", 1.0)
    rows = (
        row
        for file in files
        for row in read_input_rows(file, columns, record.kind, needs_second=needs_second(record), rejected=rejected)
    )
    num_rows = 0
    for number, shard in enumerate(split_shards(rows)):
        num_rows += len(shard)
        pl.DataFrame(shard, schema=INPUT_SCHEMA, orient="row").write_parquet(folder / f"{number:06d}.parquet")
    counts = {"rows": num_rows, "rejected": len(rejected.errors), "errors": [e.what for e in rejected.errors[:5]]}
    with draft.write(".scratch/input.json") as path:
        path.write_text(json.dumps(counts), encoding="utf-8")
    return counts


def split_shards(rows: Iterator[InputRow]) -> Iterator[list[InputRow]]:
    """Yield the rows in lists of `SHARD_ROWS`, so that a corpus is never in memory as a whole."""
    while shard := list(islice(rows, SHARD_ROWS)):
        yield shard


def predict_shard(out: Path, shard: Path, folder: Path) -> dict[str, Any]:
    """Predict for the rows of a shard. Writes `predictions/…parquet`, a row each."""
    predictions = open_predictor(folder).predict(read_parquet(shard))
    (out / "predictions").mkdir()
    predictions.write_parquet(out / "predictions" / shard.name)
    return {"rows": len(predictions)}


@functools.lru_cache(maxsize=1)  # once a process
def open_predictor(folder: Path) -> Any:
    """Open the model of a folder to predict with."""
    from tasks.inference.predicting import Predictor  # noqa: PLC0415 - torch, which reading rows does without

    record = describe_folder(folder).record
    assert record is not None
    return Predictor(folder, record)


def write_output(
    draft: Draft, tables: Sequence[tuple[Path, Path]], out: Path, hidden: Sequence[str], num_uncertain: int
) -> None:
    """Write all predictions, or the most uncertain ones, into one file, which replaces an earlier one at the end."""
    joined = (join_predictions(*paths) for paths in tables)
    chosen = iter([select_uncertain(list(joined), num_uncertain)]) if num_uncertain else joined
    temporary = draft.scratch / f"output{out.suffix}"
    write_tables((table.drop(hidden) for table in chosen), temporary)
    commit_file(temporary, out.absolute())


def join_predictions(shard: Path, predictions: Path) -> pl.DataFrame:
    """Return the rows of a shard with the predictions for them."""
    rows = read_parquet(shard).select("origin", "text", "second")
    return pl.concat([rows, read_parquet(predictions)], how="horizontal")


def write_tables(tables: Iterator[pl.DataFrame], path: Path) -> None:
    """Write tables of the same columns one after the other, as Parquet or as lines of JSON."""
    if path.suffix == ".parquet":
        writer: pq.ParquetWriter | None = None
        for table in tables:
            arrow = table.to_arrow()
            writer = writer or pq.ParquetWriter(path, arrow.schema)
            writer.write_table(arrow)
        if writer:
            writer.close()
        return
    with path.open("wb") as file:
        for table in tables:
            table.write_ndjson(file)
