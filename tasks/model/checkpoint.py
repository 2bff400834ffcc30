"""Checkpoints that are whole or not there: written aside, synced, renamed; the last few and the best are kept."""

import hashlib
import json
import shutil
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from tasks.store.draft import fsync_path

TENSORS, STATE = "tensors.safetensors", "state.json"


class Checkpoints:
    """A folder of checkpoints named by step."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep
        self._writing: Future[Path] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self, step: int, tensors: dict[str, Tensor], state: dict[str, Any], kept: Collection[int] = ()) -> None:
        """Copy the tensors, and let a thread `save` the copies while the caller goes on to change its own.

        Waits for the one before. What goes wrong in the thread is raised by the next `begin` or `wait`.
        """
        self.wait()
        copies = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        pool = ThreadPoolExecutor(1)
        self._writing = pool.submit(self.save, step, copies, state, kept)
        pool.shutdown(wait=False)

    def wait(self) -> None:
        """Until what was begun is whole on disk."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def save(self, step: int, tensors: dict[str, Tensor], state: dict[str, Any], kept: Collection[int] = ()) -> Path:
        """Write a checkpoint and drop those that are neither among the last nor of the steps `kept`.

        Older ones go only when the new one is whole on disk, so a disk that fills up loses none of them.
        """
        target = self.folder / f"{step:09d}"
        aside = self.folder / f".{target.name}.partial"
        for left in self.folder.glob(".*.partial"):  # by a kill or a full disk
            shutil.rmtree(left)
        aside.mkdir()
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, aside / TENSORS)
        # the digest is over the written bytes, so that a file that was cut or rotted is never loaded
        state = {**state, "step": step, "digest": digest(aside / TENSORS)}
        (aside / STATE).write_text(json.dumps(state, indent=1, sort_keys=True) + "\n")
        for path in (aside / TENSORS, aside / STATE, aside):
            fsync_path(path)
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
        fsync_path(self.folder)
        self._drop(kept)
        return target

    def steps(self) -> list[int]:
        """Steps with a checkpoint, oldest first."""
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdigit())

    def load(self, step: int) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The tensors (on the CPU) and the state of a step, or None if it is torn."""
        folder = self.folder / f"{step:09d}"
        try:
            state: dict[str, Any] = json.loads((folder / STATE).read_text())
            whole = state["digest"] == digest(folder / TENSORS)
        except (OSError, ValueError, KeyError):
            return None
        return (load_file(folder / TENSORS), state) if whole else None

    def latest(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The newest checkpoint that is whole."""
        for step in reversed(self.steps()):
            if (found := self.load(step)) is not None:
                return found
        return None

    def drop_after(self, step: int) -> None:
        """Drop all checkpoints behind a step."""
        for later in self.steps():
            if later > step:
                shutil.rmtree(self.folder / f"{later:09d}")

    def _drop(self, kept: Collection[int]) -> None:
        for step in self.steps()[: -self.keep]:
            if step not in kept:
                shutil.rmtree(self.folder / f"{step:09d}")


def digest(path: Path) -> str:
    """blake2b of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
