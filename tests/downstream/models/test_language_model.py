"""Likelihoods against sums taken token by token."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, ElectraConfig, ElectraForPreTraining, T5Config

from tasks.downstream.benchmarks.minimal_pairs import MinimalPairs, PairFolder
from tasks.downstream.data.task_data import Task
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.task_types import kind_of
from tasks.errors import StageFailure

TEXTS = ["the oak and the birch", "a sail", "the oak the mast of many old branch root bark"]
SHAPE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
LONG = " ".join(TEXTS * 4)


def test_a_causal_model_foretells_each_token_from_those_before(checkpoint: Path) -> None:
    read = LanguageModel(checkpoint, random=False, seed=0, max_tokens=64)
    stock = AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    for text, seen in zip(TEXTS, read.compute_likelihoods(TEXTS), strict=True):
        ids = [read.tokenizer.hf_tokenizer.eos_token_id, *read.tokenizer([text])[0]]
        total = 0.0
        for place in range(1, len(ids)):
            with torch.no_grad():
                logits = stock(torch.tensor([ids[:place]])).logits[0, -1]
            total -= float(logits.log_softmax(-1)[ids[place]])
        assert seen.nats == pytest.approx(total, rel=1e-5)
        assert seen.tokens == len(text.split())


def test_a_masked_model_foretells_each_token_from_all_others(masked: Path) -> None:
    read = LanguageModel(masked, random=False, seed=0, max_tokens=64)
    stock = AutoModelForMaskedLM.from_pretrained(masked).eval()
    for text, seen in zip(TEXTS, read.compute_likelihoods(TEXTS), strict=True):
        (ids,) = read.tokenizer([text])
        total = 0.0
        for place in range(len(ids)):
            hidden = [*ids[:place], read.tokenizer.hf_tokenizer.mask_token_id, *ids[place + 1 :]]
            with torch.no_grad():
                total -= float(stock(torch.tensor([hidden])).logits[0, place].log_softmax(-1)[ids[place]])
        assert seen.nats == pytest.approx(total, rel=1e-5)
        assert seen.tokens == len(ids)


@pytest.mark.parametrize("family", ["checkpoint", "masked"])
def test_a_long_text_is_read_in_windows_and_each_token_counts_once(family: str, request: Any) -> None:
    read = LanguageModel(request.getfixturevalue(family), random=False, seed=0, max_tokens=11)
    (ids,) = read.tokenizer.hf_tokenizer([LONG])["input_ids"]
    windows = read.split_into_windows(["a sail", LONG])
    assert max(len(each.ids) for each in windows) <= 11
    assert [each.text for each in windows][:3] == [0, 1, 1]
    counted = [id_ for each in windows[1:] for id_, counts in zip(each.ids, each.scored, strict=True) if counts]
    assert counted == ids
    assert all(each.scored.index(True) >= 5 for each in windows[2:])
    assert [each.tokens for each in read.compute_likelihoods(["a sail", LONG])] == [2, len(ids)]


def test_what_comes_after_a_prompt_is_the_whole_without_the_prompt(checkpoint: Path) -> None:
    read = LanguageModel(checkpoint, random=False, seed=0, max_tokens=64)
    whole, prompt = read.compute_likelihoods(["the oak and the birch", "the oak"])
    (rest,) = read.compute_likelihoods(["the oak and the birch"], [len("the oak")])
    assert rest.nats == pytest.approx(whole.nats - prompt.nats, rel=1e-5)
    assert rest.tokens == 3


def test_random_weights_know_nothing(checkpoint: Path) -> None:
    read = LanguageModel(checkpoint, random=True, seed=1, max_tokens=64)
    seen = read.compute_likelihoods(TEXTS)
    nats = sum(each.nats for each in seen) / sum(each.tokens for each in seen)
    assert nats == pytest.approx(np.log(read.vocab_size), abs=0.3)


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
    settings = {"sets": [{"name": "made", "path": str(folder), "most_of_file": 3} | fields]}
    (task,) = MinimalPairs.model_validate(settings).tasks(pl.DataFrame())
    return task


def test_pairs_are_read_by_file(tmp_path: Path) -> None:
    task = pairs(tmp_path)
    assert len(task.test) == 3
    assert task.test["group"].unique().to_list() == ["order"]
    kind = kind_of(task)
    found = {name: guess(task, task.train).answers for name, guess in kind.baselines.items()}
    assert kind.scores(task, task.test, found["chance"])["accuracy"].value == 0.5
    assert kind.scores(task, task.test, found["shortest"])["accuracy"].value == 0


def test_pairs_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(StageFailure, match=r"order.jsonl, line 1: no text in 'good' or 'sentence_bad'"):
        pairs(tmp_path, good="good")
    (tmp_path / "order.jsonl").unlink()
    with pytest.raises(StageFailure, match=r"holds no .jsonl file"):
        list(MinimalPairs(sets=[PairFolder(name="made", path=str(tmp_path))]).tasks(pl.DataFrame()))
