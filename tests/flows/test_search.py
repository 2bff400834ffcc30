"""The search flow: trials as tasks, data built once, gone on with after a failure."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="optuna, the extra `search`, is not installed")

from flows import search as module
from flows.command import run
from flows.recipe import Recipe, UnknownSetting, changed
from tasks.failure import StageFailure
from tasks.pretrain.task import Pretrain
from tasks.search.settings import Search
from tasks.store import Artifact

pytestmark = [pytest.mark.prefect, pytest.mark.xdist_group("pipeline")]

RATE, STEPS = "pretrain.optimizer.learning_rate", "pretrain.steps"
TOKENS = (Artifact(stage="tokenize", key="t", digest="d", path="/nowhere"),)


class Trainer:
    """Stands for the trainer: the loss depends on the learning rate; `fails` says which runs go wrong."""

    def __init__(self) -> None:
        self.runs: list[Pretrain] = []
        self.built: list[Recipe] = []
        self.fails: set[int] = set()

    def tokens_of(self, recipe: Recipe, store: Any) -> Sequence[Artifact]:
        self.built.append(recipe)
        return TOKENS

    def try_out(self, settings: Pretrain, tokens: Any, scratch: Path, judge: Any) -> float | None:
        assert tokens == TOKENS
        self.runs.append(settings)
        if len(self.runs) in self.fails:
            raise StageFailure("the loss is nan", "Lower it")
        loss = 1 + abs(settings.optimizer.learning_rate - 0.02)
        return None if any(judge(share, loss / share) for share in (0.5, 1.0)) else loss


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prefect_server: None) -> Trainer:
    made = Trainer()
    monkeypatch.setattr(module, "tokens_of", made.tokens_of)
    monkeypatch.setattr(module, "try_out", made.try_out)
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return made


def test_a_search_from_the_command_line(trainer: Trainer, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["search", f"{RATE}=log:1e-3..1e-1", "pretrain.architecture.heads=choice:3,4", "--trials", "8"]
    words += ["--set", "pretrain.architecture.width=64"]
    assert run(words) == 0
    out = capsys.readouterr().out
    assert "pretrain:\n  optimizer:\n    learning_rate: 0.0" in out
    picture = Path(out.splitlines()[-1].removeprefix("trials: "))
    assert {path.name for path in picture.parent.iterdir()} >= {"trials.svg", "best.yaml", "summary.md", "trials.db"}
    assert "failed: pretrain.architecture: heads must divide" in (picture.parent / "summary.md").read_text()
    assert len(trainer.built) == 1, "the data are the same for all"
    runs = len(trainer.runs)
    assert runs < 8
    assert run(words) == 0
    assert len(trainer.runs) == runs, "all trials are there"
    assert out.splitlines()[-1] == capsys.readouterr().out.splitlines()[-1]


def test_settings_of_the_data_are_built_anew(trainer: Trainer) -> None:
    folder = module.search(Recipe(), Search(space=("clean.filters.length.fewest=int:40..90",), trials=3))
    assert len(trainer.built) >= 3
    assert trainer.runs == [Recipe().pretrain] * 3
    shutil.rmtree(folder)


def test_failing_trials_are_passed_over_but_not_for_ever(trainer: Trainer) -> None:
    settings = Search(space=(f"{RATE}=log:1e-3..1e-1",), trials=6)
    trainer.fails = {2, 3, 5, 6, 7}
    with pytest.raises(StageFailure, match=r"3 trials in a row failed, .*the loss is nan"):
        module.search(Recipe(), Search(space=settings.space, trials=9))
    folder = Path(module.search(Recipe(), Search(space=settings.space, trials=8)))
    assert len(trainer.runs) == 8
    assert "learning_rate" in (folder / "best.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{STEPS}.x=int:1..2", "pretrain.steps: give a whole number"),
        ("pretrain.optimizer=int:1..2", "pretrain.optimizer is a group of settings"),
        (f"{STEPS}=choice:1,many", 'pretrain.steps = "many": give a whole number'),
    ],
)
def test_settings_that_are_not_there_end_it_before_the_first_trial(trainer: Trainer, text: str, said: str) -> None:
    with pytest.raises(UnknownSetting, match=said):
        module.search(Recipe(), Search(space=(text,)))
    assert not trainer.built


def test_what_is_needed_together_may_be_searched() -> None:
    heads = next(Search(space=("pretrain.architecture.heads=choice:3,8",)).dimensions())
    module.check(Recipe(), heads)
    with pytest.raises(UnknownSetting):
        changed(Recipe(), {"pretrain.architecture.heads": 3})
