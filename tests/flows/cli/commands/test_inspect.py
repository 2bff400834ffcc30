"""`textmill inspect` prints a block that `plan` and `run` take as a recipe."""

from pathlib import Path

import pytest

pytest.importorskip("prefect")

from flows.cli.command_line import run_command_line
from flows.recipe import load_recipe


def test_the_block_is_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mood.csv"
    path.write_text("said,mood\n" + "".join(f"On day {n} we went,{'xy'[n % 2]}\n" for n in range(40)))
    recipe = tmp_path / "mood.yaml"
    assert run_command_line(["inspect", str(path), "--write", str(recipe)]) == 0
    out = capsys.readouterr().out
    assert "labelled_text" in out
    assert f"textmill run evaluate --recipe {recipe}" in out
    (data,) = load_recipe(recipe).evaluate.benchmarks.labelled_text.sets  # type: ignore[attr-defined]  # made at run time
    assert (data.train, data.columns.text, data.columns.label) == (str(path), "said", "mood")
    assert run_command_line(["inspect", str(path), "--write", str(recipe)]) == 2, "nothing is overwritten"


def test_what_cannot_be_read_ends_with_the_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "two.csv"
    path.write_text("alpha,beta,gamma\n" + "".join(f"On day {n} we went,{'xy'[n % 2]},{n % 3}\n" for n in range(40)))
    assert run_command_line(["inspect", str(path)]) == 2
    error = capsys.readouterr().err
    assert "it is not clear which column is the label: beta, gamma" in error
    assert "Set columns.label" in error
    assert run_command_line(["inspect", str(tmp_path / "none")]) == 2
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\0\0\0")
    assert run_command_line(["inspect", str(tmp_path / "a.pdf")]) == 2, "as everything that a command names in vain"


def test_each_argument_is_shown_and_the_recipe_has_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"On day {n} we went,{'xy'[n % 2]}\n" for n in range(40))
    (tmp_path / "mood.csv").write_text(f"said,mood\n{rows}")
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "train.csv").write_text(f"text,label\n{rows}")
    paths = [str(tmp_path / "mood.csv"), str(tmp_path / "news")]
    recipe = tmp_path / "both.yaml"
    assert run_command_line(["inspect", *paths, "--write", str(recipe)]) == 0
    out = capsys.readouterr().out
    assert [line.split()[1] for line in out.splitlines() if line.startswith("files ")] == paths
    sets = load_recipe(recipe).evaluate.benchmarks.labelled_text.sets  # type: ignore[attr-defined]  # made at run time
    assert [data.name for data in sets] == ["mood", "news"]
    unwritten = str(tmp_path / "other.yaml")
    assert run_command_line(["inspect", *paths, str(tmp_path / "none"), "--write", unwritten]) == 2
    captured = capsys.readouterr()
    assert "label_text" in captured.out.replace("labelled_text", "label_text"), "what can be read is shown"
    assert f"{unwritten} was not written" in captured.err
