"""Reads TensorBoard event files."""

from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader


def read_points(folder: Path) -> list[tuple[int, str, float]]:
    """The scalars of all event files of a folder as they stand there, whatever TensorBoard would drop of them."""
    return [
        (event.step, value.tag, value.tensor.float_val[0])
        for path in sorted(folder.glob("events.out.tfevents.*"))
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    ]
