"""What every filter must hold to, found by looking into the folder."""

import re
from pathlib import Path

import polars as pl
import pytest

import tasks.clean.filters
from tasks.block import Every, block_kind, discover_blocks
from tasks.clean.filters import SCORE, Filter
from tasks.clean.filters._scores import with_scores
from tests.clean.filters.judge import documents

FILTERS = discover_blocks(Filter)
TEXTS = ["", " ", "word", "中文", "a\n\nb\n\na", "# ... …", "🙂" * 10, "x" * 10_000, "。，", "-\n-\n-"]

every_filter = pytest.mark.parametrize(("kind", "block"), FILTERS.items())


def test_each_file_is_a_filter() -> None:
    files = {path.stem for path in Path(tasks.clean.filters.__path__[0]).glob("*.py")} - {"__init__"}
    assert set(FILTERS) == files
    assert len(files) >= 12


@every_filter
def test_the_docstring_names_its_source(kind: str, block: type[Filter]) -> None:
    assert kind == block_kind(block)
    assert re.search(r"Source: .{20}", block.__doc__ or "", re.DOTALL)
    assert all(field.description for field in block.model_fields.values())


@every_filter
def test_settings_survive_json(kind: str, block: type[Filter]) -> None:
    assert block.model_validate_json(block().model_dump_json()) == block()
    assert block.scored_by <= set(block.model_fields)


@every_filter
def test_scores_are_float32_and_never_null(kind: str, block: type[Filter]) -> None:
    for language in ("en", "zh"):
        scores = with_scores(documents(TEXTS, language), {kind: block()})[SCORE + kind]
        assert scores.dtype == pl.Float32
        assert scores.null_count() == 0
        assert not scores.is_infinite().any()


@every_filter
def test_verdicts_are_never_null(kind: str, block: type[Filter]) -> None:
    scored = with_scores(documents(TEXTS, "en"), {kind: block()})
    verdicts = scored.select(block().keeps(pl.col(SCORE + kind)).alias("keeps"))["keeps"]
    assert verdicts.dtype == pl.Boolean
    assert verdicts.null_count() == 0


def test_a_recipe_may_name_one_field_of_one_filter() -> None:
    filters = Every[Filter].model_validate({"length": {"fewest": 50}})
    assert filters.length.fewest == 50
    assert filters.word_count == FILTERS["word_count"]()
