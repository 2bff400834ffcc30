"""Answers of models as they are, causal and masked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import load_encoder, pad_batch
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import TaskType, load_task_type
from tasks.downstream.task_types.continuations import ContinuationTask
from tasks.downstream.task_types.retrieval import RetrievalTask
from tasks.downstream.task_types.similarities import SimilarityTask
from tasks.downstream.task_types.stereotypes import StereotypeTask
from tasks.downstream.zero_shot import answer_zero_shot
from tasks.errors import StageFailure

FINETUNING = FineTuning(max_length=32)
PROMPT = {"text": "the oak and", "group": "", "count": 4, "length": 6, "origin": ""}


def make_task(
    kind: type[TaskType], rows: list[dict[str, object]], names: list[str], train: list[dict[str, object]]
) -> Task:
    parts = [build_table([row | {"origin": ""} for row in part], kind.columns) for part in (train, [], rows)]
    return kind().validate(Task("made", "", kind.__module__.rpartition(".")[2], names, *parts, [0]))


def make_pairs() -> Task:
    texts = ["the oak", "a sail and a mast", "old bark", "the oak"]
    rows = [{"text": text, "second": "the oak", "number": float(number)} for number, text in enumerate(texts)]
    return make_task(SimilarityTask, rows, [], [])


def test_the_cosine_of_the_last_states(masked: Path) -> None:
    answers = answer_zero_shot(make_pairs(), masked, FINETUNING, "pretrained", 0)
    encoder, tokenizer = load_encoder(masked, random=False, seed=0).eval(), CheckpointTokenizer(masked, 32)
    with torch.no_grad():
        one, other = (
            encoder.body(**_make_inputs(tokenizer, text)).last_hidden_state[0].mean(0)
            for text in ("the oak", "old bark")
        )
    assert answers["predicted"][2] == pytest.approx(float(torch.cosine_similarity(one, other, 0)), abs=1e-5)
    assert answers["predicted"][0] == pytest.approx(1)
    assert answers["standardized"][3] == pytest.approx(1)


def _make_inputs(tokenizer: CheckpointTokenizer, text: str) -> dict[str, torch.Tensor]:
    batch = pad_batch(tokenizer([text]))
    return {"input_ids": batch.input_ids_BT, "attention_mask": batch.mask_BT.long()}


@pytest.mark.parametrize("family", ["checkpoint", "masked"])
def test_a_question_that_is_its_document_finds_it(family: str, request: pytest.FixtureRequest) -> None:
    texts = ["the oak and a leaf", "sail mast deck", "violin chord", "many old branch"]
    documents = [{"text": text, "relevant": []} for text in texts]
    questions = [{"text": text, "relevant": [number]} for number, text in enumerate(texts)]
    task = make_task(RetrievalTask, questions, [], documents)
    answers = answer_zero_shot(task, request.getfixturevalue(family), FINETUNING, "random", 3)
    assert answers["first"].to_list() == [0, 1, 2, 3]
    scores = load_task_type(task).score_answers(task, task.test, answers)
    assert scores["ndcg@10"].value == 1


def make_stereotypes() -> Task:
    rows = [
        {"options": ["the old captain", "the new captain"], "direction": "stereo"},
        {"options": ["many oak and bark", "some oak and bark"], "direction": "antistereo"},
    ]
    return make_task(StereotypeTask, [row | {"prompt": "", "right": 0, "group": "age"} for row in rows], [], [])


def test_a_masked_model_is_asked_for_the_tokens_that_both_sentences_share(masked: Path) -> None:
    (first, _) = answer_zero_shot(make_stereotypes(), masked, FINETUNING, "pretrained", 0)["likelihoods"].to_list()
    model = LanguageModel(masked, random=False, seed=0, max_tokens=32)
    for log_likelihood, text in zip(first, ["the old captain", "the new captain"], strict=True):
        (window,) = model.split_into_windows([text])
        (likelihood,) = model.score_windows([window.restrict_to([True, False, True])], 1)
        assert log_likelihood == pytest.approx(-likelihood.nats)
        assert likelihood.tokens == 2


def test_a_sentence_that_does_not_fit_is_named(masked: Path) -> None:
    task = make_stereotypes()
    row = {"options": ["the oak " * 20, "the sail"], "direction": "stereo", "prompt": "", "right": 0, "group": ""}
    long = build_table([row | {"origin": "a.csv, row 7"}], StereotypeTask.columns)
    with pytest.raises(StageFailure, match=r"a.csv, row 7: a sentence has more than the 32 tokens"):
        answer_zero_shot(replace(task, test=task.test.vstack(long)), masked, FINETUNING, "pretrained", 0)


def test_a_causal_model_is_asked_for_whole_sentences(checkpoint: Path) -> None:
    log_likelihoods = answer_zero_shot(make_stereotypes(), checkpoint, FINETUNING, "pretrained", 0)[
        "likelihoods"
    ].to_list()
    likelihoods = LanguageModel(checkpoint, random=False, seed=0, max_tokens=32).compute_likelihoods(
        make_stereotypes().test["options"][1]
    )
    assert log_likelihoods[1] == pytest.approx([-likelihood.nats for likelihood in likelihoods])


def test_continuations_are_those_of_their_seed(checkpoint: Path) -> None:
    task = make_task(ContinuationTask, [PROMPT, PROMPT | {"text": "oak " * 99}], ["oak", "sail"], [])
    first, again, other = (answer_zero_shot(task, checkpoint, FINETUNING, "random", seed) for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)
    continuations = first["continuations"].to_list()
    assert [len(texts) for texts in continuations] == [4, 4]
    assert all(len(text.split()) <= 6 for texts in continuations for text in texts)
    num_listed = [sum("oak" in text.split() or "sail" in text.split() for text in texts) for texts in continuations]
    assert first["listed"].to_list() == num_listed


def test_a_masked_model_goes_on_with_nothing(masked: Path) -> None:
    with pytest.raises(StageFailure, match="a masked language model, which cannot continue a text"):
        answer_zero_shot(make_task(ContinuationTask, [PROMPT], ["oak"], []), masked, FINETUNING, "pretrained", 0)


def test_continuations_leave_room_for_a_prompt(checkpoint: Path) -> None:
    with pytest.raises(StageFailure, match="continuations of 40 tokens leave no room for a prompt in 32"):
        answer_zero_shot(
            make_task(ContinuationTask, [PROMPT | {"length": 40}], ["oak"], []), checkpoint, FINETUNING, "pretrained", 0
        )


def test_answers_are_in_the_order_of_the_rows(checkpoint: Path) -> None:
    answers = answer_zero_shot(make_pairs(), checkpoint, FINETUNING, "pretrained", 0)
    turned = make_pairs().test.reverse()
    task = Task("made", "", "similarities", [], turned.clear(), turned.clear(), turned, [0])
    again = answer_zero_shot(task, checkpoint, FINETUNING, "pretrained", 0)
    assert np.allclose(answers["predicted"], again["predicted"].reverse())
    assert isinstance(answers, pl.DataFrame)
