"""The tune flow: trials as tasks, data built once, continued after a failure; fine-tuning without a test part."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="optuna, the extra `tune`, is not installed")

from flows import tune as module
from flows import tuning_trials
from flows.cli.command_line import run_command_line
from flows.preflight import check_space
from flows.recipe import Recipe, UnknownSetting, change_recipe, load_recipe
from tasks.errors import StageFailure
from tasks.pretrain.task import Pretrain
from tasks.store import Artifact, Store
from tasks.store.manifest import BuildSpec
from tasks.tuning.settings import Tuning
from tests.downstream import conftest as small

pytestmark = [pytest.mark.long, pytest.mark.prefect, pytest.mark.xdist_group("pipeline")]

checkpoint = small.checkpoint
RATE, STEPS = "pretrain.optimizer.learning_rate", "pretrain.steps"
TOKENS = (Artifact(stage="tokenize", key="t", digest="d", path="/nowhere"),)


class Trainer:
    """Stands for the trainer: the loss depends on the learning rate; `fails` says which runs go wrong."""

    def __init__(self) -> None:
        self.runs: list[Pretrain] = []
        self.built: list[Recipe] = []
        self.fails: set[int] = set()

    def build_stage_inputs(self, stage: str, recipe: Recipe, store: Any) -> Sequence[Artifact]:
        assert stage == "pretrain"
        self.built.append(recipe)
        return TOKENS

    def validation_loss_of(self, settings: Pretrain, tokens: Any, scratch: Path, should_stop: Any) -> float | None:
        assert tokens == TOKENS
        self.runs.append(settings)
        if len(self.runs) in self.fails:
            raise StageFailure("the loss is nan", "Lower it")
        loss = 1 + abs(settings.optimizer.learning_rate - 0.02)
        return None if any(should_stop(fraction, loss / fraction) for fraction in (0.5, 1.0)) else loss


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prefect_server: None) -> Trainer:
    trainer = Trainer()
    monkeypatch.setattr(tuning_trials, "build_stage_inputs", trainer.build_stage_inputs)
    monkeypatch.setattr(tuning_trials, "validation_loss_of", trainer.validation_loss_of)
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    return trainer


def test_a_search_from_the_command_line(trainer: Trainer, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tune", f"{RATE}=log:1e-3..1e-1", "pretrain.architecture.num_heads=choice:3,4", "--trials", "8"]
    words += ["--set", "pretrain.architecture.hidden_size=64"]
    assert run_command_line(words) == 0
    out = capsys.readouterr().out
    assert "pretrain:\n  optimizer:\n    learning_rate: 0.0" in out
    picture = Path(out.splitlines()[-1].removeprefix("trials: "))
    assert {path.name for path in picture.parent.iterdir()} >= {"trials.svg", "best.yaml", "summary.md", "trials.db"}
    assert "failed: pretrain.architecture: num_heads must divide" in (picture.parent / "summary.md").read_text()
    assert len(trainer.built) == 1, "the data are the same for all"
    runs = len(trainer.runs)
    assert runs < 8
    assert run_command_line(words) == 0
    assert len(trainer.runs) == runs, "all trials are there"
    assert out.splitlines()[-1] == capsys.readouterr().out.splitlines()[-1]


def test_settings_of_the_data_are_built_anew(trainer: Trainer) -> None:
    folder = module.tune(Recipe(), Tuning(space=("clean.filters.length.min=int:40..90",), trials=3))
    assert len(trainer.built) >= 3
    assert trainer.runs == [Recipe().pretrain] * 3
    shutil.rmtree(folder)


def test_failing_trials_are_passed_over_but_not_for_ever(trainer: Trainer) -> None:
    settings = Tuning(space=(f"{RATE}=log:1e-3..1e-1",), trials=6)
    trainer.fails = {2, 3, 5, 6, 7}
    with pytest.raises(StageFailure, match=r"3 trials in a row failed, .*the loss is nan"):
        module.tune(Recipe(), Tuning(space=settings.space, trials=9))
    folder = Path(module.tune(Recipe(), Tuning(space=settings.space, trials=8)))
    assert len(trainer.runs) == 8
    assert "learning_rate" in (folder / "best.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{STEPS}.x=int:1..2", "pretrain.steps: give a whole number"),
        ("pretrain.optimizer=int:1..2", "pretrain.optimizer is a group of settings"),
        (f"{STEPS}=choice:1,many", 'pretrain.steps = "many": give a whole number'),
    ],
)
def test_settings_that_are_not_there_end_it_before_the_first_trial(trainer: Trainer, text: str, message: str) -> None:
    with pytest.raises(UnknownSetting, match=message):
        module.tune(Recipe(), Tuning(space=(text,)))
    assert not trainer.built


def test_what_is_needed_together_may_be_searched() -> None:
    check_space(Recipe(), Tuning(space=("pretrain.architecture.num_heads=choice:3,8",)))
    with pytest.raises(UnknownSetting):
        change_recipe(Recipe(), {"pretrain.architecture.num_heads": 3})


def test_when_no_trial_ran_to_its_end_it_says_so(trainer: Trainer) -> None:
    trainer.fails = {1}
    with pytest.raises(StageFailure, match=r"no trial ran to its end \(failed: the loss is nan"):
        module.tune(Recipe(), Tuning(space=(f"{RATE}=log:1e-3..1e-1",), trials=1))


def publish_folder(store: Store, stage: str, files: Path, *inputs: Artifact) -> Artifact:
    """A folder as an artifact of a stage."""
    wanted = BuildSpec(stage=stage, version=1, settings={}, semantic={"files": str(files)},
                    inputs=tuple(artifact.ref for artifact in inputs), fingerprint="f")  # fmt: skip
    draft = store.draft(stage, wanted.expected_key)
    shutil.copytree(files, draft.path, dirs_exist_ok=True)
    return store.publish(wanted, draft, time.time())


@pytest.fixture
def mood(tmp_path: Path) -> str:
    """A data set that is easy to learn, as a setting."""
    for part, most in (("train", 40), ("validation", 20), ("test", 10)):
        rows = [f"the {word} of {number}\t{word}" for number in range(most) for word in ("oak", "anchor")]
        (tmp_path / f"{part}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
    files = ", ".join(f"{part}: {tmp_path / part}.tsv" for part in ("train", "validation", "test"))
    return f"evaluate.benchmarks.labelled_text.sets=[{{name: mood, {files}}}]"


def test_fine_tuning_is_searched_by_score_and_never_sees_the_test_part(
    prefect_server: None,
    tmp_path: Path,
    checkpoint: Path,
    mood: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TEXTMILL_WORKERS", "1")
    store = Store.current()
    model = publish_folder(store, "pretrain", checkpoint, publish_folder(store, "tokenize", checkpoint))
    words = [
        "tune",
        "evaluate.finetuning.learning_rates=log:1e-4..1e-1",
        "evaluate.finetuning.layer_decay=choice:1,0.8",
    ]
    words += ["--trials", "3", "--set", mood, "--set", "evaluate.benchmarks.site_section.enabled=false"]
    words += ["--set", "evaluate.labels_per_class=[4]", "--set", "evaluate.finetuning.min_steps=4"]
    words += ["--set", "evaluate.finetuning.epochs=1", "--set", "evaluate.finetuning.learning_rates=[0.01]"]
    assert run_command_line(words) == 0
    printed = capsys.readouterr().out
    folder = Path(printed.splitlines()[-1].removeprefix("trials: ")).parent
    trials_db = (folder / "trials.db").read_bytes()
    assert "evaluate:\n  finetuning:\n    learning_rates:\n    - 0." in printed
    best = load_recipe(folder / "best.yaml").evaluate.finetuning
    assert len(best.learning_rates) == 1
    summary = (folder / "summary.md").read_text()
    assert "mean over mood (accuracy; labels: 4), and over 3 seeds" in summary
    assert "0.01" in summary.split("evaluate.finetuning.layer_decay |\n")[1], "the recipe's own rate was tried"

    (tmp_path / "test.tsv").write_text("text\tlabel\nwhatever\toak\n")
    assert run_command_line([*words, "--checkpoint", model.key[:6]]) == 0
    assert capsys.readouterr().out == printed, "another test part is the same search, with nothing left to do"
    assert (folder / "trials.db").read_bytes() == trials_db

    assert run_command_line([*words, "--checkpoint", "0123"]) == 1
    assert "no pretrain artifact with key 0123" in capsys.readouterr().err
