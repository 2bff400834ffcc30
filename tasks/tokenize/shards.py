"""Write rows of tokens into files of about one size."""

from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa


class RollingWriter:
    """An Arrow file, `<name>-000.arrow`, that is followed by the next when it holds so many tokens."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema, most_tokens: int) -> None:
        self.folder, self.name, self.schema, self.most_tokens = folder, name, schema, most_tokens
        self.number = self.tokens = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.file = self._opened()

    def _opened(self) -> pa.ipc.RecordBatchFileWriter:
        return pa.ipc.new_file(self.folder / f"{self.name}-{self.number:03d}.arrow", self.schema)

    def write(self, rows: pa.RecordBatch) -> None:
        """Write rows, whole; the next file begins before a row that finds the file full."""
        ends = rows.column("input_ids").offsets.to_numpy()
        ends = ends - ends[0]
        begin = 0
        while begin < rows.num_rows:
            if self.tokens >= self.most_tokens:
                self._roll()
            room = ends[begin] + self.most_tokens - self.tokens
            end = min(int((ends[1:] < room).sum()) + 1, rows.num_rows)
            self.file.write_batch(rows.slice(begin, end - begin))
            self.tokens += int(ends[end] - ends[begin])
            begin = end

    def _roll(self) -> None:
        self.file.close()
        self.number, self.tokens = self.number + 1, 0
        self.file = self._opened()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
