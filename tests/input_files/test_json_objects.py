"""One set of rows in every layout of JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import StageFailure
from tasks.input_files.json_objects import read_objects

ROWS = [{"text": f"a {number}", "label": "xy"[number % 2]} for number in range(6)]
LISTS = [[row["text"], row["label"]] for row in ROWS]


def read(tmp_path: Path, text: str, **options: Any) -> list[tuple[dict[str, Any], str]]:
    path = tmp_path / "a.json"
    path.write_text(text)
    return [(row, origin.removeprefix(f"{path}, ")) for row, origin in read_objects(path, "sets", **options)]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("\n".join(map(json.dumps, ROWS)) + "\n\n", "line 3"),
        ("".join(json.dumps(row, indent=1) for row in ROWS), "line 7"),
        (json.dumps(ROWS, indent=1), "object 3"),
        (json.dumps({"version": 1, "data": ROWS}), "object 3"),
        (json.dumps({"text": [row["text"] for row in ROWS], "label": [row["label"] for row in ROWS]}), "entry 3"),
        (json.dumps({name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in ROWS[0]}), "entry 2"),
        ("".join(f"\x1e{json.dumps(row)}\n" for row in ROWS), "line 3"),
    ],
)
def test_the_same_rows_in_each_layout(tmp_path: Path, text: str, origin: str) -> None:
    rows = read(tmp_path, text)
    assert [row for row, _ in rows] == ROWS
    assert rows[2][1] == origin


def test_rows_by_name_keep_the_name(tmp_path: Path) -> None:
    rows = read(tmp_path, json.dumps({f"d{number}": row for number, row in enumerate(ROWS)}))
    assert [row["_key"] for row, _ in rows] == [f"d{number}" for number in range(6)]
    assert rows[0][0]["text"] == "a 0"


@pytest.mark.parametrize("text", [json.dumps(LISTS), "\n".join(map(json.dumps, LISTS))])
def test_lists_are_rows_without_a_header(tmp_path: Path, text: str) -> None:
    assert [row for row, _ in read(tmp_path, text)] == [{"0": text, "1": label} for text, label in LISTS]


def test_one_sentence_of_words_and_tags_is_no_table_of_columns(tmp_path: Path) -> None:
    row = {"tokens": ["a", "b", "c", "d"], "tags": ["O", "O", "O", "O"]}
    assert read(tmp_path, json.dumps(row)) == [(row, "line 1")]


def test_broken_lines_go_to_the_caller(tmp_path: Path) -> None:
    lines = [*map(json.dumps, ROWS[:2]), '{"text": ', json.dumps(ROWS[2])]
    broken: list[StageFailure] = []
    rows = read(tmp_path, "\n".join(lines), on_broken=broken.append)
    assert [row for row, _ in rows] == ROWS[:3]
    assert [failure.what.rpartition(", ")[2] for failure in broken] == ["line 3: not JSON (Expecting value)"]
    with pytest.raises(StageFailure, match="line 3: not JSON"):
        read(tmp_path, "\n".join(lines))


def test_values_that_are_no_objects_go_to_the_caller_too(tmp_path: Path) -> None:
    lines = [json.dumps(ROWS[0]), "null", json.dumps(ROWS[1]), '"text"', "[]"]
    broken: list[StageFailure] = []
    rows = read(tmp_path, "\n".join(lines), on_broken=broken.append)
    assert [row for row, _ in rows] == ROWS[:2]
    assert [failure.what.rpartition(", ")[2] for failure in broken] == [
        "line 2: not an object",
        "line 4: not an object",
    ]


@pytest.mark.parametrize("layout", ["\n".join, lambda rows: f"[{', '.join(rows)}]"])
def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path: Path, layout: Any) -> None:
    """JSON can spell it, and no table can hold it; a complete pair is one character."""
    rows = read(tmp_path, layout(['{"text": "a\\ud800b", "\\uDC00": ["\\udfff"]}', '{"text": "\\ud83d\\ude00"}']))
    assert [row for row, _ in rows] == [{"text": "a?b", "?": ["?"]}, {"text": "😀"}]
