"""Collections of tasks that the field knows by name: which files their folders hold, and what stands where in them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tasks.downstream.benchmarks import Benchmark
from tasks.errors import StageFailure


class Preset(NamedTuple):
    """A task of a collection."""

    name: str
    """how the report calls it"""
    folder: str
    """its folder's name, as `plain` spells it"""
    kind: type[Benchmark]
    files: tuple[dict[str, str], ...]
    """setting → file in the folder; the first of these whose files are all there"""
    settings: dict[str, Any]
    """further settings of the set"""

    def benchmark(self, place: Path, further: dict[str, Any]) -> Benchmark | None:
        """The task in a folder, with `further` settings where it is learnt; None when its files are not there."""
        for files in self.files:
            paths = {setting: str(place / name) for setting, name in files.items()}
            if all(Path(path).exists() for path in paths.values()):
                given = {name: value for name, value in further.items() if value} if "train" in files else {}
                made = {"name": self.name, **paths, **self.settings, **given}
                return self.kind.model_validate({"enabled": True, "sets": [made]})
        return None


def plain(name: str) -> str:
    """`SST-2` → `sst2`, `afqmc_public` → `afqmc`."""
    return re.sub(r"[^a-z0-9]", "", name.lower().removesuffix("_public"))


def recognised(
    folder: Path, presets: Iterable[Preset], wanted: list[str], further: dict[str, Any]
) -> Iterator[tuple[str, Benchmark]]:
    """The tasks of a folder by name, in it or in folders of it; all, or the wanted ones.

    Raises StageFailure for a folder that has a task's name and not its files.
    """
    for place in [folder, *sorted(each for each in folder.iterdir() if each.is_dir())]:
        named: dict[str, list[Preset]] = {}
        for preset in presets:
            if preset.folder == plain(place.name) and (not wanted or preset.name in wanted):
                named.setdefault(preset.name, []).append(preset)
        for name, candidates in named.items():
            found = next(filter(None, (preset.benchmark(place, further) for preset in candidates)), None)
            if found is None:
                looked_for = [" with ".join(files.values()) for preset in candidates for files in preset.files]
                raise StageFailure(
                    f"{place} is called as {name} is, and holds no {', nor '.join(looked_for)}",
                    "Add them, or name the tasks that are meant in `tasks`",
                )
            yield name, found
