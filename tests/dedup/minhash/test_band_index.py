from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tasks.dedup.minhash.band_index import (
    ROW_GROUP_KEYS,
    as_byte_matrix,
    is_in_sorted,
    make_signature_batch,
    read_keys,
    read_signatures,
    write_keys,
    write_signatures,
)
from tasks.errors import StageFailure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of keys 0, 3, 6, ..., of which the first has two row groups."""
    (tmp_path / "bands").mkdir()
    keys = np.arange(0, 3 * (ROW_GROUP_KEYS + 200), 3, dtype=np.uint64)
    for name, part in (("00000", slice(0, ROW_GROUP_KEYS + 100)), ("00001", slice(ROW_GROUP_KEYS + 100, None))):
        rows = (keys[part] // 3).astype(np.int64)
        write_keys(tmp_path / "bands" / f"{name}.parquet", keys[part], rows, {"a": "b"})
    return tmp_path


@pytest.mark.parametrize(("first", "last"), [(0, 10), (299, 301), (3 * ROW_GROUP_KEYS - 9, 3 * ROW_GROUP_KEYS + 450)])
def test_the_keys_of_a_range_are_found_with_their_rows(folder: Path, first: int, last: int) -> None:
    parts = list(read_keys(folder, first, last))
    keys, rows = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    expected = np.arange(-(-first // 3), last // 3 + 1)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(keys, expected * 3)


def test_row_groups_without_such_keys_are_not_read(folder: Path) -> None:
    assert len(list(read_keys(folder, 6, 6))) == 1
    assert not list(read_keys(folder, 1 << 40, (1 << 64) - 1))


@pytest.mark.parametrize(("count", "wanted"), [(0, 5), (5, 0), (300, 40), (40, 300), (300, 300)])
def test_the_keys_among_the_wanted_ones_are_found(count: int, wanted: int) -> None:
    draw = np.random.default_rng(count)
    keys, others = (np.sort(draw.integers(0, 400, size).astype(np.uint64)) for size in (count, wanted))
    np.testing.assert_array_equal(is_in_sorted(keys, others), np.isin(keys, others))
    above = keys + np.uint64(1 << 60)  # the wanted ones begin long before
    np.testing.assert_array_equal(is_in_sorted(above, np.sort(np.r_[others, above[::2]])), np.isin(above, above[::2]))


@pytest.mark.parametrize("count", [0, 1_500])
def test_signatures_are_mapped_and_not_copied(tmp_path: Path, count: int) -> None:
    draw = np.random.default_rng(0)
    digests = draw.integers(0, 1 << 63, (count, 2)).astype(np.uint64)
    signatures = draw.integers(0, 256, (count, 32)).astype(np.uint8)
    ids = pa.array([str(number) for number in range(count)], pa.large_string())
    batch = make_signature_batch(ids, digests, signatures).replace_schema_metadata({"a": "b"})
    write_signatures(tmp_path / "known.arrow", batch)
    before = pa.total_allocated_bytes()
    mapped = read_signatures(tmp_path / "known.arrow")
    assert mapped == batch
    assert mapped.schema.metadata == {b"a": b"b"}
    assert pa.total_allocated_bytes() - before < max(signatures.nbytes, 4_096)
    np.testing.assert_array_equal(as_byte_matrix(mapped.column("digest")).view(np.uint64), digests)
    np.testing.assert_array_equal(as_byte_matrix(mapped.column("signature"))[7:9], signatures[7:9])


def test_an_index_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, content in (("torn.arrow", b"ARROW1 not really"), ("empty.arrow", b""), ("gone.arrow", None)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(StageFailure, match=rf"{name} cannot be read"):
            read_signatures(tmp_path / name)
