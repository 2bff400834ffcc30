"""Teachers: a frozen one from a folder, and the model's own moving average."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.errors import StageFailure
from tasks.model.architecture import Architecture
from tasks.model.families import build_model
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import Vocabulary, read_vocabulary
from tasks.pretrain.data.randomness import Randomness
from tasks.pretrain.data.rows import PackedDataset, Rows
from tasks.pretrain.learners.teacher import DistillationLearner
from tasks.pretrain.objectives.distillation import Distillation
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import forty_steps, learnt

SAMPLES = np.arange(8)
OPTIMIZER = {"learning_rate": 0.01}


@pytest.fixture(scope="module")
def rows(tokens: Path) -> Rows:
    return PackedDataset([tokens / "train"], read_vocabulary(tokens / "tokenizer"), 32, start=2).read_samples(
        SAMPLES, seed=0
    )


def save_teacher(rows: Rows, folder: Path, family: str = "bert", hidden_size: int = 48) -> Path:
    """A teacher that is wider than the students."""
    settings = Architecture(family=family, num_layers=2, hidden_size=hidden_size, num_heads=2, max_length=32)
    build_model(settings, rows.vocabulary, seed=7).save_pretrained(folder)
    return folder


def build_packed_model(rows: Rows, family: str = "bert") -> PackedModel:
    settings = Architecture(family=family, num_layers=2, hidden_size=32, num_heads=2, max_length=32)
    return PackedModel(build_model(settings, rows.vocabulary, seed=0), settings.model_kind)


def compute_losses(objective: Distillation, learner: DistillationLearner, rows: Rows) -> list[float]:
    batch = {
        name: torch.from_numpy(array) for name, array in objective.make_batch(rows, Randomness(0, SAMPLES)).items()
    }
    return [loss.item() for loss in learner.compute_losses(batch, objective.temperature)]


@pytest.mark.parametrize(("family", "task"), [("bert", "masked"), ("gpt2", "causal"), ("llama", "causal")])
def test_a_student_of_another_width_becomes_like_its_teacher(
    rows: Rows, tmp_path: Path, family: str, task: str
) -> None:
    objective = Distillation(teacher=str(save_teacher(rows, tmp_path, family)), task=task, alpha_lm=1e-9)
    learner = objective.build_learner(build_packed_model(rows, family), rows.vocabulary, seed=0)
    assert isinstance(learner, DistillationLearner)
    batch = {
        name: torch.from_numpy(array) for name, array in objective.make_batch(rows, Randomness(0, SAMPLES)).items()
    }
    before = compute_losses(objective, learner, rows)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        objective.compute_loss(learner, batch)[0].backward()
        optimizer.step()
        objective.after_step(learner)
    after = compute_losses(objective, learner, rows)
    assert after[1] < before[1] / 2
    assert after[2] < before[2] / 2
    fresh = PackedModel(type(learner.teacher.module).from_pretrained(tmp_path), objective.model_kind)
    assert all(map(torch.equal, learner.teacher.module.parameters(), fresh.module.parameters())), "it is frozen"
    assert not any("teacher" in name or "slow" in name for name in learner.state_tensors()), (
        "and not in the checkpoints"
    )


def test_the_likeness_is_the_divergence_at_the_temperature(rows: Rows, tmp_path: Path) -> None:
    objective = Distillation(teacher=str(save_teacher(rows, tmp_path)), temperature=3.0)
    learner = objective.build_learner(build_packed_model(rows), rows.vocabulary, seed=0)
    assert isinstance(learner, DistillationLearner)
    arrays = objective.make_batch(rows, Randomness(0, SAMPLES))
    batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.no_grad():
        expected = 0.0
        outputs = []
        for model in (learner.model, learner.teacher):
            hidden = model.compute_hidden(batch).flatten(0, 1)[batch["predicted_indices"]]
            assert model.head is not None
            outputs.append((model.head(model.transform(hidden)) / 3.0).log_softmax(-1))
        student, teacher = outputs
        divergence_N = (teacher.exp() * (teacher - student)).sum(-1) * 9.0
        expected = float(divergence_N[batch["targets"] >= 0].sum())
    assert compute_losses(objective, learner, rows)[1] == pytest.approx(expected, rel=1e-4)


def test_its_own_average_follows_and_is_state(rows: Rows) -> None:
    objective = Distillation(ema_decay=0.9)
    learner = objective.build_learner(build_packed_model(rows), rows.vocabulary, seed=0)
    assert isinstance(learner, DistillationLearner)
    assert compute_losses(objective, learner, rows)[1:] == pytest.approx([0.0, 0.0], abs=1e-3), (
        "at first they are equal"
    )
    with torch.no_grad():
        for weight in learner.module.parameters():
            weight.add_(1.0)
    old = [weight.clone() for weight in learner.teacher.module.parameters()]
    objective.after_step(learner)
    for weight, before in zip(learner.teacher.module.parameters(), old, strict=True):
        torch.testing.assert_close(weight, before + 0.1)
        assert not weight.requires_grad
    assert any(name.startswith("slow.") for name in learner.state_tensors())


def test_it_matters_what_the_teacher_is_and_not_where(rows: Rows, tmp_path: Path) -> None:
    one, two = save_teacher(rows, tmp_path / "one"), tmp_path / "two"
    shutil.copytree(one, two)
    other = save_teacher(rows, tmp_path / "other", hidden_size=64)
    keys = [Distillation(teacher=str(folder)).semantic() for folder in (one, two, other)]
    assert keys[0] == keys[1] != keys[2]
    assert "causal" not in keys[0], "the task that is not done does not count"


def test_teachers_that_cannot_teach_are_refused(rows: Rows, tmp_path: Path) -> None:
    folder = str(save_teacher(rows, tmp_path / "teacher"))
    with pytest.raises(StageFailure, match=r"distillation\.teacher.*holds no config\.json"):
        Distillation(teacher=str(tmp_path / "nothing")).semantic()
    with pytest.raises(StageFailure, match=r"distillation\.teacher .*cannot be read"):
        Distillation(teacher=str(tmp_path / "nothing")).build_learner(build_packed_model(rows), rows.vocabulary, 0)
    with pytest.raises(StageFailure, match="500 tokens, and the tokenizer 499"):
        Distillation(teacher=folder).build_learner(build_packed_model(rows), Vocabulary(size=499, pad=0), 0)
    with pytest.raises(StageFailure, match="no mask token"):
        Distillation().check_tokenizer(Vocabulary(size=10, pad=0))
    assert Distillation(task="causal").model_kind == "decoder"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "average"])
def test_a_tiny_run_on_real_text_learns(
    training: Callable[..., Training], rows: Rows, tmp_path: Path, kind: str
) -> None:
    teacher = str(save_teacher(rows, tmp_path / "teacher")) if kind == "folder" else ""
    chosen = {"kind": "distillation", "distillation": {"teacher": teacher, "ema_decay": 0.9}}
    run = training(forty_steps(family="bert", objective=chosen, optimizer=OPTIMIZER))
    # twice the cross entropy of the tokens is in the sum
    assert learnt(run) > (0.5 if teacher else 1.0)
