"""Why an artifact is not there: which setting, input or version differs from what was built before."""

from collections.abc import Sequence
from typing import Any

from tasks.manifest import Manifest, Wanted


def flat(settings: Any, path: str) -> dict[str, Any]:
    """`{"filters": {"length": {"fewest": 50}}}` under `clean` → `{"clean.filters.length.fewest": 50}`."""
    if isinstance(settings, dict) and settings:
        return {
            name: value for field, inner in settings.items() for name, value in flat(inner, f"{path}.{field}").items()
        }
    return {path: settings}


def changes(wanted: Wanted, built: Manifest, section: str) -> list[str]:
    """What differs between what is wanted and one artifact that was built, a phrase each."""
    found = []
    if wanted.version != built.version:
        found.append(f"version of {wanted.stage}: {built.version} → {wanted.version}")
    new, old = flat(wanted.semantic, section), flat(built.semantic, section)
    found += [
        f"setting {name}: {old.get(name, 'not there')!r} → {new.get(name, 'not there')!r}"
        for name in sorted(new.keys() | old.keys())
        if new.get(name, ...) != old.get(name, ...)
    ]
    if len(wanted.inputs) != len(built.inputs):
        found.append(f"number of inputs: {len(built.inputs)} → {len(wanted.inputs)}")
    found += [
        f"input {now.stage}: {before.digest[:8]} → {now.digest[:8]}"
        for now, before in zip(wanted.inputs, built.inputs, strict=False)
        if now.digest != before.digest
    ]
    return found


def reason(wanted: Wanted, built: Sequence[Manifest], section: str) -> str:
    """Why `wanted` has to be built, given the stage's artifacts (oldest first): the nearest one's differences."""
    if not built:
        return "never built"
    if any(each.key == wanted.wanted_key for each in built):
        return "a file of it is missing or corrupt"
    nearest = min(reversed(built), key=lambda each: len(changes(wanted, each, section)))
    return "; ".join(changes(wanted, nearest, section))
