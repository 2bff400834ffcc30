"""Integrated gradients add up, and find the words that decide."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.downstream import attributions
from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.loop import fit_model
from tasks.downstream.heads import Head, make_head
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import load_encoder
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.downstream.task_types.relations import SPANS, RelationTask
from tasks.downstream.task_types.tags import TaggingTask
from tasks.evaluate.report.attribution_texts import group_attributions, load_attributions
from tasks.evaluate.report.rendering import render_template

COMMON = ["the", "a", "of", "and", "many", "old"]


def render_attributions(examples: list[dict[str, Any]]) -> str:
    return render_template("attributions.html", section={"attributions": group_attributions(examples)})


def make_task(*, second: bool) -> Task:
    """A text is of the class of its one word that is not common."""
    rng, rows = np.random.default_rng(0), []
    for number in range(40):
        words = [*(str(word) for word in rng.choice(COMMON, 5)), ["oak", "sail"][number % 2]]
        other = " ".join(rng.choice(COMMON, 3)) if second else ""
        rows.append({"text": " ".join(words), "second": other, "label": number % 2, "origin": f"<{number}>"})
    part = build_table(rows, ClassificationTask.columns)
    return Task("made", "", "classes", ["tree", "ship"], part, part, part, [0])


def fit_head(task: Task, folder: Path, finetuning: FineTuning) -> tuple[Head, CheckpointTokenizer]:
    tokenizer = CheckpointTokenizer(folder, finetuning.max_length)
    with use_one_thread():
        head = make_head(load_encoder(folder, random=False, seed=0), task, finetuning)
        examples = head.make_examples(tokenizer, task.train)
        return fit_model(head, examples, examples, finetuning, 0.01, 0).head, tokenizer


@pytest.mark.parametrize("family", ["checkpoint", "masked"])
@pytest.mark.parametrize("pairs", ["none", "separate", "joint"])
def test_attributions_add_up_to_what_the_text_changes(family: str, pairs: str, request: pytest.FixtureRequest) -> None:
    task = make_task(second=pairs != "none")
    pair_settings = {} if pairs == "none" else {"pair_encoding": pairs}
    finetuning = FineTuning.model_validate({"min_steps": 20, "epochs": 1, "max_length": 32, **pair_settings})
    head, tokenizer = fit_head(task, request.getfixturevalue(family), finetuning)
    _, answers = head.evaluate(head.make_examples(tokenizer, task.test))
    for explanation in attributions.explain_answers(head, tokenizer, answers):
        total = sum(value for text in explanation["texts"] for _, value, _ in text)
        assert total == pytest.approx(explanation["probability"] - explanation["empty"], abs=1e-3)
        assert explanation["probability"] == pytest.approx(answers["confidence"][explanation["row"]], abs=1e-5)
        row = task.test.row(explanation["row"], named=True)
        shown = "".join(token_text for text in explanation["texts"] for token_text, _, _ in text)
        assert shown.replace("\n", "") == row["text"] + row["second"]
        assert len(explanation["texts"]) == 1 + (pairs == "separate")


def test_the_word_that_decides_has_the_largest_attribution(checkpoint: Path) -> None:
    task = make_task(second=False)
    head, tokenizer = fit_head(task, checkpoint, FineTuning(min_steps=40, max_length=32))
    _, answers = head.evaluate(head.make_examples(tokenizer, task.test))
    for explanation in attributions.explain_answers(head, tokenizer, answers):
        (text,) = explanation["texts"]
        token_text, _, _ = max(text, key=lambda pair: pair[1])
        assert token_text.strip() in {"oak", "sail"}


def make_tagged_task() -> Task:
    """A sentence of words that are not common is all entities."""
    rows = []
    for number in range(30):
        words = ["the", ["oak", "sail"][number % 2], "of", "old"]
        tags = [0, 1 + number % 2, 0, 0]
        rows.append({"words": words, "tags": tags, "between": " ", "origin": f"{number}"})
    part = build_table(rows, TaggingTask.columns)
    return Task("made", "", "tags", ["O", "B-TREE", "B-SHIP"], part, part, part, [0])


def test_of_tags_the_word_in_question_is_marked_and_decides(checkpoint: Path) -> None:
    head, tokenizer = fit_head(make_tagged_task(), checkpoint, FineTuning(min_steps=40, max_length=32))
    _, answers = head.evaluate(head.make_examples(tokenizer, head.task.test))
    explanations = attributions.explain_answers(head, tokenizer, answers)
    assert len(explanations) == 3
    for explanation in explanations:
        (text,) = explanation["texts"]
        (asked,) = (token_text.strip() for token_text, _, marked in text if marked)
        assert asked == {"B-TREE": "oak", "B-SHIP": "sail"}[explanation["predicted"]]
        assert max(text, key=lambda each: each[1])[2]
        assert sum(value for _, value, _ in text) == pytest.approx(
            explanation["probability"] - explanation["empty"], abs=3e-3
        )


def test_of_tags_words_outside_of_entities_are_chosen_only_where_that_is_wrong() -> None:
    sure = [[0.9, 0.8, 0.7, 0.0]] * 30
    right = pl.DataFrame({"predicted": make_tagged_task().test["tags"], "confidences": sure})
    assert {
        (answer.unit, answer.predicted == answer.truth)
        for answer in attributions.choose_answers(make_tagged_task(), right)
    } == {(1, True)}
    none = pl.DataFrame({"predicted": [[0] * 4] * 30, "confidences": sure})
    assert {(answer.unit, answer.predicted) for answer in attributions.choose_answers(make_tagged_task(), none)} == {
        (1, 0)
    }
    every = pl.DataFrame({"predicted": [[1] * 4] * 30, "confidences": sure})
    units = {
        answer.unit
        for answer in attributions.choose_answers(make_tagged_task(), every)
        if answer.truth != answer.predicted
    }
    assert units == {0}, "the most confident one of each sentence, and never a word that was not read"


def test_of_relations_both_spans_are_marked(checkpoint: Path) -> None:
    rows = []
    for number in range(24):
        text = f"the {['oak', 'sail'][number % 2]} of many old leaf"
        spans = dict(zip(SPANS, (4, text.index(" of"), len(text) - 4, len(text)), strict=True))
        rows.append({"text": text, "second": "", "label": number % 2, "origin": "", **spans})
    part = build_table(rows, RelationTask.columns)
    task = Task("made", "", "relations", ["tree", "ship"], part, part, part, [0])
    head, tokenizer = fit_head(task, checkpoint, FineTuning(min_steps=20, max_length=32))
    _, answers = head.evaluate(head.make_examples(tokenizer, task.test))
    for explanation in attributions.explain_answers(head, tokenizer, answers):
        (text,) = explanation["texts"]
        marked = [token_text.strip() for token_text, _, is_marked in text if is_marked]
        assert marked == [{"tree": "oak", "ship": "sail"}[explanation["truth"]], "leaf"]
        assert sum(value for _, value, _ in text) == pytest.approx(
            explanation["probability"] - explanation["empty"], abs=1e-3
        )
    assert "<u>" in render_attributions(attributions.explain_answers(head, tokenizer, answers))


def test_the_most_confident_ones_are_chosen_right_ones_first() -> None:
    task = make_task(second=False)
    answers = task.test.select(predicted="label").with_columns(confidence=task.test["label"] * 0.1 + 0.5)
    wrong = answers.with_columns(predicted=1 - answers["predicted"])
    assert [answer.row for answer in attributions.choose_answers(task, answers)] == [1, 3, 5]
    mixed = wrong[:2].vstack(answers[2:])
    assert [answer.row for answer in attributions.choose_answers(task, mixed)] == [3, 5, 7, 1, 0]


def test_what_was_written_is_shown(tmp_path: Path, checkpoint: Path) -> None:
    task = make_task(second=True)
    head, tokenizer = fit_head(task, checkpoint, FineTuning(min_steps=8, epochs=1, max_length=32))
    _, answers = head.evaluate(head.make_examples(tokenizer, task.test))
    attributions.write_attributions(tmp_path / "made" / "8.jsonl", head, tokenizer, answers)
    html = render_attributions(load_attributions(tmp_path / "made" / "8.jsonl"))
    opened: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Tags().feed(html)
    assert opened == []
    assert "&lt;" in html  # origins are escaped
    assert re.search(r'background:color-mix\(in srgb,var\(--(good|bad)\) 70%,transparent\)" title="[+-]\d', html)
    assert render_attributions([]).strip() == ""
