from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.dedup.document_shard import BATCH, some_rows

GROUP = 700


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """2,000 numbered rows in three row groups, none of which ends where a batch ends."""
    table = pa.table({"row": np.arange(2_000), "text": [str(row) for row in range(2_000)]})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=GROUP)
    return tmp_path / "rows.parquet"


@pytest.mark.parametrize(
    "rows", [[], [0], [1_999], [3, 699, 700, 1_399, 1_400], [5, 6, 1_999], [*range(BATCH - 2, 1_500)], [*range(2_000)]]
)
def test_chosen_rows_come_with_their_places(path: Path, rows: list[int]) -> None:
    places, found = [], []
    for some, batch in some_rows(path, np.array(rows, np.int64), ["row"]):
        assert batch.schema.names == ["row"]
        places += some.tolist()
        found += batch.column(0).to_pylist()
    assert places == list(range(len(rows)))
    assert found == rows


def test_row_groups_without_a_chosen_row_are_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    read = pq.ParquetFile.iter_batches

    def spy(*args: Any, **named: Any) -> Any:
        asked.append(named["row_groups"])
        return read(*args, **named)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    assert [len(places) for places, _ in some_rows(path, np.array([1, 2, 1_500]), ["text"])] == [2, 1]
    assert asked == [[0, 2]]
