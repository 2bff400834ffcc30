"""Output of a command whose log is on a full disk: the work goes on, and what cannot be written is left out."""

import errno
import io
import logging
import sys
from typing import Any, TextIO

# errors that come and go with the disk of the log, and say nothing about the work
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class TolerantFile(io.FileIO):
    """A file that leaves out what its disk does not take, and remembers why."""

    error: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write some bytes, or count them as written when the disk is full."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            self.error = error
            return memoryview(data).nbytes


def open_tolerantly(stream: TextIO) -> tuple[TextIO, TolerantFile]:
    """Open the file of a stream again, with the same encoding and buffering."""
    stream.flush()
    file = TolerantFile(stream.fileno(), "wb", closefd=False)
    line_buffering, write_through = (bool(getattr(stream, name, False)) for name in ("line_buffering", "write_through"))
    # without a buffer where Python was told to use none (python -u, PYTHONUNBUFFERED)
    buffer: Any = file if write_through else io.BufferedWriter(file)
    text = io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors="backslashreplace",  # a terminal that cannot show a character must not end a run
        line_buffering=line_buffering,
        write_through=write_through,
    )
    return text, file


class OutputStreams:
    """Standard output and error of this process, which from now on do not raise for a full disk."""

    def __init__(self) -> None:
        # a handler of logs would write a traceback for each line that it cannot write
        logging.raiseExceptions = False
        self._output: TolerantFile | None = None
        # None: the process was started without
        if sys.stdout is not None:
            sys.stdout, self._output = open_tolerantly(sys.stdout)
        if sys.stderr is not None:
            sys.stderr, _ = open_tolerantly(sys.stderr)

    def find_error(self) -> str:
        """Flush standard output; return why some of it is lost, or an empty text."""
        if sys.stdout is not None:
            sys.stdout.flush()
        error = self._output.error if self._output else None
        return f"{error.strerror}" if error else ""
