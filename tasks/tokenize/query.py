"""The documents that tokenize would get, with the number that decides their split."""

import polars as pl
import pyarrow as pa

from tasks.store import Artifact
from tasks.tokenize.splits import HELDOUT, SPLITS, SplitFractions, assign_splits, compute_text_fractions, read_batches
from tasks.tokenize.steps import HELDOUT_COLUMNS, list_document_files

NUMBER = "number"


def load_numbered_documents(documents: Artifact) -> pl.DataFrame:
    """Return the documents of a dedup artifact as held-out ones are stored, and the number in [0, 1) of each text."""
    tables = []
    for path in list_document_files(documents).values():
        for batch in read_batches(path):
            numbers = compute_text_fractions(batch.column("text"))[:, 0]
            tables.append(pa.table(batch).select(HELDOUT_COLUMNS).append_column(NUMBER, pa.array(numbers)))
    return pl.DataFrame(pa.concat_tables(tables)) if tables else pl.DataFrame()


def split_documents(documents: pl.DataFrame, validation: float, heldout: float) -> tuple[dict[str, int], pl.DataFrame]:
    """Return the number of documents in each split with these fractions, and the held-out documents."""
    splits = assign_splits(documents[NUMBER].to_numpy(), SplitFractions(validation, heldout))
    counts: dict[str, int] = {name: int((splits == index).sum()) for index, name in enumerate(SPLITS)}
    return counts, documents.filter(splits == HELDOUT).drop(NUMBER)
