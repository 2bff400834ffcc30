"""Why something is built: exactly what changed, and nothing else."""

import pytest

from tasks.manifest import Input, Manifest, Wanted
from tasks.reason import reason

BASE = Wanted(
    stage="clean", version=1, settings={}, semantic={"filters": {"length": {"fewest": 50, "most": 9}}},
    inputs=(Input(stage="extract", key="k", digest="aaaaaaaabbbb"),), fingerprint="f",
)  # fmt: skip


def manifest(what: Wanted, finished: str = "2026-01-01") -> Manifest:
    rest = {"files": (), "counts": {}, "started": "", "seconds": 0, "host": "", "packages": {}}
    return Manifest(**what.model_dump(), **rest, key=what.wanted_key, digest="d", finished=finished)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"semantic": {"filters": {"length": {"fewest": 60, "most": 9}}}},
            "setting clean.filters.length.fewest: 50 → 60",
        ),
        ({"version": 2}, "version of clean: 1 → 2"),
        ({"inputs": (Input(stage="extract", key="k", digest="ccccccccdddd"),)}, "input extract: aaaaaaaa → cccccccc"),
        ({"semantic": {"filters": {"length": {"fewest": 50}}}}, "setting clean.filters.length.most: 9 → 'not there'"),
        ({}, "a file of it is missing or corrupt"),
    ],
)
def test_reason_names_exactly_what_changed(change: dict[str, object], said: str) -> None:
    assert reason(BASE.model_copy(update=change), [manifest(BASE)], "clean") == said


def test_nearest_artifact_is_compared() -> None:
    far = BASE.model_copy(update={"version": 7, "semantic": {"filters": {"length": {"fewest": 1, "most": 1}}}})
    wanted = BASE.model_copy(update={"semantic": {"filters": {"length": {"fewest": 60, "most": 9}}}})
    said = reason(wanted, [manifest(BASE, "2026-01-01"), manifest(far, "2026-01-02")], "clean")
    assert said == "setting clean.filters.length.fewest: 50 → 60"


def test_never_built() -> None:
    assert reason(BASE, [], "clean") == "never built"
