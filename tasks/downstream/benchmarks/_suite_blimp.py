"""BLiMP (Warstadt et al., arXiv:1912.00582) and what is shaped like it: .jsonl files of pairs, one a phenomenon."""

from collections.abc import Iterator
from pathlib import Path

from tasks.downstream.benchmarks import Benchmark
from tasks.downstream.benchmarks._suite_presets import plain
from tasks.downstream.benchmarks.minimal_pairs import MinimalPairs
from tasks.downstream.readers.json_objects import objects_of


def minimal_pairs(folder: Path, wanted: list[str]) -> Iterator[tuple[str, Benchmark]]:
    """Name and task of every folder of such files, among `folder`, its folders, and a folder `data` in these."""
    for place in [folder, *sorted(each for each in folder.iterdir() if each.is_dir() and each.name != "data")]:
        within = next((each for each in (place, place / "data") if is_shaped(each)), None)
        name = plain((place.parent if place.name == "data" else place).resolve().name)
        if within is not None and (not wanted or name in wanted):
            yield name, MinimalPairs.model_validate({"sets": [{"name": name, "path": str(within)}]})


def is_shaped(folder: Path) -> bool:
    """Whether the first .jsonl file of a folder begins with a good and a bad sentence."""
    first = min(folder.glob("*.jsonl"), default=None)
    item = next(objects_of(first), ({}, ""))[0] if first else {}
    return {"sentence_good", "sentence_bad"} <= item.keys()
