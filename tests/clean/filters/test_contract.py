"""The contract of every filter in the folder."""

import re
from pathlib import Path

import polars as pl
import pytest

import tasks.clean.filters
from tasks.block import Every, block_kind, discover_blocks
from tasks.clean.filters import SCORE_PREFIX, Filter
from tasks.clean.filters._scores import add_scores
from tests.clean.filters.judge import make_documents

FILTERS = discover_blocks(Filter)
TEXTS = ["", " ", "word", "中文", "a\n\nb\n\na", "# ... …", "🙂" * 10, "x" * 10_000, "。，", "-\n-\n-"]

every_filter = pytest.mark.parametrize(("kind", "block"), FILTERS.items())


def test_each_file_is_a_filter() -> None:
    paths = Path(tasks.clean.filters.__path__[0]).glob("[!_]*.py")
    files = {path.stem for path in paths}
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
    assert block.score_fields <= set(block.model_fields)


@every_filter
def test_scores_are_float32_and_never_null(kind: str, block: type[Filter]) -> None:
    for language in ("en", "zh"):
        scores = add_scores(make_documents(TEXTS, language), {kind: block()})[SCORE_PREFIX + kind]
        assert scores.dtype == pl.Float32
        assert scores.null_count() == 0
        assert not scores.is_infinite().any()


@every_filter
def test_verdicts_are_never_null(kind: str, block: type[Filter]) -> None:
    scored = add_scores(make_documents(TEXTS, "en"), {kind: block()})
    verdicts = scored.select(block().keeps(pl.col(SCORE_PREFIX + kind)).alias("keeps"))["keeps"]
    assert verdicts.dtype == pl.Boolean
    assert verdicts.null_count() == 0


def test_a_recipe_may_name_one_field_of_one_filter() -> None:
    filters = Every[Filter].model_validate({"length": {"min": 50}})
    assert filters.length.min == 50
    assert filters.word_count == FILTERS["word_count"]()
