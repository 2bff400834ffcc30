"""Why an artifact is not there: which setting, input or version differs from what was built before."""

import reprlib
from collections.abc import Sequence
from typing import Any

from tasks.store.manifest import BuildSpec, Manifest

MOST_SETTINGS = 6  # that are named; a line with more is not read
NOT_THERE = "not there"
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 80


def flatten_settings(settings: Any, path: str) -> dict[str, Any]:
    """`{"filters": {"length": {"fewest": 50}}}` under `clean` → `{"clean.filters.length.fewest": 50}`.

    Of a list of groups, such as data sets, too: `evaluate.benchmarks.tagging.sets[0].train`.
    """
    below: dict[str, Any] = {}
    if isinstance(settings, dict):
        below = {f"{path}.{field}": inner for field, inner in settings.items()}
    elif isinstance(settings, list) and all(isinstance(inner, dict) for inner in settings):
        below = {f"{path}[{number}]": inner for number, inner in enumerate(settings)}
    if not below:
        return {path: settings}
    return {name: value for inside, inner in below.items() for name, value in flatten_settings(inner, inside).items()}


def describe_changed_settings(wanted: BuildSpec, built: Manifest, section: str) -> dict[str, str]:
    """A phrase for each setting that decides another outcome, by its name."""
    new, old = flatten_settings(wanted.semantic, section), flatten_settings(built.semantic, section)
    given, before = flatten_settings(wanted.settings, section), flatten_settings(built.settings, section)
    found = {}
    for name in sorted(new.keys() | old.keys()):
        now, then = new.get(name, NOT_THERE), old.get(name, NOT_THERE)
        if now == then or any(each.startswith(f"{name}[") for each in new.keys() | old.keys()):
            continue  # of an empty list and one with items the items are told
        if name in new and name in old:  # what decides may be a digest of what lies at the path that was given
            now, then = given.get(name, now), before.get(name, then)
        changed = f"contents of {SHORT.repr(now)} changed" if now == then else f"{SHORT.repr(then)} → {SHORT.repr(now)}"
        found[name] = f"setting {name}: {changed}"
    return found


def describe_other_changes(wanted: BuildSpec, built: Manifest) -> list[str]:
    """A phrase for each of what decides beside the settings: version and inputs."""
    found = []
    if wanted.version != built.version:
        found.append(f"version of {wanted.stage}: {built.version} → {wanted.version}")
    if len(wanted.inputs) != len(built.inputs):
        found.append(f"number of inputs: {len(built.inputs)} → {len(wanted.inputs)}")
    found += [
        f"input {now.stage}: {before.digest[:8]} → {now.digest[:8]}"
        for now, before in zip(wanted.inputs, built.inputs, strict=False)
        if now.digest != before.digest
    ]
    return found


def summarize_changes(settings: dict[str, str]) -> list[str]:
    """The phrases that are worth saying: of a group that has another kind or name, or is enabled, that alone."""
    switches = [name for name in settings if name.rpartition(".")[2] in ("kind", "enabled", "name")]
    groups = {name.rpartition(".")[0] + "." for name in switches}
    said = [phrase for name, phrase in settings.items() if name in switches or not name.startswith(tuple(groups))]
    rest = len(said) - MOST_SETTINGS
    return [*said[:MOST_SETTINGS], *([f"and {rest} more settings"] if rest > 0 else [])]


def explain_rebuild(wanted: BuildSpec, built: Sequence[Manifest], section: str) -> str:
    """Why `wanted` has to be built, given the stage's artifacts (oldest first): the nearest one's differences."""
    if not built:
        return "never built"
    if any(each.key == wanted.expected_key for each in built):
        return "a file of it is missing or corrupt"
    differences = [
        (describe_other_changes(wanted, each), describe_changed_settings(wanted, each, section)) for each in built
    ]
    others, settings = min(reversed(differences), key=lambda pair: len(pair[0]) + len(pair[1]))
    return "; ".join([*others, *summarize_changes(settings)])
