from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.dedup.index import KEYS_A_GROUP, known_rows, known_schema, known_table, write_keys, written_keys
from tasks.dedup.shard import some_rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of keys 0, 3, 6, ..., of which the first has two row groups."""
    (tmp_path / "bands").mkdir()
    keys = np.arange(0, 3 * (KEYS_A_GROUP + 200), 3, dtype=np.uint64)
    for name, part in (("00000", slice(0, KEYS_A_GROUP + 100)), ("00001", slice(KEYS_A_GROUP + 100, None))):
        rows = (keys[part] // 3).astype(np.int64)
        write_keys(tmp_path / "bands" / f"{name}.parquet", keys[part], rows, {"a": "b"})
    return tmp_path


@pytest.mark.parametrize(("first", "last"), [(0, 10), (299, 301), (3 * KEYS_A_GROUP - 9, 3 * KEYS_A_GROUP + 450)])
def test_the_keys_of_a_range_are_found_with_their_rows(folder: Path, first: int, last: int) -> None:
    parts = list(written_keys(folder, first, last))
    keys, rows = (np.concatenate(each) for each in zip(*parts, strict=True))
    expected = np.arange(-(-first // 3), last // 3 + 1)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(keys, expected * 3)


def test_row_groups_without_such_keys_are_not_read(folder: Path) -> None:
    assert len(list(written_keys(folder, 6, 6))) == 1
    assert not list(written_keys(folder, 1 << 40, (1 << 64) - 1))


def test_chosen_rows_of_digests_and_signatures(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    digests = draw.integers(0, 1 << 63, (1_500, 2)).astype(np.uint64)
    signatures = draw.integers(0, 256, (1_500, 32)).astype(np.uint8)
    path = tmp_path / "known.parquet"
    pq.write_table(known_table(digests, signatures, known_schema(32, {})), path, row_group_size=700)
    for rows in (np.array([0, 5, 699, 700, 1_499]), np.arange(1_500), np.array([], np.int64)):
        np.testing.assert_array_equal(known_rows(path, rows, "signature", 32), signatures[rows])
        np.testing.assert_array_equal(known_rows(path, rows, "digest", 16).view(np.uint64), digests[rows])
    assert sum(len(places) for places, _ in some_rows(path, np.array([3, 1_400]), ["digest"])) == 2
