"""Explain why an artifact must be built: which setting, input or version differs from existing artifacts."""

import reprlib
from collections.abc import Sequence
from typing import Any

from tasks.store.manifest import BuildSpec, Manifest

MAX_SETTINGS = 6  # settings named in one line; nobody reads more
ABSENT = "not there"
SHORTENER = reprlib.Repr()
SHORTENER.maxstring = SHORTENER.maxother = 80


def flatten_settings(settings: Any, path: str) -> dict[str, Any]:
    """Flatten nested settings: `{"length": {"min": 50}}` under `clean` → `{"clean.length.min": 50}`.

    Lists of groups, such as data sets, are flattened too: `evaluate.benchmarks.tagging.sets[0].train`.
    """
    below: dict[str, Any] = {}
    if isinstance(settings, dict):
        below = {f"{path}.{field}": inner for field, inner in settings.items()}
    elif isinstance(settings, list) and all(isinstance(inner, dict) for inner in settings):
        below = {f"{path}[{number}]": inner for number, inner in enumerate(settings)}
    # an empty group or list is a value of its own
    if not below:
        return {path: settings}
    return {name: value for inside, inner in below.items() for name, value in flatten_settings(inner, inside).items()}


def describe_changed_settings(spec: BuildSpec, built: Manifest, section: str) -> dict[str, str]:
    """Describe each setting whose change decides another outcome, by its name."""
    new, old = flatten_settings(spec.semantic, section), flatten_settings(built.semantic, section)
    new_settings, old_settings = flatten_settings(spec.settings, section), flatten_settings(built.settings, section)
    phrases = {}
    for name in sorted(new.keys() | old.keys()):
        new_value, old_value = new.get(name, ABSENT), old.get(name, ABSENT)
        if new_value == old_value or any(path.startswith(f"{name}[") for path in new.keys() | old.keys()):
            continue  # where one list is empty, its items are described instead
        if name in new and name in old:  # the semantic value may be a digest of the files at a path
            new_value, old_value = new_settings.get(name, new_value), old_settings.get(name, old_value)
        changed = (
            f"contents of {SHORTENER.repr(new_value)} changed"
            if new_value == old_value
            else f"{SHORTENER.repr(old_value)} → {SHORTENER.repr(new_value)}"
        )
        phrases[name] = f"setting {name}: {changed}"
    return phrases


def describe_other_changes(spec: BuildSpec, built: Manifest) -> list[str]:
    """Describe the changes besides settings: version and inputs."""
    phrases = []
    if spec.version != built.version:
        phrases.append(f"version of {spec.stage}: {built.version} → {spec.version}")
    if len(spec.inputs) != len(built.inputs):
        phrases.append(f"number of inputs: {len(built.inputs)} → {len(spec.inputs)}")
    phrases += [
        f"input {now.stage}: {before.digest[:8]} → {now.digest[:8]}"
        for now, before in zip(spec.inputs, built.inputs, strict=False)
        if now.digest != before.digest
    ]
    return phrases


def summarize_changes(settings: dict[str, str]) -> list[str]:
    """Select the phrases worth saying: where a group's kind, name or `enabled` changed, only that."""
    switches = [name for name in settings if name.rpartition(".")[2] in ("kind", "enabled", "name")]
    # another kind has other settings: to name each of them as a change would hide the one that matters
    groups = {name.rpartition(".")[0] + "." for name in switches}
    phrases = [phrase for name, phrase in settings.items() if name in switches or not name.startswith(tuple(groups))]
    num_omitted = len(phrases) - MAX_SETTINGS
    return [*phrases[:MAX_SETTINGS], *([f"and {num_omitted} more settings"] if num_omitted > 0 else [])]


def explain_rebuild(spec: BuildSpec, built: Sequence[Manifest], section: str) -> str:
    """Explain why an artifact must be built: how it differs from the most similar one built (given oldest first)."""
    if not built:
        return "never built"
    # its manifest can be read, and yet the store did not take it for valid
    if any(manifest.key == spec.expected_key for manifest in built):
        return "one of its files is missing or corrupt"
    differences = [
        (describe_other_changes(spec, manifest), describe_changed_settings(spec, manifest, section))
        for manifest in built
    ]
    # of equally similar ones the newest: min takes the first of them, and `built` begins with the oldest
    others, settings = min(reversed(differences), key=lambda pair: len(pair[0]) + len(pair[1]))
    return "; ".join([*others, *summarize_changes(settings)])
