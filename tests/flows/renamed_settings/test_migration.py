"""Renamed settings: the tables lead from names that are gone to names that exist, and old names are refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from prefect.exceptions import ParameterTypeError
from pydantic import ValidationError

from flows.recipe import Recipe, UnknownSetting, load_recipe
from flows.recipe_errors import list_item_blocks
from flows.renamed_settings import tables
from flows.renamed_settings.migration import Path, Renames, format_path, load_renames, matches_pattern, parse_path
from tasks.block import Block

TABLES = {name: getattr(tables, name) for name in ("CRAWL", "CLEAN", "DEDUP", "TOKENIZE", "PRETRAIN", "EVALUATE")}


def list_paths(block: type[Block], path: Path = ()) -> Iterator[Path]:
    """Yield the paths of all settings and groups; items of a list stand behind `[]`."""
    for name, field in block.model_fields.items():
        inner_path = (*path, name)
        yield inner_path
        if isinstance(field.annotation, type) and issubclass(field.annotation, Block):
            yield from list_paths(field.annotation, inner_path)
        for item in list_item_blocks(field.annotation):
            yield from list_paths(item, (*inner_path, "[]"))


PATHS = list(list_paths(Recipe))


SEMANTIC_ONLY = "evaluate.benchmarks.suite.sets[]"
"""A path that is in recorded `semantic()` settings alone: a suite stands there as the settings of its tasks."""


def is_known(pattern: Path) -> bool:
    return any(matches_pattern(pattern, path) for path in PATHS)


def test_every_new_name_exists() -> None:
    renames = load_renames()
    rows = [old for table in TABLES.values() for old in table if not old.startswith(SEMANTIC_ONLY)]
    assert [old for old in rows if not is_known(renames.translate_pattern(old))] == []


def test_no_old_name_exists() -> None:
    old_patterns = [parse_path(old) for table in TABLES.values() for old in table]
    assert [format_path(path) for path in PATHS if any(matches_pattern(old, path) for old in old_patterns)] == []


def test_every_row_stands_in_its_stages_table_and_stays_in_its_section() -> None:
    renames = load_renames()
    for name, table in TABLES.items():
        for old in table:
            assert parse_path(old)[0] == renames.translate_pattern(old)[0] == name.lower(), old


def test_values_are_of_settings_that_exist_and_can_be_translated_twice() -> None:
    renames = load_renames()
    for old, values in tables.RENAMED_VALUES.items():
        new = renames.translate_pattern(old)
        assert is_known(new) or old.startswith(SEMANTIC_ONLY), old
        if new == parse_path(old):
            assert not set(map(repr, values)) & set(map(repr, values.values())), old


RENAMES = Renames(
    [
        {"clean.filters.*.fewest": "min", "clean.filters.language.fewest": "min_confidence"},
        {"tokenize.weights": "language_weights", "tokenize.weights[].weight": "factor"},
        {"dedup.parts": "repeated.mode", "dedup.part_words": "dedup.repeated.min_words"},
        {"evaluate.recipe": "finetuning", "evaluate.recipe.pairs": "pair_encoding", "evaluate.recipe.skip": "on_error"},
    ],
    {
        "evaluate.recipe.pairs": {"apart": "separate"},
        "evaluate.recipe.skip": {True: "skip", False: "fail"},
        "evaluate.formats": {"by suffix": "auto"},
    },
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"clean": {"filters": {"length": {"fewest": 5}}}}, {"clean": {"filters": {"length": {"min": 5}}}}),
        (
            {"clean": {"filters": {"language": {"fewest": 5}}}},
            {"clean": {"filters": {"language": {"min_confidence": 5}}}},
        ),
        (
            {"tokenize": {"weights": [{"weight": 2, "a": 1}]}},
            {"tokenize": {"language_weights": [{"factor": 2, "a": 1}]}},
        ),
        ({"dedup": {"part_words": 9, "near": True}}, {"dedup": {"repeated": {"min_words": 9}, "near": True}}),
        ({"evaluate": {"recipe": {"pairs": "apart"}}}, {"evaluate": {"finetuning": {"pair_encoding": "separate"}}}),
        ({"evaluate": {"recipe": {"skip": False}}}, {"evaluate": {"finetuning": {"on_error": "fail"}}}),
        ({"evaluate": {"recipe": {"skip": 1, "x": {}}}}, {"evaluate": {"finetuning": {"on_error": 1, "x": {}}}}),
        ({"evaluate": {"formats": ["by suffix", "csv"]}}, {"evaluate": {"formats": ["auto", "csv"]}}),
        ({"evaluate": {"finetuning": {"pairs": "apart"}}}, {"evaluate": {"finetuning": {"pair_encoding": "separate"}}}),
        ({}, {}),
    ],
)
def test_settings_get_their_new_names_and_values(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert RENAMES.rename(old) == new
    assert RENAMES.rename(new) == new, "a second time changes nothing"


def test_the_settings_of_one_section_are_renamed_alone() -> None:
    assert RENAMES.rename({"filters": {"length": {"fewest": 5}}}, "clean") == {"filters": {"length": {"min": 5}}}
    assert RENAMES.rename({}, "clean") == {}


@pytest.fixture
def old_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables in which settings of today had other names and values."""
    monkeypatch.setattr(tables, "CRAWL", {"crawl.origin": "source"})
    monkeypatch.setattr(tables, "DEDUP", {"dedup.resemblance": "threshold"})
    values = {"crawl.origin.kind": {"archive": "warc"}, "crawl.snapshot": {"now": "today"}}
    monkeypatch.setattr(tables, "RENAMED_VALUES", values)


def test_a_recipe_with_old_names_is_refused_line_by_line(old_names: None, tmp_path: Any) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("crawl: {origin: {kind: archive, warc: {path: a}}, snapshot: now}\ndedup: {resemblence: 0.5}\n")
    with pytest.raises(UnknownSetting) as raised:
        load_recipe(file, ["dedup.resemblance=0.7"])
    assert str(raised.value).splitlines() == [
        'crawl.origin.kind = "archive" is now crawl.source.kind = "warc"',
        "  crawl.origin.warc.path was renamed to crawl.source.warc.path",
        '  crawl.snapshot = "now" is now "today"',
        "  no setting dedup.resemblence: allowed here are "
        + ", ".join(Recipe.model_fields["dedup"].annotation.model_fields),
        "  dedup.resemblance was renamed to dedup.threshold",
    ]


def test_settings_from_the_prefect_ui_with_old_names_are_refused_too(old_names: None) -> None:
    with pytest.raises(ValidationError, match=r"dedup\.resemblance was renamed to dedup\.threshold"):
        Recipe.model_validate({"dedup": {"resemblance": 0.7}})
    assert Recipe.model_validate({"dedup": {"threshold": 0.7}}).dedup.threshold == 0.7


def test_parameters_of_a_stages_flow_with_old_names_are_refused_too(old_names: None) -> None:
    from flows.dedup import dedup

    with pytest.raises(ParameterTypeError, match=r"dedup\.resemblance was renamed to dedup\.threshold"):
        dedup.validate_parameters({"settings": {"resemblance": 0.7}, "documents": "newest", "force": False})
    settings = dedup.validate_parameters({"settings": {"threshold": 0.7}, "documents": "newest", "force": False})
    assert settings["settings"].threshold == 0.7
