"""What the demo leaves for a later plan or run."""

from pathlib import Path

import pytest

pytest.importorskip("prefect")

from flows.cli.command_line import run_command_line
from flows.cli.commands.demo import write_demo_recipe
from flows.recipe import load_recipe


def test_a_plan_after_the_demo_knows_its_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path))
    assert run_command_line(["plan"]) == 2
    assert "--recipe FILE (textmill demo leaves its own in the store, as demo.yaml)" in capsys.readouterr().err
    file = write_demo_recipe(tmp_path / "demo.yaml", "http://127.0.0.1:8420/")
    web = load_recipe(file).crawl.source.chosen.model_dump()
    assert (web["seeds"], web["hosts"]) == (["http://127.0.0.1:8420/"], ["127.0.0.1:8420"])
    assert run_command_line(["plan", "--recipe", str(file)]) == 0
    assert "never built" in capsys.readouterr().out
