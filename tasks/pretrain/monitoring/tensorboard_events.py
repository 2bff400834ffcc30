"""TensorBoard event files of a run's metrics: one scalar for every number of a record.

An event's wall time is its step, so points that are written again after a resume keep their place on the time axis.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import FileWriter, SummaryWriter

# the file's name in an artifact, where neither a time nor a host belongs
EXPORTED_NAME = "events.out.tfevents.0000000000.textmill"
FLUSH_SECONDS = 5


class EventWriter:
    """Event files of one folder. Their thread writes behind the caller's back; what it raises, the next call raises."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: SummaryWriter | None = None

    def rewrite(self, records: Iterable[dict[str, Any]]) -> None:
        """Replace what the folder's event files hold by exactly these records.

        So points behind the checkpoint that a run resumes from are gone, and none is lost that a killed process had
        not written yet.
        """
        self.close()
        for path in self.folder.glob("events.out.tfevents.*"):
            # emptied, and not deleted: a TensorBoard that has the file open would never get to the next one
            path.write_bytes(b"")
        # purge_step: a TensorBoard that has read points before forgets them, and reads them from the new file
        self._writer = SummaryWriter(self.folder, purge_step=0, flush_secs=FLUSH_SECONDS)
        for record in records:
            self.add(record)

    def add(self, record: dict[str, Any]) -> None:
        """Write the record of a step."""
        if self._writer is None:
            self._writer = SummaryWriter(self.folder, flush_secs=FLUSH_SECONDS)
        step = record["step"]
        values = [Summary.Value(tag=name, simple_value=value) for name, value in record.items() if name != "step"]
        # one event a step: `add_scalar` writes one a number, in five times the time (0.5 ms a step against 0.1)
        file_writer: FileWriter = self._writer.file_writer  # type: ignore[assignment] # untyped, so inferred as None
        file_writer.add_summary(Summary(value=values), step, walltime=step)

    def close(self) -> None:
        """Block until everything is in the file. `add` may follow: it begins another file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def export_events(folder: Path, records: Iterable[dict[str, Any]]) -> Path:
    """Write all records to one event file in an empty folder, under a name that is the same each time."""
    writer = EventWriter(folder)
    writer.rewrite(records)
    writer.close()
    (path,) = folder.iterdir()
    # TensorBoard's own name holds the time, the host and the process.
    return path.rename(folder / EXPORTED_NAME)
