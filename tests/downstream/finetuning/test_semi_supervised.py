from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tasks.downstream.benchmarks.site_section import SiteSection
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.semi_supervised import ConsistencyLoss, add_pseudo_labels, load_unlabelled_texts
from tasks.downstream.finetuning.shards import fit_and_score
from tasks.downstream.finetuning.variants import list_models
from tasks.downstream.heads import make_head
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import load_encoder
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.settings.unlabelled import UnlabelledTexts
from tasks.errors import StageFailure


@pytest.fixture
def task(heldout: pl.DataFrame) -> Task:
    (site_task,) = SiteSection(passage_words=12, min_words=6, min_passages_per_class=8).make_tasks(heldout)
    return site_task


def test_only_confident_predictions_become_pseudo_labels() -> None:
    class Teacher:
        def evaluate(self, examples: object) -> tuple[float, pl.DataFrame]:
            return 0.0, pl.DataFrame({"predicted": [1, 0, 2], "confidence": [0.9, 0.5, 0.8]})

    from tasks.downstream.heads import Example

    labelled = add_pseudo_labels(Teacher(), [Example([n], [], [], 0) for n in range(3)], 0.8)  # type: ignore[arg-type]
    assert [(example.ids, example.target) for example in labelled] == [([0], 1), ([2], 2)]


def test_the_consistency_loss_is_of_confident_predictions_only(task: Task, checkpoint: Path) -> None:
    with use_one_thread():
        head = make_head(load_encoder(checkpoint, random=False, seed=0), task, FineTuning())
        examples = head.make_examples(CheckpointTokenizer(checkpoint, 32), task.train)
        head.prepare_training(examples)
        settings = UnlabelledTexts(method="consistency", min_confidence=0.5, token_dropout=0.3)
        loss_of_uniform = ConsistencyLoss(settings, examples, 4, np.random.default_rng(0))(head)
        assert float(loss_of_uniform.detach()) == 0.0  # an even guess over three classes
        torch.nn.init.normal_(head.head.weight, std=0.5)
        loss = ConsistencyLoss(settings, examples, 4, np.random.default_rng(0))(head)
        loss.backward()
    assert float(loss.detach()) > 0
    assert head.training
    assert head.head.weight.grad.any()


def test_dropped_tokens_are_never_the_first_or_the_last(task: Task) -> None:
    consistency = ConsistencyLoss(UnlabelledTexts(token_dropout=0.9), [], 4, np.random.default_rng(0))
    perturbed = [consistency._drop_tokens(list(range(20))) for _ in range(30)]
    assert all(ids[0] == 0 and ids[-1] == 19 and ids == sorted(ids) for ids in perturbed)
    assert np.mean([len(ids) for ids in perturbed]) < 8
    assert consistency._drop_tokens([]) == []


@pytest.mark.parametrize("method", ["pseudo-labels", "consistency"])
def test_one_more_model_is_fitted(method: str, task: Task, checkpoint: Path, tmp_path: Path) -> None:
    settings = UnlabelledTexts.model_validate({"method": method, "min_confidence": 0.5, "max_texts": 30})
    finetuning = FineTuning(epochs=2, min_steps=12, batch_size=6, max_length=32, unlabelled=settings)
    assert list_models(task, finetuning) == ("pretrained", "random", "unlabelled")
    assert list_models(task, FineTuning()) == ("pretrained", "random")
    task.save(tmp_path / "task.parquet")
    counts = {}
    for model in ("pretrained", "unlabelled"):
        counts[model] = fit_and_score(
            tmp_path / model, tmp_path / "task.parquet", checkpoint, finetuning, model, 4, 0, 0.01
        )
    assert counts["unlabelled"]["metrics"]["accuracy"] > 0.5
    assert counts["unlabelled"]["curve"] != counts["pretrained"]["curve"]


def test_a_file_of_texts(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("oak and birch\n\nmast\n", encoding="utf-8")
    rows = load_unlabelled_texts(UnlabelledTexts(method="consistency", file=str(path)), task)
    assert rows["text"].to_list() == ["oak and birch", "mast"]
    assert set(load_unlabelled_texts(UnlabelledTexts(method="consistency"), task)["text"]) == set(task.train["text"])
    assert len(load_unlabelled_texts(UnlabelledTexts(method="consistency", max_texts=5), task)) == 5
    key = UnlabelledTexts(method="consistency", file=str(path)).semantic()
    path.write_text("\n")
    assert UnlabelledTexts(method="consistency", file=str(path)).semantic() != key
    with pytest.raises(StageFailure, match="has no text"):
        load_unlabelled_texts(UnlabelledTexts(method="consistency", file=str(path)), task)
    with pytest.raises(StageFailure, match="cannot be read"):
        load_unlabelled_texts(UnlabelledTexts(method="consistency", file=str(tmp_path)), task)
    with pytest.raises(
        StageFailure, match=r"none does not exist\. Correct the path in evaluate\.finetuning\.unlabelled"
    ):
        load_unlabelled_texts(UnlabelledTexts(method="consistency", file=str(tmp_path / "none")), task)


def test_what_is_not_used_does_not_enter_the_key() -> None:
    assert UnlabelledTexts().semantic() == UnlabelledTexts(max_texts=3).semantic()
