"""Atomic checkpoints: written under another name, synced, then renamed; the last few and the best are kept."""

import json
import shutil
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from tasks.runtime.content_digest import hash_file
from tasks.store.checksum import add_checksum, remove_checksum
from tasks.store.draft import fsync_path

TENSORS, STATE = "tensors.safetensors", "state.json"


class Checkpoints:
    """A folder of checkpoints named by step: 000000200/tensors.safetensors and 000000200/state.json.

    pretrain/trainer_process.py reads these names too, without importing torch. With other names a run that was
    interrupted finds none of its checkpoints, and starts over.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep
        self._writing: Future[Path] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def folder_of(self, step: int) -> Path:
        """Return the folder of a step's checkpoint, whether it exists or not."""
        return self.folder / f"{step:09d}"

    def start_save(
        self, step: int, tensors: dict[str, Tensor], state: dict[str, Any], kept_steps: Collection[int] = ()
    ) -> None:
        """Copy the tensors, and `save` the copies in a thread while the caller goes on to change its own.

        Waits for the previous save. An error in the thread is raised by the next `start_save` or `wait`.
        """
        # At most one save is pending, so at most one set of copies is in memory.
        self.wait()
        copies = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        # The copies are what makes it safe: the optimizer changes the tensors in place while the thread writes.
        pool = ThreadPoolExecutor(1)
        self._writing = pool.submit(self.save, step, copies, state, kept_steps)
        pool.shutdown(wait=False)  # no further jobs; the thread ends by itself

    def wait(self) -> None:
        """Block until the pending checkpoint is completely on disk; raise the error of its thread, if any."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def save(
        self, step: int, tensors: dict[str, Tensor], state: dict[str, Any], kept_steps: Collection[int] = ()
    ) -> Path:
        """Write a checkpoint, then drop those that are neither among the last `keep` nor of `kept_steps`.

        Older ones are dropped only once the new one is complete on disk, so a full disk loses none of them.
        """
        target = self.folder_of(step)
        # The leading dot hides the folder from `list_steps`, which takes names of digits only.
        partial = self.folder / f".{target.name}.partial"
        for leftover in self.folder.glob(".*.partial"):  # of a run that was killed, or of a full disk
            shutil.rmtree(leftover)
        partial.mkdir()
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, partial / TENSORS)
        # The digest is of the written bytes, so that a truncated or corrupted file is never loaded.
        state = {**state, "step": step, "digest": hash_file(partial / TENSORS, "blake2b-128").hex()}
        (partial / STATE).write_bytes(add_checksum(json.dumps(state, indent=1, sort_keys=True).encode()))
        # Contents before the rename: a power cut must not leave a visible checkpoint of empty files.
        for path in (partial / TENSORS, partial / STATE, partial):
            fsync_path(path)
        # Only the rename makes the checkpoint visible; syncing its parent makes the rename durable.
        # A folder cannot be renamed over one that is not empty. A kill between these two lines loses this step only,
        # and the previous checkpoints are still there.
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
        fsync_path(self.folder)
        self._drop_old(kept_steps)
        return target

    def list_steps(self) -> list[int]:
        """List the steps that have a checkpoint, oldest first."""
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdigit())

    def load(self, step: int) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Load the tensors (on the CPU) and the state of a step; None if the checkpoint is missing or damaged."""
        folder = self.folder_of(step)
        try:
            # A missing file, torn JSON and a missing digest all mean the same: this checkpoint cannot be used.
            # The state of an earlier version has no checksum.
            data = (folder / STATE).read_bytes()
            state: dict[str, Any] = json.loads(remove_checksum(data, json.loads(data)))
            is_complete = state["digest"] == hash_file(folder / TENSORS, "blake2b-128").hex()
        except (OSError, ValueError, KeyError):
            return None
        return (load_file(folder / TENSORS), state) if is_complete else None

    def load_latest(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Load the newest checkpoint that is valid; None if there is none."""
        for step in reversed(self.list_steps()):
            if (checkpoint := self.load(step)) is not None:
                return checkpoint
        return None

    def drop_after(self, step: int) -> None:
        """Drop all checkpoints of later steps."""
        for later_step in self.list_steps():
            if later_step > step:
                shutil.rmtree(self.folder_of(later_step))

    def _drop_old(self, kept_steps: Collection[int]) -> None:
        # Oldest first, so the slice leaves out the last `keep`.
        for step in self.list_steps()[: -self.keep]:
            if step not in kept_steps:
                shutil.rmtree(self.folder_of(step))
