"""Presets of the tasks of known suites: the files of each task's folder, and the columns of these files."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tasks.downstream.benchmarks import Benchmark
from tasks.errors import StageFailure


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
            if all(Path(path).exists() for path in paths.values()):
                # Zero-shot presets have no training file, and no such settings.
                used_limits = {name: value for name, value in limits.items() if value} if "train" in files else {}
                data = {"name": self.name, **paths, **self.settings, **used_limits}
                return self.benchmark.model_validate({"enabled": True, "sets": [data]})
        return None


def normalise_name(name: str) -> str:
    """Return a folder's name without capitals, signs and `_public`: `SST-2` → `sst2`, `afqmc_public` → `afqmc`."""
    return re.sub(r"[^a-z0-9]", "", name.lower().removesuffix("_public"))


def find_preset_benchmarks(
    folder: Path, presets: Iterable[Preset], task_names: list[str], limits: dict[str, Any]
) -> Iterator[tuple[str, Benchmark]]:
    """Yield name and benchmark of the tasks in a folder or its subfolders: the wanted ones, or all where none is named.

    Raises StageFailure for a folder that has a task's name and not its files.
    """
    for candidate in [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]:
        # several presets of one name are layouts of the same task
        presets_by_name: dict[str, list[Preset]] = {}
        for preset in presets:
            if preset.folder == normalise_name(candidate.name) and (not task_names or preset.name in task_names):
                presets_by_name.setdefault(preset.name, []).append(preset)
        for name, layouts in presets_by_name.items():
            benchmark = next(filter(None, (preset.make_benchmark(candidate, limits) for preset in layouts)), None)
            if benchmark is None:
                expected = [" with ".join(files.values()) for preset in layouts for files in preset.files]
                raise StageFailure(
                    f"{candidate} has the name of the task {name}, and holds no {', nor '.join(expected)}",
                    "Add them, or name the wanted tasks in `tasks`",
                )
            yield name, benchmark
