"""Translate settings from the names of earlier versions, by the tables in tables.py."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flows.renamed_settings import tables

Path = tuple[str | int, ...]
"""A setting's path, such as ("tokenize", "weights", 0, "weight"); numbers are items of a list"""


@dataclass(frozen=True)
class Translation:
    """One setting as it was given, and as it is named and valued now."""

    old: Path
    new: Path
    old_value: Any
    new_value: Any

    @property
    def is_changed(self) -> bool:
        """Tell whether the setting has another name or another value now."""
        return self.old != self.new or not _is_same(self.old_value, self.new_value)

    def __str__(self) -> str:
        """Return a sentence such as `dedup.shingle was renamed to dedup.ngram_size`."""
        old, new = format_path(self.old), format_path(self.new)
        if _is_same(self.old_value, self.new_value):
            return f"{old} was renamed to {new}"
        old_value, new_value = (json.dumps(value, default=str) for value in (self.old_value, self.new_value))
        return f"{old} = {old_value} is now " + (new_value if old == new else f"{new} = {new_value}")


class Renames:
    """The tables of renamed settings and values, ready to be looked up."""

    def __init__(self, tables: Iterable[Mapping[str, str]], values: Mapping[str, Mapping[Any, Any]]) -> None:
        # by the last name of the old path: there are a few hundred rules, and each setting is looked up
        self._names: dict[str | int, list[tuple[Path, str]]] = {}
        self._new_names: dict[str, list[Path]] = {}
        self._values: dict[str | int, list[tuple[Path, Mapping[Any, Any]]]] = {}
        for table in tables:
            for old, new in table.items():
                self._names.setdefault(parse_path(old)[-1], []).append((parse_path(old), new))
                self._new_names.setdefault(new, []).append(parse_path(old))
        for old, mapping in values.items():
            self._values.setdefault(parse_path(old)[-1], []).append((parse_path(old), mapping))

    def rename(self, settings: Mapping[str, Any], section: str = "") -> dict[str, Any]:
        """Return nested settings with the names and values of this version.

        Args:
            settings: a whole recipe, or the settings of one of its sections; also what `semantic()` gives of it
            section: the recipe's section, such as `clean`; empty for a whole recipe
        """
        tree: Any = {}
        for setting in self.translate(settings, section):
            _insert(tree, setting.new, setting.new_value)
        return dict(tree.get(section, {}) if section else tree)

    def translate(self, settings: Mapping[str, Any], section: str = "") -> Iterator[Translation]:
        """Yield every setting of a nested group, in order."""
        root: Path = (section,) if section else ()
        yield from self._walk(settings, root, root, root)

    def translate_pattern(self, old: str) -> Path:
        """Return the new path of an old one that may have wildcards, such as `clean.filters.*.fewest`."""
        old_path: Path = ()
        new_path: Path = ()
        for part in parse_path(old):
            if part == "[]":
                old_path, new_path = (*old_path, part), (*new_path, part)
            else:
                old_path, new_path = self._follow(old_path, new_path, str(part))
        return new_path

    def _walk(self, value: Any, actual: Path, old: Path, new: Path) -> Iterator[Translation]:
        """Yield the settings below a value.

        `actual` is its path as it stands there, in which old and new names may be mixed; `old` and `new` are the same
        path in old names alone and in new names alone.
        """
        # an empty group within the settings is a value of its own
        if isinstance(value, dict) and (value or not actual):
            for name, inner in value.items():
                yield from self._walk(inner, (*actual, name), *self._follow(old, new, name))
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for index, item in enumerate(value):
                yield from self._walk(item, (*actual, index), (*old, index), (*new, index))
        else:
            yield Translation(actual, new, value, self._translate_value(old, value))

    def _follow(self, old: Path, new: Path, name: str) -> tuple[Path, Path]:
        """Return the old and the new path of a name in a group."""
        path = (*old, name)
        matching = [
            (pattern, target) for pattern, target in self._names.get(name, ()) if matches_pattern(pattern, path)
        ]
        if matching:
            # the rule with the fewest wildcards is the most specific
            pattern, target = max(matching, key=lambda rule: _count_literals(rule[0]))
            return path, _fill_in(target, pattern, path) if "." in target else (*new, target)
        # a new name, as in a recipe that was renamed in parts: settings below it may have their old names
        for pattern in self._new_names.get(name, ()):
            if matches_pattern(pattern[:-1], old):
                return (*old, pattern[-1]), (*new, name)
        return path, (*new, name)

    def _translate_value(self, old: Path, value: Any) -> Any:
        for pattern, mapping in self._values.get(old[-1] if old else "", ()):
            if matches_pattern(pattern, old):
                if isinstance(value, list):
                    return [_look_up(mapping, item) for item in value]
                return _look_up(mapping, value)
        return value


def load_renames() -> Renames:
    """Load the tables of all stages."""
    stages = (tables.CRAWL, tables.CLEAN, tables.DEDUP, tables.TOKENIZE, tables.PRETRAIN, tables.EVALUATE)
    return Renames(stages, tables.RENAMED_VALUES)


def parse_path(path: str) -> Path:
    """`tokenize.weights[].weight` → `("tokenize", "weights", "[]", "weight")`."""
    return tuple(path.replace("[]", ".[]").split("."))


def format_path(path: Path) -> str:
    """`("tokenize", "weights", 0, "weight")` → `tokenize.weights[0].weight`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def matches_pattern(pattern: Path, path: Path) -> bool:
    """Tell whether a path is among those that a pattern with wildcards stands for."""
    return len(pattern) == len(path) and all(
        wanted == part or (wanted == "[]" and isinstance(part, int)) or (wanted == "*" and isinstance(part, str))
        for wanted, part in zip(pattern, path, strict=True)
    )


def _count_literals(pattern: Path) -> int:
    return sum(part not in ("*", "[]") for part in pattern)


def _fill_in(target: str, pattern: Path, path: Path) -> Path:
    """Put what the wildcards of a pattern stand for into a complete new path."""
    wildcards = iter([part for wanted, part in zip(pattern, path, strict=True) if wanted in ("*", "[]")])
    return tuple(next(wildcards) if part in ("*", "[]") else part for part in parse_path(target))


def _insert(tree: Any, path: Path, value: Any) -> None:
    """Set a value in nested dicts and lists, whose groups and items are made as they are needed."""
    for part, following in zip(path, [*path[1:], None], strict=True):
        group: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(part, int):
            # settings come in order, so an item is either the last one or the next
            if part == len(tree):
                tree.append(group)
        elif following is None:
            tree[part] = value
        else:
            tree.setdefault(part, group)
        tree = tree[part]


def _look_up(mapping: Mapping[Any, Any], value: Any) -> Any:
    return next((new for old, new in mapping.items() if _is_same(old, value)), value)


def _is_same(one: Any, other: Any) -> bool:
    """Compare values by type too: true is not 1."""
    return type(one) is type(other) and bool(one == other)
