"""Why something is built: exactly what changed, and nothing else."""

import pytest

from tasks.store.manifest import ArtifactRef, BuildSpec, Manifest
from tasks.store.rebuild_reason import explain_rebuild

BASE = BuildSpec(
    stage="clean", version=1, settings={}, semantic={"filters": {"length": {"fewest": 50, "most": 9}}},
    inputs=(ArtifactRef(stage="extract", key="k", digest="aaaaaaaabbbb"),), fingerprint="f",
)  # fmt: skip


def manifest(what: BuildSpec, finished: str = "2026-01-01") -> Manifest:
    rest = {"files": (), "counts": {}, "started": "", "seconds": 0, "host": "", "packages": {}}
    return Manifest(**what.model_dump(), **rest, key=what.expected_key, digest="d", finished=finished)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"semantic": {"filters": {"length": {"fewest": 60, "most": 9}}}},
            "setting clean.filters.length.fewest: 50 → 60",
        ),
        ({"version": 2}, "version of clean: 1 → 2"),
        (
            {"inputs": (ArtifactRef(stage="extract", key="k", digest="ccccccccdddd"),)},
            "input extract: aaaaaaaa → cccccccc",
        ),
        ({"semantic": {"filters": {"length": {"fewest": 50}}}}, "setting clean.filters.length.most: 9 → 'not there'"),
        ({}, "one of its files is missing or corrupt"),
    ],
)
def test_reason_names_exactly_what_changed(change: dict[str, object], said: str) -> None:
    assert explain_rebuild(BASE.model_copy(update=change), [manifest(BASE)], "clean") == said


def test_nearest_artifact_is_compared() -> None:
    far = BASE.model_copy(update={"version": 7, "semantic": {"filters": {"length": {"fewest": 1, "most": 1}}}})
    wanted = BASE.model_copy(update={"semantic": {"filters": {"length": {"fewest": 60, "most": 9}}}})
    said = explain_rebuild(wanted, [manifest(BASE, "2026-01-01"), manifest(far, "2026-01-02")], "clean")
    assert said == "setting clean.filters.length.fewest: 50 → 60"


def source(path: str, digest: str, kind: str = "files") -> BuildSpec:
    """A crawl of files, of whose path the digest decides; or of the web with many settings."""
    web = {f"setting_{number}": number for number in range(40)}
    chosen = {"path": digest, "prefix": "file:///"} if kind == "files" else web
    return BuildSpec(
        stage="crawl", version=1, inputs=(), fingerprint="f", semantic={"source": {"kind": kind, kind: chosen}},
        settings={"source": {"kind": kind, "files": {"path": path, "prefix": "file:///"}, "web": web}},
    )  # fmt: skip


def test_another_kind_is_one_phrase() -> None:
    said = explain_rebuild(source("", "", "web"), [manifest(source("docs", "0a1b"))], "crawl")
    assert said == "setting crawl.source.kind: 'files' → 'web'"


def test_what_lies_at_a_path_is_named_by_the_path() -> None:
    built = [manifest(source("docs", "0a1b"))]
    assert (
        explain_rebuild(source("docs", "2c3d"), built, "crawl")
        == "setting crawl.source.files.path: contents of 'docs' changed"
    )
    assert (
        explain_rebuild(source("pages", "2c3d"), built, "crawl") == "setting crawl.source.files.path: 'docs' → 'pages'"
    )


def test_a_filter_that_is_switched_on_is_one_phrase() -> None:
    both = {"settings": {"length": {"enabled": True, "fewest": 5}}}
    on = BASE.model_copy(update=both | {"semantic": {"length": {"enabled": True, "fewest": 5}}})
    off = BASE.model_copy(update=both | {"semantic": {"length": {"enabled": False}}})
    # the settings of what was built said so too
    off = off.model_copy(update={"settings": {"length": {"enabled": False, "fewest": 5}}})
    assert explain_rebuild(on, [manifest(off)], "clean") == "setting clean.length.enabled: False → True"


def test_of_a_list_of_groups_the_setting_is_named_and_a_new_group_is_one_phrase() -> None:
    def having(*sets: dict[str, object]) -> BuildSpec:
        return BASE.model_copy(update={"semantic": {"sets": list(sets)}, "settings": {"sets": list(sets)}})

    mood, other = {"name": "mood", "train": "a", "labels": [8]}, {"name": "other", "train": "c", "labels": [8]}
    built = [manifest(having(mood))]
    assert explain_rebuild(having(mood | {"train": "b"}), built, "clean") == "setting clean.sets[0].train: 'a' → 'b'"
    assert explain_rebuild(having(mood, other), built, "clean") == "setting clean.sets[1].name: 'not there' → 'other'"
    assert explain_rebuild(having(), built, "clean") == "setting clean.sets[0].name: 'mood' → 'not there'"


def test_a_long_value_and_many_settings_are_cut() -> None:
    many = {f"a{number}": "x" * 500 for number in range(20)}
    said = explain_rebuild(
        BASE.model_copy(update={"semantic": many}), [manifest(BASE.model_copy(update={"semantic": {}}))], "s"
    )
    assert said.endswith("; and 15 more settings")
    assert len(said) < 1000


def test_never_built() -> None:
    assert explain_rebuild(BASE, [], "clean") == "never built"
