"""Teachers: a frozen one from a folder, and the model's own moving average."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.errors import StageFailure
from tasks.model.architecture import Architecture
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import Vocabulary, read_vocabulary
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.data.rows import PackedRows, Rows
from tasks.pretrain.learners.teacher import Taught
from tasks.pretrain.objectives.distillation import Distillation
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import forty_steps, learnt

SLOTS = np.arange(8)
OPTIMIZER = {"learning_rate": 0.01}


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    return PackedRows([tokens / "train"], read_vocabulary(tokens / "tokenizer"), 32, start=2).at(SLOTS, seed=0)


def saved(rows: Rows, folder: Path, family: str = "bert", width: int = 48) -> Path:
    """A teacher that is wider than the students."""
    settings = Architecture(family=family, layers=2, width=width, heads=2, context=32)
    settings.build(rows.vocabulary, seed=7).save_pretrained(folder)
    return folder


def model_of(rows: Rows, family: str = "bert") -> PackedModel:
    settings = Architecture(family=family, layers=2, width=32, heads=2, context=32)
    return PackedModel(settings.build(rows.vocabulary, seed=0), settings.reads)


def losses(objective: Distillation, learner: Taught, rows: Rows) -> list[float]:
    batch = {name: torch.from_numpy(array) for name, array in objective.make(rows, Randomness(0, SLOTS)).items()}
    return [loss.item() for loss in learner.losses(batch, objective.temperature)]


@pytest.mark.parametrize(("family", "task"), [("bert", "masked"), ("gpt2", "causal"), ("llama", "causal")])
def test_a_student_of_another_width_becomes_like_its_teacher(
    rows: Rows, tmp_path: Path, family: str, task: str
) -> None:
    objective = Distillation(teacher=str(saved(rows, tmp_path, family)), task=task, hard=1e-9)
    learner = objective.learner(model_of(rows, family), rows.vocabulary, seed=0)
    assert isinstance(learner, Taught)
    batch = {name: torch.from_numpy(array) for name, array in objective.make(rows, Randomness(0, SLOTS)).items()}
    before = losses(objective, learner, rows)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        objective.loss(learner, batch)[0].backward()
        optimizer.step()
        objective.stepped(learner)
    after = losses(objective, learner, rows)
    assert after[1] < before[1] / 2
    assert after[2] < before[2] / 2
    fresh = PackedModel(type(learner.teacher.module).from_pretrained(tmp_path), objective.reads)
    assert all(map(torch.equal, learner.teacher.module.parameters(), fresh.module.parameters())), "it is frozen"
    assert not any("teacher" in name or "slow" in name for name in learner.state()), "and not in the checkpoints"


def test_the_likeness_is_the_divergence_at_the_temperature(rows: Rows, tmp_path: Path) -> None:
    objective = Distillation(teacher=str(saved(rows, tmp_path)), temperature=3.0)
    learner = objective.learner(model_of(rows), rows.vocabulary, seed=0)
    assert isinstance(learner, Taught)
    arrays = objective.make(rows, Randomness(0, SLOTS))
    batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.no_grad():
        expected = 0.0
        outputs = []
        for model in (learner.model, learner.teacher):
            hidden = model.hidden(batch).flatten(0, 1)[batch["places"]]
            assert model.head is not None
            outputs.append((model.head(model.transform(hidden)) / 3.0).log_softmax(-1))
        student, teacher = outputs
        divergence_N = (teacher.exp() * (teacher - student)).sum(-1) * 9.0
        expected = float(divergence_N[batch["targets"] >= 0].sum())
    assert losses(objective, learner, rows)[1] == pytest.approx(expected, rel=1e-4)


def test_its_own_average_follows_and_is_state(rows: Rows) -> None:
    objective = Distillation(momentum=0.9)
    learner = objective.learner(model_of(rows), rows.vocabulary, seed=0)
    assert isinstance(learner, Taught)
    assert losses(objective, learner, rows)[1:] == pytest.approx([0.0, 0.0], abs=1e-3), "at first they are equal"
    with torch.no_grad():
        for weight in learner.module.parameters():
            weight.add_(1.0)
    old = [weight.clone() for weight in learner.teacher.module.parameters()]
    objective.stepped(learner)
    for weight, before in zip(learner.teacher.module.parameters(), old, strict=True):
        torch.testing.assert_close(weight, before + 0.1)
        assert not weight.requires_grad
    assert any(name.startswith("slow.") for name in learner.state())


def test_it_matters_what_the_teacher_is_and_not_where(rows: Rows, tmp_path: Path) -> None:
    one, two = saved(rows, tmp_path / "one"), tmp_path / "two"
    shutil.copytree(one, two)
    other = saved(rows, tmp_path / "other", width=64)
    keys = [Distillation(teacher=str(folder)).semantic() for folder in (one, two, other)]
    assert keys[0] == keys[1] != keys[2]
    assert "causal" not in keys[0], "the task that is not done does not count"


def test_teachers_that_cannot_teach_are_refused(rows: Rows, tmp_path: Path) -> None:
    folder = str(saved(rows, tmp_path / "teacher"))
    with pytest.raises(StageFailure, match=r"distillation\.teacher.*holds no config\.json"):
        Distillation(teacher=str(tmp_path / "nothing")).semantic()
    with pytest.raises(StageFailure, match=r"distillation\.teacher .*cannot be read"):
        Distillation(teacher=str(tmp_path / "nothing")).learner(model_of(rows), rows.vocabulary, 0)
    with pytest.raises(StageFailure, match="500 tokens, and the tokenizer 499"):
        Distillation(teacher=folder).learner(model_of(rows), Vocabulary(size=499, pad=0), 0)
    with pytest.raises(StageFailure, match="no mask token"):
        Distillation().needs(Vocabulary(size=10, pad=0))
    assert Distillation(task="causal").reads == "left"


@pytest.mark.parametrize("given", ["folder", "average"])
def test_a_tiny_run_on_real_text_learns(
    training: Callable[..., Training], rows: Rows, tmp_path: Path, given: str
) -> None:
    teacher = str(saved(rows, tmp_path / "teacher")) if given == "folder" else ""
    chosen = {"kind": "distillation", "distillation": {"teacher": teacher, "momentum": 0.9}}
    run = training(forty_steps(family="bert", objective=chosen, optimizer=OPTIMIZER))
    # twice the cross entropy of the tokens is in the sum
    assert learnt(run) > (0.5 if teacher else 1.0)
