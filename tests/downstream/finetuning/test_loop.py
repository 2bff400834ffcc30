import math
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, BertConfig, GPT2Config, T5Config

from tasks.downstream.benchmarks.site_section import SiteSection
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.batches import iterate_step_rows
from tasks.downstream.finetuning.loop import FittedModel, fit_model, ranking_key
from tasks.downstream.finetuning.optimizer import compute_schedule_factor
from tasks.downstream.finetuning.shards import summarize_losses
from tasks.downstream.heads import make_head
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import Encoder, batch_by_length, load_encoder, pad_batch
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.errors import StageFailure

FINETUNING = FineTuning(epochs=4, min_steps=12, batch_size=6, max_length=32)


@pytest.fixture
def task(heldout: pl.DataFrame) -> Task:
    (site_task,) = SiteSection(passage_words=12, min_words=6, min_passages_per_class=8).make_tasks(heldout)
    return site_task


def fit_on_site(task: Task, checkpoint: Path, seed: int = 0, *, random: bool = True) -> FittedModel:
    tokenizer = CheckpointTokenizer(checkpoint, 32)
    with use_one_thread():
        head = make_head(load_encoder(checkpoint, random=random, seed=seed), task, FINETUNING)
        train, validation = (
            head.make_examples(tokenizer, part) for part in (ClassificationTask().sample(task, 8, 0), task.validation)
        )
        return fit_model(head, train, validation, FINETUNING, 0.01, seed)


def test_a_fit_learns_and_keeps_the_weights_of_its_best_validation(task: Task, checkpoint: Path) -> None:
    fitted = fit_on_site(task, checkpoint)
    loss, answers = fitted.head.evaluate(
        fitted.head.make_examples(CheckpointTokenizer(checkpoint, 32), task.validation)
    )
    assert fitted.best.score > 0.6
    assert fitted.best == max(fitted.validation_points, key=ranking_key)
    assert (answers["predicted"] == task.validation["label"]).mean() == fitted.best.score
    assert loss == pytest.approx(fitted.best.loss)


def test_the_curve_averages_stretches_of_steps() -> None:
    assert summarize_losses([4.0, 2.0, 1.0, 1.0], max_points=2) == [(2, 3.0), (4, 1.0)]
    assert summarize_losses([3.0]) == [(1, 3.0)]


def test_one_seed_gives_one_fit(task: Task, checkpoint: Path) -> None:
    first, again, other = (fit_on_site(task, checkpoint, seed).head.head.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_fit_begins_with_an_even_guess_and_changes_every_weight(task: Task, checkpoint: Path) -> None:
    before = dict(load_encoder(checkpoint, random=False, seed=0).named_parameters())
    after = dict(fit_on_site(task, checkpoint, random=False).head.encoder.named_parameters())
    same = [name for name, weight in before.items() if torch.equal(weight, after[name])]
    assert same == []
    head = make_head(load_encoder(checkpoint, random=False, seed=0), task, FINETUNING)
    examples = head.make_examples(CheckpointTokenizer(checkpoint, 32), task.train)
    head.prepare_training(examples)
    assert head.evaluate(examples)[0] == pytest.approx(math.log(3))


def test_threads_and_random_state_are_put_back() -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    with use_one_thread():
        torch.rand(3)
        assert torch.get_num_threads() == 1
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads


def test_every_epoch_holds_every_row_once() -> None:
    steps = list(iterate_step_rows(10, 4, 5, np.random.default_rng(0)))
    assert sorted(np.concatenate(steps).tolist()) == sorted([*range(10), *range(10)])


def test_the_rate_rises_and_falls() -> None:
    factors = [compute_schedule_factor(step, 20, 0.1) for step in range(1, 21)]
    assert max(factors) == 1.0
    assert factors.index(1.0) in {1, 2}
    assert 0 < factors[-1] < 0.1


@torch.no_grad()
def compute_features(encoder: Encoder, texts: list[list[int]]) -> torch.Tensor:
    return encoder.eval()(pad_batch(texts))


BODIES = {
    "gpt2": GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=32),
    "bert": BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32),
    "t5": T5Config(vocab_size=50, d_model=16, d_ff=32, d_kv=8, num_layers=2, num_heads=2),
}


