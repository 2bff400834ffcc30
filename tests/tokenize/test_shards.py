from pathlib import Path

import pyarrow as pa

from tasks.tokenize.shards import RollingWriter

SCHEMA = pa.schema({"id": pa.string(), "input_ids": pa.list_(pa.uint16())})


def make_rows(lengths: list[int], start: int = 0) -> pa.RecordBatch:
    ids = [str(start + number) for number in range(len(lengths))]
    return pa.RecordBatch.from_pydict({"id": ids, "input_ids": [[7] * length for length in lengths]}, SCHEMA)


def read_lengths(folder: Path) -> list[list[int]]:
    tables = [pa.ipc.open_file(path).read_all() for path in sorted(folder.glob("*.arrow"))]
    return [[len(row) for row in table.column("input_ids").to_pylist()] for table in tables]


def test_a_file_is_closed_when_it_is_full_and_no_row_is_torn(tmp_path: Path) -> None:
    with RollingWriter(tmp_path, "00007", SCHEMA, 10) as out:
        out.write(make_rows([4, 4, 4, 4]))
        out.write(make_rows([25, 1, 0]))
        out.write(make_rows([]))
    assert read_lengths(tmp_path) == [[4, 4, 4], [4, 25], [1, 0]]
    assert [path.name for path in sorted(tmp_path.iterdir())] == [f"00007-00{number}.arrow" for number in range(3)]


def test_a_slice_is_written_as_a_slice(tmp_path: Path) -> None:
    with RollingWriter(tmp_path, "a", SCHEMA, 10) as out:
        out.write(make_rows([50, 2, 3, 50]).slice(1, 2))
    assert read_lengths(tmp_path) == [[2, 3]]


def test_without_rows_there_is_one_empty_file(tmp_path: Path) -> None:
    with RollingWriter(tmp_path, "a", SCHEMA, 10):
        pass
    assert read_lengths(tmp_path) == [[]]
