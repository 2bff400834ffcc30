"""Errors in benchmark data begin with the setting that names the file."""

import pytest

from tasks.downstream.benchmarks.labelled_text import LabelledText
from tasks.downstream.benchmarks.site_section import SiteSection
from tasks.downstream.prepare_tasks import find_setting

SETS = [
    {"name": "a", "train": "moods/train.tsv", "test": "moods/test.tsv"},
    {"name": "b", "train": "moods/train.tsv", "test": "./others/test.tsv"},
]
SECTION = "evaluate.benchmarks.labelled_text.sets"


@pytest.mark.parametrize(
    ("what", "setting"),
    [
        ("moods/train.tsv, row 3: the column 'text' is empty", f"{SECTION}[0].train"),
        ("the file others/test.tsv does not exist", f"{SECTION}[1].test"),
        ('moods/test.tsv, row 2: the label "x" is not in moods/train.tsv', f"{SECTION}[0].test"),
        ("the benchmark b has an empty test part", ""),
    ],
)
def test_the_setting_of_a_file_is_found(what: str, setting: str) -> None:
    assert find_setting(LabelledText.model_validate({"sets": SETS}), what) == setting
    assert find_setting(SiteSection(), what) == ""
