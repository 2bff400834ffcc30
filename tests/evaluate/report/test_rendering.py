"""Text is never markup, and a template that asks for something unknown fails."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from jinja2 import StrictUndefined, UndefinedError

from tasks.evaluate.report import rendering
from tasks.evaluate.report.rendering import (
    format_short_number,
    keep_together,
    load_environment,
    make_breakable,
    render_emphasis,
    render_template,
)

FOLDER = Path(rendering.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))


def test_emphasised_words_are_bold_and_the_rest_is_text() -> None:
    assert render_emphasis("**56 %** of <b>, **<i>**") == "<b>56 %</b> of &lt;b&gt;, <b>&lt;i&gt;</b>"


def test_long_names_may_be_broken() -> None:
    assert make_breakable("a_b/<c>") == "a_<wbr>b/<wbr>&lt;c&gt;"


def test_numbers() -> None:
    assert keep_together("56.5 ± 1.2 %") == "56.5\u00a0±\u00a01.2\u00a0%"
    assert [format_short_number(value) for value in (12_345.6, 0.123456, 1.5)] == ["12,346", "0.1235", "1.5"]


def test_an_undefined_name_is_an_error() -> None:
    assert load_environment().undefined is StrictUndefined
    with pytest.raises(UndefinedError):
        render_template("score_table.html", section={})


def test_only_what_is_written_by_hand_is_not_escaped() -> None:
    unescaped = {
        match for path in TEMPLATES for match in re.findall(r"\{\{\s*(\S+)\|safe\b|autoescape false", path.read_text())
    }
    assert unescaped == {"css", "chart.svg", "image"}


def test_a_wheel_has_every_file_of_the_report() -> None:
    project = tomllib.loads((FOLDER.parents[2] / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["tasks.evaluate.report"]
    files = [path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.suffix in {".css", ".html"}]
    assert len(files) > 5
    assert not [file for file in files if not any(fnmatch(file, pattern) for pattern in patterns)]
