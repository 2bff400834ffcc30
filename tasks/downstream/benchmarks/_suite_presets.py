"""Presets of the tasks of known suites: the files of each task's folder, and the columns of these files."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tasks.downstream.benchmarks import Benchmark
from tasks.errors import StageFailure
from tasks.input_files.archives import strip_archive_suffix
from tasks.input_files.data_paths import find_archive, is_data_file, list_data_files, list_subfolders


def list_choice_files(test: str, train: str = "") -> tuple[dict[str, str], ...]:
    """Return the sets of files of a zero-shot task: with its training file for examples in prompts, and without."""
    return ({"path": test, "examples": train}, {"path": test}) if train else ({"path": test},)


class Preset(NamedTuple):
    """A task of a suite."""

    name: str
    """name of the task in the report"""
    folder: str
    """name of its folder, as `normalise_name` spells it"""
    benchmark: type[Benchmark]
    files: tuple[dict[str, str], ...]
    """sets of setting → file in the folder, or `../mnli/train.tsv` in the folder mnli beside it, named as
    `normalise_name` spells it; the first set is used whose files all exist"""
    settings: dict[str, Any]
    """other settings of the data set"""

    def make_benchmark(self, folder: Path, limits: dict[str, Any], neighbours: Mapping[str, Path]) -> Benchmark | None:
        """Return the benchmark for a folder; None when its files do not exist.

        `limits` are further settings of tasks that models are fine-tuned on, `neighbours` the folders beside it.
        """
        for files in self.files:
            paths = {setting: str(locate_file(folder, name, neighbours)) for setting, name in files.items()}
            if all(is_data_file(Path(path)) for path in paths.values()):
                # Zero-shot presets have no training file, and no such settings.
                used_limits = {name: value for name, value in limits.items() if value} if "train" in files else {}
                data = {"name": self.name, **paths, **self.settings, **used_limits}
                return self.benchmark.model_validate({"enabled": True, "sets": [data]})
        return None


def locate_file(folder: Path, name: str, neighbours: Mapping[str, Path]) -> Path:
    """Return the path of a preset's file, which lies in the task's folder or in one of its neighbours."""
    if not name.startswith("../"):
        return folder / name
    _, neighbour, *rest = name.split("/")
    return neighbours.get(neighbour, folder.parent / neighbour).joinpath(*rest)


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
    folder: Path, presets: Sequence[Preset], task_names: list[str], limits: dict[str, Any]
) -> tuple[list[tuple[str, Benchmark]], list[str]]:
    """Return name and benchmark of the tasks in a folder and its subfolders: the wanted ones, or all if none is named.

    The second list has a sentence on each folder that has a task's name and not its files; it is left out. Raises
    StageFailure where its task is named.
    """
    candidates = list_task_folders(folder)
    neighbours = find_neighbours(folder, presets) | {
        normalise_name(path.name): inside for inside, candidate in candidates for path in (inside, candidate)
    }
    benchmarks: list[tuple[str, Benchmark]] = []
    left_out: dict[str, list[str]] = {}
    for inside, candidate in candidates:
        # several presets of one name are layouts of the same task
        presets_by_name: dict[str, list[Preset]] = {}
        for preset in presets:
            if preset.folder in (normalise_name(candidate.name), normalise_name(inside.name)) and (
                not task_names or preset.name in task_names
            ):
                presets_by_name.setdefault(preset.name, []).append(preset)
        for name, layouts in presets_by_name.items():
            complete = filter(None, (preset.make_benchmark(inside, limits, neighbours) for preset in layouts))
            benchmark = next(complete, None)
            if benchmark is None:
                missing = f"{candidate} holds no {describe_files(layouts)}"
                if name in task_names:
                    raise StageFailure(f"the task {name}: {missing}", "Add them, or take the task out of `tasks`")
                left_out.setdefault(missing, []).append(name)
            else:
                benchmarks.append((name, benchmark))
    return benchmarks, [f"{missing}, which {', '.join(names)} needs" for missing, names in left_out.items()]


def find_neighbours(folder: Path, presets: Iterable[Preset]) -> dict[str, Path]:
    """Return name → folder of those beside a folder that a preset takes files of."""
    parent = folder.absolute().parent
    if find_archive(parent) is not None:
        return {}
    files = [name for preset in presets for names in preset.files for name in names.values()]
    wanted = {name.split("/")[1] for name in files if name.startswith("../")}
    try:
        named = [(normalise_name(path.name), path) for path in list_subfolders(parent)]
    except OSError:  # a folder that this user may enter and not list
        return {}
    return {name: enter_only_folder(path) for name, path in named if name in wanted}


def list_task_folders(folder: Path) -> list[tuple[Path, Path]]:
    """List a folder and its subfolders, each as the folder inside of it and itself.

    An archive around one folder is that folder.
    """
    candidates = {enter_only_folder(candidate): candidate for candidate in [*list_subfolders(folder)[::-1], folder]}
    return sorted(candidates.items(), key=lambda item: item[1])


def describe_files(layouts: Iterable[Preset]) -> str:
    """Return the files of a task, in every layout that it is known in."""
    sets = [
        " with ".join(f"{name[3:]} beside it" if name.startswith("../") else name for name in files.values())
        for preset in layouts
        for files in preset.files
    ]
    return ", nor ".join(sets)
