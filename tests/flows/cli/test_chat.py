"""`textmill chat` on a store with a model, and on folders."""

import io
import time
from pathlib import Path

import pytest

from flows.cli.command_line import run_command_line
from tasks.store import Store
from tasks.store.manifest import BestModel, BuildSpec

GREEDY = ["--temperature", "0", "--max-tokens", "5"]


def publish_model(store: Store, folder: Path, name: str) -> str:
    """Put a model into the store as pretrain would, and return its key."""
    spec = BuildSpec(
        stage="pretrain", version=1, settings={"n": name}, semantic={"n": name}, inputs=(), fingerprint="f"
    )
    draft = store.draft("pretrain", spec.expected_key)
    for file in folder.iterdir():
        with draft.write(file.name) as path:
            path.write_bytes(file.read_bytes())
    return store.publish(spec, draft, time.time()).key


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return Store.current()


def test_without_a_key_the_best_model_goes_on(
    store: Store,
    checkpoint: Path,
    masked: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command_line(["chat", "--prompt", "the oak"]) == 1
    assert "no pretrain artifact" in capsys.readouterr().err
    causal, filling = publish_model(store, checkpoint, "one"), publish_model(store, masked, "two")
    assert run_command_line(["chat", "--prompt", "the ___", *GREEDY]) == 0
    newest = capsys.readouterr().out
    assert newest.startswith("> the ___\n")
    assert newest.count("0.") == 5, "the newest one fills masks"
    best = store.artifact(store.manifest("pretrain", causal)).ref  # type: ignore[arg-type]
    store.set_best(BestModel(corpus="", model=best, evaluation=best))
    assert run_command_line(["chat", "--prompt", "the oak", *GREEDY]) == 0
    written = capsys.readouterr().out
    assert run_command_line(["chat", causal[:6], "--prompt", "the oak", *GREEDY]) == 0
    assert capsys.readouterr().out == written
    assert filling not in written


def test_two_models_answer_side_by_side_and_lines_of_a_file_one_by_one(
    store: Store,
    checkpoint: Path,
    masked: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del store
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("the oak\n\nthe ___\n")
    assert run_command_line(["chat", str(checkpoint), str(masked), "--file", str(prompts), *GREEDY]) == 0
    captured = capsys.readouterr()
    assert captured.out.count(f"[{checkpoint.name}]") == 2
    assert captured.out.count(f"[{masked.name}]") == 2
    assert captured.err.count("the text has no mask") == 1, "and the next prompt is answered all the same"


def test_prompts_are_typed_until_an_empty_line(
    store: Store,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del store
    monkeypatch.setattr("sys.stdin", io.StringIO("the oak\nof ships\n\nnever read\n"))
    assert run_command_line(["chat", str(checkpoint), *GREEDY]) == 0
    captured = capsys.readouterr()
    assert "An empty line, or Ctrl-D, ends." in captured.err
    assert len(captured.out.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--top-p", "0", "--prompt", "a"], "--top-p cannot have this value"),
        (["a", "b", "c", "--prompt", "a"], "3 models: give one, or two"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["chat", *words]) == 2
    assert message in capsys.readouterr().err


def test_what_is_no_model_is_named(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del store
    (tmp_path / "empty").mkdir()
    assert run_command_line(["chat", str(tmp_path / "empty"), "--prompt", "a"]) == 1
    assert "holds no config.json" in capsys.readouterr().err
    assert run_command_line(["chat", "abc", "--file", str(tmp_path / "none.txt")]) == 1
    assert "none.txt cannot be read" in capsys.readouterr().err
