from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.dedup.document_shard import BATCH_ROWS, read_rows

GROUP = 700


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """2,000 numbered rows in three row groups, none of which ends where a batch ends."""
    table = pa.table({"row": np.arange(2_000), "text": [str(row) for row in range(2_000)]})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=GROUP)
    return tmp_path / "rows.parquet"


@pytest.mark.parametrize(
    "rows",
    [[], [0], [1_999], [3, 699, 700, 1_399, 1_400], [5, 6, 1_999], [*range(BATCH_ROWS - 2, 1_500)], [*range(2_000)]],
)
def test_chosen_rows_come_with_their_positions(path: Path, rows: list[int]) -> None:
    positions, values = [], []
    for indices, batch in read_rows(path, np.array(rows, np.int64), ["row"]):
        assert batch.schema.names == ["row"]
        positions += indices.tolist()
        values += batch.column(0).to_pylist()
    assert positions == list(range(len(rows)))
    assert values == rows


def test_row_groups_without_a_chosen_row_are_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups_read: list[list[int]] = []
    read = pq.ParquetFile.iter_batches

    def spy(*args: Any, **named: Any) -> Any:
        groups_read.append(named["row_groups"])
        return read(*args, **named)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    assert [len(positions) for positions, _ in read_rows(path, np.array([1, 2, 1_500]), ["text"])] == [2, 1]
    assert groups_read == [[0, 2]]
