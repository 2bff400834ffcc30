"""BLiMP (Warstadt et al., arXiv:1912.00582) and folders in its format: .jsonl files of pairs, one a phenomenon."""

from collections.abc import Iterator
from pathlib import Path

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks._suite_presets import normalise_name
from tasks.downstream.benchmarks.minimal_pairs import MinimalPairs
from tasks.downstream.readers.json_objects import read_objects


def find_minimal_pairs(folder: Path, task_names: list[str]) -> Iterator[tuple[str, Benchmark]]:
    """Yield name and benchmark of every folder of such files: `folder`, its subfolders, or `data` in one of these.

    `task_names` are the tasks to look for; empty: all.
    """
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir() and path.name != "data")
    for candidate in [folder, *subfolders]:
        pairs = next((path for path in (candidate, candidate / "data") if is_blimp_folder(path)), None)
        name = normalise_name((candidate.parent if candidate.name == "data" else candidate).resolve().name)
        if pairs is not None and (not task_names or name in task_names):
            yield name, MinimalPairs.model_validate({"sets": [{"name": name, "path": str(pairs)}]})


def is_blimp_folder(folder: Path) -> bool:
    """Return whether the first .jsonl file of a folder begins with a good and a bad sentence."""
    path = min(folder.glob("*.jsonl"), default=None)
    item = next(read_objects(path), ({}, ""))[0] if path else {}
    # Subset: further columns are allowed.
    return {"sentence_good", "sentence_bad"} <= item.keys()
