"""Answers of models as they are, causal and masked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.models.encoder import Tokens, batch_of, load
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.settings.finetuning import Recipe
from tasks.downstream.task_types import TaskType, load_task_type
from tasks.downstream.task_types.continuations import ContinuationTask
from tasks.downstream.task_types.retrieval import RetrievalTask
from tasks.downstream.task_types.similarities import SimilarityTask
from tasks.downstream.task_types.stereotypes import StereotypeTask
from tasks.downstream.zero_shot import read
from tasks.errors import StageFailure

RECIPE = Recipe(max_length=32)
SAID = {"text": "the oak and", "group": "", "count": 4, "length": 6, "origin": ""}


def made(kind: type[TaskType], rows: list[dict[str, object]], names: list[str], train: list[dict[str, object]]) -> Task:
    parts = [build_table([row | {"origin": ""} for row in part], kind.columns) for part in (train, [], rows)]
    return kind().validate(Task("made", "", kind.__module__.rpartition(".")[2], names, *parts, [0]))


def pairs() -> Task:
    texts = ["the oak", "a sail and a mast", "old bark", "the oak"]
    rows = [{"text": text, "second": "the oak", "number": float(number)} for number, text in enumerate(texts)]
    return made(SimilarityTask, rows, [], [])


def test_the_cosine_of_the_last_states(masked: Path) -> None:
    answers = read(pairs(), masked, RECIPE, "pretrained", 0)
    encoder, tokens = load(masked, random=False, seed=0).eval(), Tokens(masked, 32)
    with torch.no_grad():
        one, other = (
            encoder.body(**_input(tokens, text)).last_hidden_state[0].mean(0) for text in ("the oak", "old bark")
        )
    assert answers["predicted"][2] == pytest.approx(float(torch.cosine_similarity(one, other, 0)), abs=1e-5)
    assert answers["predicted"][0] == pytest.approx(1)
    assert answers["standardized"][3] == pytest.approx(1)


def _input(tokens: Tokens, text: str) -> dict[str, torch.Tensor]:
    batch = batch_of(tokens([text]))
    return {"input_ids": batch.input_ids_BT, "attention_mask": batch.mask_BT.long()}


@pytest.mark.parametrize("family", ["checkpoint", "masked"])
def test_a_question_that_is_its_document_finds_it(family: str, request: pytest.FixtureRequest) -> None:
    texts = ["the oak and a leaf", "sail mast deck", "violin chord", "many old branch"]
    documents = [{"text": text, "relevant": []} for text in texts]
    questions = [{"text": text, "relevant": [number]} for number, text in enumerate(texts)]
    task = made(RetrievalTask, questions, [], documents)
    answers = read(task, request.getfixturevalue(family), RECIPE, "random", 3)
    assert answers["first"].to_list() == [0, 1, 2, 3]
    scores = load_task_type(task).score_answers(task, task.test, answers)
    assert scores["ndcg@10"].value == 1


def biased() -> Task:
    rows = [
        {"options": ["the old captain", "the new captain"], "direction": "stereo"},
        {"options": ["many oak and bark", "some oak and bark"], "direction": "antistereo"},
    ]
    return made(StereotypeTask, [row | {"prompt": "", "right": 0, "group": "age"} for row in rows], [], [])


def test_a_masked_model_is_asked_for_the_tokens_that_both_sentences_share(masked: Path) -> None:
    (first, _) = read(biased(), masked, RECIPE, "pretrained", 0)["likelihoods"].to_list()
    model = LanguageModel(masked, random=False, seed=0, most_tokens=32)
    for found, text in zip(first, ["the old captain", "the new captain"], strict=True):
        (window,) = model.windows([text])
        (alone,) = model.judged([window.counting([True, False, True])], 1)
        assert found == pytest.approx(-alone.nats)
        assert alone.tokens == 2


def test_a_sentence_that_does_not_fit_is_named(masked: Path) -> None:
    task = biased()
    row = {"options": ["the oak " * 20, "the sail"], "direction": "stereo", "prompt": "", "right": 0, "group": ""}
    long = build_table([row | {"origin": "a.csv, row 7"}], StereotypeTask.columns)
    with pytest.raises(StageFailure, match=r"a.csv, row 7: a sentence has more than the 32 tokens"):
        read(replace(task, test=task.test.vstack(long)), masked, RECIPE, "pretrained", 0)


def test_a_causal_model_is_asked_for_whole_sentences(checkpoint: Path) -> None:
    found = read(biased(), checkpoint, RECIPE, "pretrained", 0)["likelihoods"].to_list()
    seen = LanguageModel(checkpoint, random=False, seed=0, most_tokens=32).seen(biased().test["options"][1])
    assert found[1] == pytest.approx([-each.nats for each in seen])


def test_continuations_are_those_of_their_seed(checkpoint: Path) -> None:
    task = made(ContinuationTask, [SAID, SAID | {"text": "oak " * 99}], ["oak", "sail"], [])
    first, again, other = (read(task, checkpoint, RECIPE, "random", seed) for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)
    told = first["continuations"].to_list()
    assert [len(each) for each in told] == [4, 4]
    assert all(len(text.split()) <= 6 for each in told for text in each)
    held = [sum("oak" in text.split() or "sail" in text.split() for text in each) for each in told]
    assert first["listed"].to_list() == held


def test_a_masked_model_goes_on_with_nothing(masked: Path) -> None:
    with pytest.raises(StageFailure, match="a masked one, which goes on with no text"):
        read(made(ContinuationTask, [SAID], ["oak"], []), masked, RECIPE, "pretrained", 0)


def test_continuations_leave_room_for_a_prompt(checkpoint: Path) -> None:
    with pytest.raises(StageFailure, match="continuations of 40 tokens leave no room for a prompt in 32"):
        read(made(ContinuationTask, [SAID | {"length": 40}], ["oak"], []), checkpoint, RECIPE, "pretrained", 0)


def test_answers_are_in_the_order_of_the_rows(checkpoint: Path) -> None:
    answers = read(pairs(), checkpoint, RECIPE, "pretrained", 0)
    turned = pairs().test.reverse()
    task = Task("made", "", "similarities", [], turned.clear(), turned.clear(), turned, [0])
    again = read(task, checkpoint, RECIPE, "pretrained", 0)
    assert np.allclose(answers["predicted"], again["predicted"].reverse())
    assert isinstance(answers, pl.DataFrame)
