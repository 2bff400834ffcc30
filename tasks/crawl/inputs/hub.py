"""Rows of data sets of the Hugging Face library, as they come or from this disk."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from tasks.crawl.inputs.rows import Columns
from tasks.runtime.datasets_hub import DatasetOrigin, as_stage_failure

SECTION = "crawl.source.dataset"


def is_stream(rows: Any) -> bool:
    """Whether rows come one after another, and nobody knows how many."""
    return not hasattr(rows, "num_rows")


def read_dataset_rows(rows: Any, origin: DatasetOrigin, columns: Columns, max_rows: int) -> Iterator[dict[str, Any]]:
    """Rows with the columns that are meant. Raises StageFailure and Transient."""
    try:
        if rows.column_names:  # a stream may not know them before its first row
            rows = rows.select_columns(columns.asked(rows.column_names))
        yield from islice(rows, max_rows or None)
    except Exception as error:
        raise as_stage_failure(origin, error) from error
