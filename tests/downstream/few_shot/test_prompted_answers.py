"""Answers to prompts, against what the language model says of the same text."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.downstream.benchmarks.multiple_choice import ChoiceFile, MultipleChoice
from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.few_shot.prompted_answers import answer_prompts, check_prompts
from tasks.downstream.few_shot.prompts import draw_examples
from tasks.downstream.models.language_model import LanguageModel
from tasks.downstream.task_types import load_task_type
from tasks.downstream.task_types.answers import SpanAnswerTask
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.downstream.task_types.texts import GenerationTask
from tasks.errors import StageFailure

WORDS = ["oak", "birch", "sail", "mast", "tide", "drum", "opera", "chord"]


@pytest.fixture
def topics() -> Task:
    rows = [
        {"text": f"the {word} of the old {WORDS[(row + 3) % 8]}", "second": "", "label": row % 2, "origin": ""}
        for row, word in enumerate(WORDS * 3)
    ]
    part = build_table(rows, ClassificationTask.columns)
    return Task("made", "", "classes", ["sail", "the oak"], part, part, part[:6], [])


def test_the_likeliest_class_after_the_examples_is_the_answer(topics: Task, checkpoint: Path) -> None:
    answers = answer_prompts(topics, checkpoint, labels=2, seed=0, shots=3, max_target_length=8)
    model = LanguageModel(checkpoint, random=False, seed=0, max_tokens=64)
    examples = "".join(
        f"{row['text']}\nAnswer: {topics.names[row['label']]}\n\n" for row in draw_examples(topics, 2, 0, 3)
    )
    for row, predicted in zip(topics.test.iter_rows(named=True), answers["predicted"], strict=True):
        prompt = f"{examples}{row['text']}\nAnswer:"
        likelihoods = model.compute_likelihoods([f"{prompt} {name}" for name in topics.names], [len(prompt)] * 2)
        assert predicted == int(np.argmin([likelihood.nats for likelihood in likelihoods]))
    assert answers["shots"].to_list() == [3] * 6
    assert answers["dropped"].to_list() == [0] * 6
    assert load_task_type(topics).score_answers(topics, topics.test, answers)["accuracy"].value >= 0


def test_other_examples_give_other_probabilities(topics: Task, checkpoint: Path) -> None:
    first, second = (answer_prompts(topics, checkpoint, 2, seed, 3, 8)["probabilities"].to_list() for seed in (0, 1))
    assert first != second
    assert np.array(first).sum(1) == pytest.approx(np.ones(6), abs=1e-5)


def test_examples_beyond_the_context_are_dropped_and_counted(topics: Task, checkpoint: Path) -> None:
    """The model has 64 positions, and an example takes some nine."""
    answers = answer_prompts(topics, checkpoint, labels=0, seed=0, shots=20, max_target_length=8)
    assert answers["shots"].is_between(3, 7).all()
    assert (answers["shots"] + answers["dropped"]).to_list() == [20] * 6


def test_texts_are_written_up_to_the_end_of_the_line(checkpoint: Path) -> None:
    rows = [{"text": f"the old {word}", "wanted": [word], "origin": ""} for word in WORDS]
    part = build_table(rows, GenerationTask.columns)
    task = Task("made", "", "texts", [], part, part, part[:3], [])
    answers = answer_prompts(task, checkpoint, labels=0, seed=0, shots=2, max_target_length=6)
    assert len(answers) == 3
    assert all(len(text.split()) <= 6 and "\n" not in text for text in answers["written"])
    assert answers["shots"].to_list() == [2] * 3
    load_task_type(task).score_answers(task, task.test, answers)
    with pytest.raises(StageFailure, match="no room for a prompt before 64 tokens"):
        answer_prompts(task, checkpoint, labels=0, seed=0, shots=2, max_target_length=64)


def test_answers_are_written_too(checkpoint: Path) -> None:
    rows = [
        {
            "question": f"which {word}",
            "context": f"some old {word} of many",
            "answers": [word],
            "starts": [9],
            "origin": "",
        }
        for word in WORDS
    ]
    part = build_table(rows, SpanAnswerTask.columns)
    task = Task("made", "", "answers", [], part, part, part[:3], [])
    answers = answer_prompts(task, checkpoint, labels=0, seed=0, shots=1, max_target_length=6)
    assert answers["predicted"].dtype == pl.String
    assert answers["shots"].to_list() == [1] * 3


def test_multiple_choice_draws_its_examples_from_another_file(tmp_path: Path, checkpoint: Path) -> None:
    questions = [{"question": f"the {word}", "options": ["oak", "sail"], "answer": 0} for word in WORDS]
    for name, rows in (("test", questions[:4]), ("examples", questions[3:])):
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    data = ChoiceFile(name="made", path=str(tmp_path / "test.jsonl"), examples=str(tmp_path / "examples.jsonl"))
    (task,) = MultipleChoice(sets=[data]).make_tasks(pl.DataFrame())
    assert (len(task.test), len(task.train)) == (4, 4), "the question that both files have is not an example"
    answers = answer_prompts(task, checkpoint, labels=0, seed=0, shots=2, max_target_length=8)
    assert answers["likelihoods"].list.len().to_list() == [2] * 4
    assert answers["shots"].to_list() == [2] * 4
    load_task_type(task).score_answers(task, task.test, answers)
    without = data.model_copy(update={"examples": ""})
    assert data.semantic() != without.semantic()


def test_a_masked_model_answers_no_prompt(topics: Task, masked: Path, checkpoint: Path) -> None:
    check_prompts(topics, checkpoint)
    with pytest.raises(StageFailure, match="prompts are for causal models"):
        check_prompts(topics, masked)
