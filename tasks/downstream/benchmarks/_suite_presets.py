"""Presets of the tasks of known suites: the files of each task's folder, and the columns of these files."""

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tasks.downstream.benchmarks import Benchmark
from tasks.errors import StageFailure
from tasks.input_files.archives import strip_archive_suffix
from tasks.input_files.data_paths import find_archive, is_data_file, list_data_files, list_subfolders

log = logging.getLogger("textmill.evaluate")


class Preset(NamedTuple):
    """A task of a suite."""

    name: str
    """name of the task in the report"""
    folder: str
    """name of its folder, as `normalise_name` spells it"""
    benchmark: type[Benchmark]
    files: tuple[dict[str, str], ...]
    """sets of setting → file in the folder; the first set is used whose files all exist"""
    settings: dict[str, Any]
    """other settings of the data set"""

    def make_benchmark(self, folder: Path, limits: dict[str, Any]) -> Benchmark | None:
        """Return the benchmark for a folder; None when its files do not exist.

        `limits` are further settings of tasks that models are fine-tuned on.
        """
        for files in self.files:
            paths = {setting: str(folder / name) for setting, name in files.items()}
            if all(is_data_file(Path(path)) for path in paths.values()):
                # Zero-shot presets have no training file, and no such settings.
                used_limits = {name: value for name, value in limits.items() if value} if "train" in files else {}
                data = {"name": self.name, **paths, **self.settings, **used_limits}
                return self.benchmark.model_validate({"enabled": True, "sets": [data]})
        return None


def normalise_name(name: str) -> str:
    """Return a folder's or archive's name without capitals, signs and `_public`: `SST-2` → `sst2`.

    `afqmc_public.zip` is `afqmc`.
    """
    return re.sub(r"[^a-z0-9]", "", strip_archive_suffix(name).lower().removesuffix("_public"))


def enter_only_folder(folder: Path) -> Path:
    """Return the only folder in an archive that holds nothing else, as many do; else the folder itself."""
    while find_archive(folder) is not None:
        subfolders = list_subfolders(folder)
        if len(subfolders) != 1 or any(file.parent == folder for file in list_data_files(folder)):
            break
        (folder,) = subfolders
    return folder


def find_preset_benchmarks(
    folder: Path, presets: Iterable[Preset], task_names: list[str], limits: dict[str, Any]
) -> Iterator[tuple[str, Benchmark]]:
    """Yield name and benchmark of the tasks in a folder or its subfolders: the wanted ones, or all where none is named.

    A folder that has a task's name and not its files is told and left out. Raises StageFailure where its task is named.
    """
    # by the folder inside of it: an archive around one folder is that folder
    candidates = {enter_only_folder(candidate): candidate for candidate in [*list_subfolders(folder)[::-1], folder]}
    for inside, candidate in sorted(candidates.items(), key=lambda item: item[1]):
        # several presets of one name are layouts of the same task
        presets_by_name: dict[str, list[Preset]] = {}
        for preset in presets:
            if preset.folder in (normalise_name(candidate.name), normalise_name(inside.name)) and (
                not task_names or preset.name in task_names
            ):
                presets_by_name.setdefault(preset.name, []).append(preset)
        for name, layouts in presets_by_name.items():
            benchmark = next(filter(None, (preset.make_benchmark(inside, limits) for preset in layouts)), None)
            if benchmark is None:
                expected = [" with ".join(files.values()) for preset in layouts for files in preset.files]
                what = f"{candidate} has the name of the task {name}, and holds no {', nor '.join(expected)}"
                if name in task_names:
                    raise StageFailure(what, "Add them, or take the task out of `tasks`")
                log.warning("%s; the task is left out", what)
            else:
                yield name, benchmark