@pytest.mark.parametrize("family", BODIES)
def test_padding_and_order_change_nothing(family: str, tmp_path: Path) -> None:
    AutoModel.from_config(BODIES[family]).save_pretrained(tmp_path)
    encoder = load_encoder(tmp_path, random=False, seed=0)
    texts = [[5, 6, 7], [8], [9, 10, 11, 12, 13]]
    together = compute_features(encoder, texts)
    alone = torch.cat([compute_features(encoder, [ids]) for ids in texts])
    assert together.shape == (3, 16 * 3)
    assert torch.allclose(together, alone, atol=1e-5)


def test_random_weights_follow_the_seed_and_pretrained_ones_do_not(checkpoint: Path) -> None:
    texts = [[5, 6, 7]]
    first, second, again = (
        compute_features(load_encoder(checkpoint, random=True, seed=seed), texts) for seed in (0, 1, 0)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, second)
    pretrained = [compute_features(load_encoder(checkpoint, random=False, seed=seed), texts) for seed in (0, 1)]
    assert torch.equal(*pretrained)


def test_the_fused_activation_is_the_same_function(checkpoint: Path) -> None:
    plain = AutoModel.from_pretrained(checkpoint, config=AutoConfig.from_pretrained(checkpoint, use_cache=False)).eval()
    texts = [[5, 6, 7, 8]]
    assert torch.allclose(
        compute_features(Encoder(plain), texts),
        compute_features(load_encoder(checkpoint, random=False, seed=0), texts),
        atol=1e-6,
    )


def test_empty_texts_are_padded() -> None:
    batch = pad_batch([[], [4]])
    assert batch.input_ids_BT.tolist() == [[0], [4]]
    assert batch.mask_BT.tolist() == [[0.0], [1.0]]


def test_batches_hold_texts_of_about_one_length() -> None:
    batches = batch_by_length([[1] * length for length in (9, 1, 8, 2)], 2)
    assert [rows.tolist() for rows in batches] == [[1, 3], [2, 0]]


def test_long_texts_are_cut_at_what_the_model_allows(checkpoint: Path) -> None:
    assert max(map(len, CheckpointTokenizer(checkpoint, 500)(["oak " * 300]))) == 64
    assert max(map(len, CheckpointTokenizer(checkpoint, 8)(["oak " * 300]))) == 8


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match="holds no model"):
        load_encoder(tmp_path, random=False, seed=0)
    with pytest.raises(StageFailure, match="holds no tokenizer"):
        CheckpointTokenizer(tmp_path, 8)


def test_a_tokenizer_that_transformers_makes_up_is_none(masked: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(masked / name, tmp_path)
    with pytest.raises(StageFailure, match="holds no tokenizer"):
        CheckpointTokenizer(tmp_path, 8)


def test_weights_that_are_not_there_are_told(masked: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = {name: weight for name, weight in load_file(masked / "model.safetensors").items() if "embeddings" in name}
    save_file(kept, tmp_path / "model.safetensors", {"format": "pt"})
    shutil.copy(masked / "config.json", tmp_path)
    load_encoder(tmp_path, random=False, seed=0)
    assert "weights, which begin at random: encoder.layer.0." in caplog.text
    caplog.clear()
    load_encoder(masked, random=False, seed=0)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(masked / name, tmp_path)
    LanguageModel(masked, random=False, seed=0, max_tokens=32)
    assert "at random" not in caplog.text
    LanguageModel(tmp_path, random=False, seed=0, max_tokens=32)
    assert "weights, which begin at random: bert.encoder.layer.0." in caplog.text
