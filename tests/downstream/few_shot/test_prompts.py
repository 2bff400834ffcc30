"""What a causal model reads: as many examples as its context has room for, and the question."""

from collections import Counter
from collections.abc import Sequence

import pytest

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.few_shot.prompts import (
    FORMS,
    PromptBuilder,
    QuestionForm,
    draw_examples,
    has_prompts,
)
from tasks.downstream.task_types import load_task_type
from tasks.downstream.task_types.answers import SpanAnswerTask
from tasks.downstream.task_types.choices import ChoiceTask
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.downstream.task_types.relations import RelationTask
from tasks.downstream.task_types.texts import GenerationTask


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def make_class_task() -> Task:
    rows = [{"text": f"text {row}", "second": "", "label": row % 2, "origin": f"row {row}"} for row in range(40)]
    part = build_table(rows, ClassificationTask.columns)
    return Task("made", "", "classes", ["bad", "good"], part, part, part, [])


def test_examples_are_those_of_fine_tuning_and_even_over_classes() -> None:
    task = make_class_task()
    sample = load_task_type(task).sample(task, 8, 1)
    drawn = draw_examples(task, 8, 1, 6)
    assert {row["text"] for row in drawn} <= set(sample["text"])
    assert Counter(row["label"] for row in drawn) == {0: 3, 1: 3}
    assert drawn == draw_examples(task, 8, 1, 6)
    assert drawn != draw_examples(task, 8, 2, 6)
    assert {row["text"] for row in draw_examples(task, 8, 1, 16)} == set(sample["text"]), "all 8 of each class"
    assert draw_examples(task, 8, 1, 4) == drawn[:4], "fewer are the beginning of more"


def test_examples_that_have_no_room_are_dropped_and_shorter_ones_kept() -> None:
    examples = [
        QuestionForm("one two", " three", []),
        QuestionForm("long " * 30, " no", []),
        QuestionForm("four", " five", []),
    ]
    question = QuestionForm("which?", "", [" yes", " or no"])
    prompt = PromptBuilder(examples, count_words, max_tokens=8).build(question)
    assert prompt.text == "one two three\n\nfour five\n\nwhich?"
    assert prompt.num_examples == 2
    tight = PromptBuilder(examples, count_words, max_tokens=7).build(question)
    assert (tight.num_examples, tight.text) == (1, "one two three\n\nwhich?")
    with_room_to_write = PromptBuilder(examples, count_words, max_tokens=11).build(QuestionForm("which?", "", []), 5)
    assert with_room_to_write.num_examples == 2


def test_a_prompt_fits_also_where_its_parts_have_fewer_tokens_than_the_whole() -> None:
    def count(texts: Sequence[str]) -> list[int]:
        # a break between two texts costs a token more than both alone
        return [len(text.split()) + 2 * text.count("\n\n") * (text.count("\n\n") > 1) for text in texts]

    examples = [QuestionForm("a", " b", []), QuestionForm("c", " d", [])]
    prompt = PromptBuilder(examples, count, max_tokens=6).build(QuestionForm("e", "", [" f"]))
    assert prompt.num_examples == 1


def test_a_question_that_is_too_long_has_no_example() -> None:
    builder = PromptBuilder([QuestionForm("a", " b", [])], count_words, max_tokens=4)
    assert builder.build(QuestionForm("word " * 9, "", [])).num_examples == 0


@pytest.mark.parametrize(
    ("kind", "row", "question", "answer", "options"),
    [
        (ClassificationTask, {"text": "a", "second": "b", "label": 1}, "a\nb\nAnswer:", " good", [" bad", " good"]),
        (
            RelationTask,
            {
                "text": "oak and ash",
                "second": "",
                "label": 0,
                "first_start": 0,
                "first_end": 3,
                "second_start": 8,
                "second_end": 11,
            },
            "[oak] and [ash]\nAnswer:",
            " bad",
            [" bad", " good"],
        ),
        (ChoiceTask, {"prompt": "Two? ", "options": ["one", "2"], "right": 1, "group": ""}, "Two? ", "2", ["one", "2"]),
        (GenerationTask, {"text": "long text", "wanted": ["title", "other"]}, "long text\nAnswer:", " title", []),
        (
            SpanAnswerTask,
            {"question": "Who?", "context": "It was I.", "answers": [""], "starts": [-1]},
            "It was I.\nQuestion: Who?\nAnswer:",
            " no answer",
            [],
        ),
    ],
)
def test_the_form_of_each_type_of_task(
    kind: type[ChoiceTask], row: dict[str, object], question: str, answer: str, options: list[str]
) -> None:
    part = build_table([row | {"origin": ""}], kind.columns)
    name = kind.__module__.rpartition(".")[2]
    task = Task("made", "", name, ["bad", "good"], part, part, part, [])
    assert FORMS[name](task, row) == (question, answer, options)
    assert has_prompts(task)
    assert not has_prompts(Task("made", "", name, [], part.clear(), part, part, [])), "without an example"


def test_numbers_and_tags_are_not_asked_by_prompts() -> None:
    assert not {"numbers", "tags", "documents", "similarities"} & FORMS.keys()
