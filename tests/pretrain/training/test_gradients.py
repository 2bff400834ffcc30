"""However a step is split over micro-batches and ranks, it is the same step: for every objective of the folder."""

import contextlib
import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.block import discover_blocks
from tasks.errors import StageFailure
from tasks.model.architecture import MODEL_KINDS
from tasks.model.families import build_model
from tasks.model.packed import PackedModel
from tasks.model.vocabulary import read_vocabulary
from tasks.pretrain.distributed.ranks import Ranks
from tasks.pretrain.objectives import Objective
from tasks.pretrain.settings import Pretrain
from tasks.pretrain.training.loop import Training
from tests.pretrain.conftest import CPU, small

KINDS = sorted(discover_blocks(Objective))
STEPS = 3
MUON = small(steps=STEPS, eval_interval=STEPS, batch={"batch_size": 8}, optimizer={"learning_rate": 1e-3})


@functools.cache
def find_family(kind: str, tokenizer: Path) -> str:
    """The first family that fits an objective."""
    objective, vocabulary = discover_blocks(Objective)[kind](), read_vocabulary(tokenizer)
    for family, reads in MODEL_KINDS.items():
        with contextlib.suppress(StageFailure):
            if reads == objective.model_kind:
                architecture = small(family=family, objective={"kind": kind}).architecture
                objective.build_learner(PackedModel(build_model(architecture, vocabulary, 0), reads), vocabulary, 0)
                return family
    raise AssertionError(f"no family fits {kind}")


def build_settings(kind: str, tokens: Path, grad_accumulation: int = 1) -> Pretrain:
    family = find_family(kind, tokens / "tokenizer")
    # Adam moves a weight without a gradient by the sign of its rounding errors: see that such steps are small
    changes = {
        "optimizer": {"kind": "adamw", "learning_rate": 1e-4},
        "batch": {"batch_size": 8, "grad_accumulation": grad_accumulation},
    }
    return small(family=family, objective={"kind": kind}, eval_interval=STEPS, steps=STEPS, **changes)


def take_steps(run: Training) -> list[dict[str, float]]:
    return [run.advance() for _ in range(STEPS)]


def take_steps_of_every_objective(ranks: Ranks, folder: Path, tokens: Path) -> None:
    """Of every objective, as each of the ranks saw them."""
    for kind in KINDS:
        run = Training(build_settings(kind, tokens, grad_accumulation=2), [tokens], folder / kind, CPU, ranks)
        (folder / f"{kind}.{ranks.rank}.json").write_text(json.dumps(take_steps(run)))


@pytest.fixture(scope="module")
def two_ranks(as_two_ranks: Callable[..., None], tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objectives")
    as_two_ranks(take_steps_of_every_objective, folder, tokens)
    return folder


def check_same(results: list[dict[str, float]], expected: list[dict[str, float]]) -> None:
    assert [record["tokens"] for record in results] == [record["tokens"] for record in expected]
    for what in ("loss", "gradient_norm"):
        assert [record[what] for record in results] == pytest.approx([record[what] for record in expected], rel=1e-4), (
            what
        )
    assert results[-1]["validation_loss"] == pytest.approx(expected[-1]["validation_loss"], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if not discover_blocks(Objective)[kind].compares_rows])
def test_one_two_and_four_micro_batches_are_the_same_step(
    training: Callable[..., Training], tokens: Path, kind: str
) -> None:
    runs = {number: take_steps(training(build_settings(kind, tokens, number), f"in {number}")) for number in (1, 2, 4)}
    for number in (2, 4):
        check_same(runs[number], runs[1])


@pytest.mark.parametrize("kind", KINDS)
def test_two_ranks_are_the_same_step_as_one(
    training: Callable[..., Training], tokens: Path, two_ranks: Path, kind: str
) -> None:
    results = [json.loads((two_ranks / f"{kind}.{number}.json").read_text()) for number in (0, 1)]
    assert results[0] == results[1], "all ranks know the same"
    check_same(results[0], take_steps(training(build_settings(kind, tokens, grad_accumulation=2))))


def muon_steps(ranks: Ranks, folder: Path, tokens: Path) -> None:
    run = Training(MUON, [tokens], folder / "run", CPU, ranks)
    (folder / f"{ranks.rank}.json").write_text(json.dumps(take_steps(run)))


def test_muon_shared_by_two_ranks_takes_the_steps_of_one(
    training: Callable[..., Training], as_two_ranks: Callable[..., None], tokens: Path, tmp_path: Path
) -> None:
    as_two_ranks(muon_steps, tmp_path, tokens)
    results = [json.loads((tmp_path / f"{number}.json").read_text()) for number in (0, 1)]
    assert results[0] == results[1]
    check_same(results[0], take_steps(training(MUON, "one rank")))
