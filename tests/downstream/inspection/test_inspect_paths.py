"""Several paths for `textmill inspect`: which are one data set, and what a table says of its parts."""

from pathlib import Path

import pytest

from tasks.downstream.inspection.inspect_paths import group_paths, inspect_paths
from tests.downstream.inspection.test_describe_data import ROWS, as_table


def write_rows(path: Path, start: int = 0, stop: int = 45) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_table(ROWS[start:stop], "text\tlabel"))
    return path


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["mood-train.tsv", "mood-test.tsv"], ["mood-train.tsv mood-test.tsv"]),
        (["mood-test.tsv", "mood.tsv"], ["mood-test.tsv mood.tsv"]),
        (["train.tsv", "emerging.dev.tsv"], ["train.tsv emerging.dev.tsv"]),
        (["one.tsv", "two.tsv"], ["one.tsv", "two.tsv"]),
        (["a-train.tsv", "b-train.tsv", "a-test.tsv"], ["a-train.tsv a-test.tsv", "b-train.tsv"]),
        (["train/x.tsv", "test/x.tsv"], ["train/x.tsv test/x.tsv"]),
        (["en.txt", "de.txt"], ["en.txt de.txt"]),
    ],
)
def test_files_are_one_set_where_names_or_lines_say_so(tmp_path: Path, names: list[str], groups: list[str]) -> None:
    paths = [write_rows(tmp_path / name) for name in names]
    found = [" ".join(str(path.relative_to(tmp_path)) for path in group) for group in group_paths(paths)]
    assert found == groups


def test_a_file_and_a_folder_are_shown_each(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "one.tsv")
    write_rows(tmp_path / "data" / "train.tsv", 0, 30)
    write_rows(tmp_path / "data" / "test.tsv", 30)
    inspection = inspect_paths([table, tmp_path / "data"])
    first, second = map(dict, inspection.tables)
    assert (first["files"], second["files"]) == (str(table), str(tmp_path / "data"))
    assert first["parts"] == (
        f"train: {table}; validation: no file, so 10% of train are split off (validation_fraction); "
        "test: no file, so 20% of train are split off (test_fraction)"
    )
    assert f"test: {tmp_path / 'data' / 'test.tsv'}" in second["parts"]
    benchmarks = inspection.recipe["evaluate"]["benchmarks"]
    assert benchmarks["site_section"] == {"enabled": False}
    assert [settings["name"] for settings in benchmarks["labelled_text"]["sets"]] == ["one", "data"]


def test_sets_of_one_name_get_different_ones(tmp_path: Path) -> None:
    paths = [write_rows(tmp_path / folder / "mood.tsv") for folder in "abc"]
    sets = inspect_paths(paths).recipe["evaluate"]["benchmarks"]["labelled_text"]["sets"]
    assert [settings["name"] for settings in sets] == ["mood", "mood-2", "mood-3"]


def test_files_of_a_folder_that_are_no_part_are_told(tmp_path: Path) -> None:
    for name in ("train.tsv", "test.tsv", "extra.jsonl", "README"):
        write_rows(tmp_path / "data" / name)
    (rows,) = inspect_paths([tmp_path / "data"]).tables
    assert dict(rows)["not read"] == str(tmp_path / "data" / "extra.jsonl")


def test_what_cannot_be_read_is_said_beside_what_can(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\0\0\0")
    inspection = inspect_paths([tmp_path / "a.pdf", write_rows(tmp_path / "one.tsv"), tmp_path / "none.tsv"])
    assert len(inspection.tables) == 1
    assert ["a.pdf" in failure.what or "none.tsv" in failure.what for failure in inspection.failures] == [True, True]
