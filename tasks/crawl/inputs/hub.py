"""Read rows of datasets of the Hugging Face library, streamed or from this disk."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from tasks.crawl.inputs.rows import Columns
from tasks.runtime.datasets_hub import DatasetOrigin, as_stage_failure

SECTION = "crawl.source.dataset"


def is_stream(rows: Any) -> bool:
    """Return whether rows are a stream, whose number is not known."""
    return not hasattr(rows, "num_rows")


def read_dataset_rows(rows: Any, origin: DatasetOrigin, columns: Columns, max_rows: int) -> Iterator[dict[str, Any]]:
    """Yield rows with the mapped columns only. Raises StageFailure and Transient."""
    try:
        if rows.column_names:  # a stream may not know them before its first row
            rows = rows.select_columns(columns.select(rows.column_names))
        yield from islice(rows, max_rows or None)
    except Exception as error:
        raise as_stage_failure(origin, error) from error
