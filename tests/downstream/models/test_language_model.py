"""Likelihoods against sums taken token by token."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, ElectraConfig, ElectraForPreTraining, T5Config

from tasks.downstream.benchmarks.minimal_pairs import MinimalPairFiles, MinimalPairs
from tasks.downstream.data.task_data import Task
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.task_types import load_task_type
from tasks.errors import StageFailure

TEXTS = ["the oak and the birch", "a sail", "the oak the mast of many old branch root bark"]
SHAPE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
LONG = " ".join(TEXTS * 4)


def test_a_causal_model_predicts_each_token_from_those_before(checkpoint: Path) -> None:
    model = LanguageModel(checkpoint, random=False, seed=0, max_tokens=64)
    stock = AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    for text, likelihood in zip(TEXTS, model.compute_likelihoods(TEXTS), strict=True):
        ids = [model.tokenizer.hf_tokenizer.eos_token_id, *model.tokenizer([text])[0]]
        total = 0.0
        for position in range(1, len(ids)):
            with torch.no_grad():
                logits = stock(torch.tensor([ids[:position]])).logits[0, -1]
            total -= float(logits.log_softmax(-1)[ids[position]])
        assert likelihood.nats == pytest.approx(total, rel=1e-5)
        assert likelihood.tokens == len(text.split())


def test_a_masked_model_predicts_each_token_from_all_others(masked: Path) -> None:
    model = LanguageModel(masked, random=False, seed=0, max_tokens=64)
    stock = AutoModelForMaskedLM.from_pretrained(masked).eval()
    for text, likelihood in zip(TEXTS, model.compute_likelihoods(TEXTS), strict=True):
        (ids,) = model.tokenizer([text])
        total = 0.0
        for position in range(len(ids)):
            masked_ids = [*ids[:position], model.tokenizer.hf_tokenizer.mask_token_id, *ids[position + 1 :]]
            with torch.no_grad():
                total -= float(stock(torch.tensor([masked_ids])).logits[0, position].log_softmax(-1)[ids[position]])
        assert likelihood.nats == pytest.approx(total, rel=1e-5)
        assert likelihood.tokens == len(ids)


@pytest.mark.parametrize("family", ["checkpoint", "masked"])
def test_a_long_text_is_read_in_windows_and_each_token_counts_once(family: str, request: Any) -> None:
    model = LanguageModel(request.getfixturevalue(family), random=False, seed=0, max_tokens=11)
    (ids,) = model.tokenizer.hf_tokenizer([LONG])["input_ids"]
    windows = model.split_into_windows(["a sail", LONG])
    assert max(len(each.ids) for each in windows) <= 11
    assert [each.text for each in windows][:3] == [0, 1, 1]
    scored = [id_ for each in windows[1:] for id_, counts in zip(each.ids, each.scored, strict=True) if counts]
    assert scored == ids
    assert all(each.scored.index(True) >= 5 for each in windows[2:])
    assert [each.tokens for each in model.compute_likelihoods(["a sail", LONG])] == [2, len(ids)]


def test_what_comes_after_a_prompt_is_the_whole_without_the_prompt(checkpoint: Path) -> None:
    model = LanguageModel(checkpoint, random=False, seed=0, max_tokens=64)
    whole, prompt = model.compute_likelihoods(["the oak and the birch", "the oak"])
    (rest,) = model.compute_likelihoods(["the oak and the birch"], [len("the oak")])
    assert rest.nats == pytest.approx(whole.nats - prompt.nats, rel=1e-5)
    assert rest.tokens == 3


def test_random_weights_know_nothing(checkpoint: Path) -> None:
    model = LanguageModel(checkpoint, random=True, seed=1, max_tokens=64)
    likelihoods = model.compute_likelihoods(TEXTS)
    nats = sum(likelihood.nats for likelihood in likelihoods) / sum(likelihood.tokens for likelihood in likelihoods)
    assert nats == pytest.approx(np.log(model.vocab_size), abs=0.3)


def test_a_model_without_likelihood_is_named(tmp_path: Path) -> None:
    ElectraForPreTraining(ElectraConfig(vocab_size=30, embedding_size=16, **SHAPE)).save_pretrained(tmp_path)
    with pytest.raises(StageFailure, match="ElectraForPreTraining, which gives texts no likelihood"):
        LanguageModel(tmp_path, random=False, seed=0, max_tokens=8)


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    T5Config(vocab_size=30, d_model=16, num_layers=1, architectures=["T5WithLMHeadModel"]).save_pretrained(tmp_path)
    with pytest.raises(StageFailure, match="T5WithLMHeadModel, which gives texts no likelihood"):
        LanguageModel(tmp_path, random=False, seed=0, max_tokens=8)


def test_a_masked_model_needs_a_mask(masked: Path, tmp_path: Path) -> None:
    for path in masked.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((masked / "tokenizer_config.json").read_text())
    del config["mask_token"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(StageFailure, match="has no mask token"):
        LanguageModel(tmp_path, random=False, seed=0, max_tokens=8)


def pairs(folder: Path, **fields: str) -> Task:
    rows = [{"sentence_good": f"the oak {number}", "sentence_bad": "oak the"} for number in range(5)]
    (folder / "order.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = {"sets": [{"name": "made", "path": str(folder), "max_pairs_per_file": 3} | fields]}
    (task,) = MinimalPairs.model_validate(settings).make_tasks(pl.DataFrame())
    return task


def test_pairs_are_read_by_file(tmp_path: Path) -> None:
    task = pairs(tmp_path)
    assert len(task.test) == 3
    assert task.test["group"].unique().to_list() == ["order"]
    kind = load_task_type(task)
    answers = {name: guess(task, task.train).answers for name, guess in kind.baselines.items()}
    assert kind.score_answers(task, task.test, answers["chance"])["accuracy"].value == 0.5
    assert kind.score_answers(task, task.test, answers["shortest"])["accuracy"].value == 0


def test_pairs_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match=r"order.jsonl, row 1: no text in 'good' or 'sentence_bad'"):
        pairs(tmp_path, good_column="good")
    (tmp_path / "order.jsonl").unlink()
    with pytest.raises(StageFailure, match=r"holds no .tsv or .csv or .parquet or .json"):
        list(MinimalPairs(sets=[MinimalPairFiles(name="made", path=str(tmp_path))]).make_tasks(pl.DataFrame()))
