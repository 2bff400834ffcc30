"""BLiMP (Warstadt et al., arXiv:1912.00582) and folders in its format: .jsonl files of pairs, one a phenomenon."""

from collections.abc import Iterator
from pathlib import Path

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks._suite_presets import enter_only_folder, normalise_name
from tasks.downstream.benchmarks.minimal_pairs import MinimalPairs
from tasks.downstream.readers import SETTING
from tasks.input_files.data_paths import get_data_suffix, is_data_folder, list_data_files, list_subfolders
from tasks.input_files.json_objects import read_objects


def find_minimal_pairs(folder: Path, task_names: list[str]) -> Iterator[tuple[str, Benchmark]]:
    """Yield name and benchmark of every folder of such files: `folder`, its subfolders, or `data` in one of these.

    `task_names` are the tasks to look for; empty: all.
    """
    subfolders = [path for path in list_subfolders(folder) if path.name != "data"]
    candidates = {enter_only_folder(candidate): candidate for candidate in [*subfolders[::-1], folder]}
    for inside, candidate in sorted(candidates.items(), key=lambda item: item[1]):
        pairs = next((path for path in (inside, inside / "data") if is_blimp_folder(path)), None)
        name = normalise_name((candidate.parent if candidate.name == "data" else candidate).resolve().name)
        if pairs is not None and (not task_names or name in task_names):
            yield name, MinimalPairs.model_validate({"sets": [{"name": name, "path": str(pairs)}]})


def is_blimp_folder(folder: Path) -> bool:
    """Return whether the first .jsonl file of a folder begins with a good and a bad sentence."""
    if not is_data_folder(folder):
        return False
    # not those of folders below: a folder of many tasks is none itself
    files = (file for file in list_data_files(folder) if file.parent == folder and get_data_suffix(file) == ".jsonl")
    path = min(files, default=None)
    item = next(read_objects(path, SETTING), ({}, ""))[0] if path else {}
    # Subset: further columns are allowed.
    return {"sentence_good", "sentence_bad"} <= item.keys()
