"""Write rows of tokens into files of about one size."""

from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa


class RollingWriter:
    """Writes Arrow files `<name>-000.arrow`, `<name>-001.arrow`, …: the next begins when one has `max_tokens`."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema, max_tokens: int) -> None:
        self.folder, self.name, self.schema, self.max_tokens = folder, name, schema, max_tokens
        self.file_index = self.num_tokens = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.file = self._open_file()

    def _open_file(self) -> pa.ipc.RecordBatchFileWriter:
        return pa.ipc.new_file(self.folder / f"{self.name}-{self.file_index:03d}.arrow", self.schema)

    def write(self, rows: pa.RecordBatch) -> None:
        """Write rows. No row is split: a file is full with the row that takes it to `max_tokens` or beyond."""
        ends = rows.column("input_ids").offsets.to_numpy()
        ends = ends - ends[0]  # of a slice the first offset is not 0
        start = 0
        while start < rows.num_rows:
            if self.num_tokens >= self.max_tokens:
                self._roll_over()
            # up to and with the first row that reaches the limit
            limit = ends[start] + self.max_tokens - self.num_tokens
            end = min(int((ends[1:] < limit).sum()) + 1, rows.num_rows)
            self.file.write_batch(rows.slice(start, end - start))
            self.num_tokens += int(ends[end] - ends[start])
            start = end

    def _roll_over(self) -> None:
        self.file.close()
        self.file_index, self.num_tokens = self.file_index + 1, 0
        self.file = self._open_file()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
