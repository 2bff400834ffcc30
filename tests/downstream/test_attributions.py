"""Integrated gradients add up, and find the words that decide."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.downstream import attributions
from tasks.downstream.data.data_files import frame
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.loop import fit
from tasks.downstream.heads import Head, head_of
from tasks.downstream.models.encoder import Tokens, load
from tasks.downstream.models.one_thread import one_thread
from tasks.downstream.settings.finetuning import Recipe
from tasks.downstream.task_types.classes import Classes
from tasks.downstream.task_types.relations import SPANS, Relations
from tasks.downstream.task_types.tags import Tags
from tasks.evaluate.report.attribution_texts import group_attributions, load_attributions
from tasks.evaluate.report.rendering import render_template

COMMON = ["the", "a", "of", "and", "many", "old"]


def render_attributions(examples: list[dict[str, Any]]) -> str:
    return render_template("attributions.html", section={"attributions": group_attributions(examples)})


def made(*, second: bool) -> Task:
    """A text is of the class of its one word that is not common."""
    rng, rows = np.random.default_rng(0), []
    for number in range(40):
        words = [*(str(word) for word in rng.choice(COMMON, 5)), ["oak", "sail"][number % 2]]
        other = " ".join(rng.choice(COMMON, 3)) if second else ""
        rows.append({"text": " ".join(words), "second": other, "label": number % 2, "origin": f"<{number}>"})
    part = frame(rows, Classes.columns)
    return Task("made", "", "classes", ["tree", "ship"], part, part, part, [0])


def fitted(task: Task, folder: Path, recipe: Recipe) -> tuple[Head, Tokens]:
    tokens = Tokens(folder, recipe.max_length)
    with one_thread():
        head = head_of(load(folder, random=False, seed=0), task, recipe)
        examples = head.examples(tokens, task.train)
        return fit(head, examples, examples, recipe, 0.01, 0).head, tokens


@pytest.mark.parametrize("family", ["checkpoint", "masked"])
@pytest.mark.parametrize("pairs", ["none", "apart", "together"])
def test_attributions_add_up_to_what_the_text_changes(family: str, pairs: str, request: pytest.FixtureRequest) -> None:
    task = made(second=pairs != "none")
    how = {} if pairs == "none" else {"pairs": pairs}
    recipe = Recipe.model_validate({"fewest_steps": 20, "epochs": 1, "max_length": 32, **how})
    head, tokens = fitted(task, request.getfixturevalue(family), recipe)
    _, answers = head.judged(head.examples(tokens, task.test))
    for told in attributions.explained(head, tokens, answers):
        total = sum(value for text in told["texts"] for _, value, _ in text)
        assert total == pytest.approx(told["probability"] - told["empty"], abs=1e-3)
        assert told["probability"] == pytest.approx(answers["confidence"][told["row"]], abs=1e-5)
        row = task.test.row(told["row"], named=True)
        shown = "".join(piece for text in told["texts"] for piece, _, _ in text)
        assert shown.replace("\n", "") == row["text"] + row["second"]
        assert len(told["texts"]) == 1 + (pairs == "apart")


def test_the_word_that_decides_has_the_largest_share(checkpoint: Path) -> None:
    task = made(second=False)
    head, tokens = fitted(task, checkpoint, Recipe(fewest_steps=40, max_length=32))
    _, answers = head.judged(head.examples(tokens, task.test))
    for told in attributions.explained(head, tokens, answers):
        (text,) = told["texts"]
        piece, _, _ = max(text, key=lambda pair: pair[1])
        assert piece.strip() in {"oak", "sail"}


def tagged() -> Task:
    """A sentence of words that are not common is all entities."""
    rows = []
    for number in range(30):
        words = ["the", ["oak", "sail"][number % 2], "of", "old"]
        tags = [0, 1 + number % 2, 0, 0]
        rows.append({"words": words, "tags": tags, "between": " ", "origin": f"{number}"})
    part = frame(rows, Tags.columns)
    return Task("made", "", "tags", ["O", "B-TREE", "B-SHIP"], part, part, part, [0])


def test_of_tags_the_word_in_question_is_marked_and_decides(checkpoint: Path) -> None:
    head, tokens = fitted(tagged(), checkpoint, Recipe(fewest_steps=40, max_length=32))
    _, answers = head.judged(head.examples(tokens, head.task.test))
    found = attributions.explained(head, tokens, answers)
    assert len(found) == 3
    for told in found:
        (text,) = told["texts"]
        (asked,) = (piece.strip() for piece, _, marked in text if marked)
        assert asked == {"B-TREE": "oak", "B-SHIP": "sail"}[told["predicted"]]
        assert max(text, key=lambda each: each[1])[2]
        assert sum(value for _, value, _ in text) == pytest.approx(told["probability"] - told["empty"], abs=3e-3)


def test_of_tags_words_outside_of_entities_are_chosen_only_where_that_is_wrong() -> None:
    sure = [[0.9, 0.8, 0.7, 0.0]] * 30
    right = pl.DataFrame({"predicted": tagged().test["tags"], "confidences": sure})
    assert {(each.place, each.predicted == each.truth) for each in attributions.chosen(tagged(), right)} == {(1, True)}
    none = pl.DataFrame({"predicted": [[0] * 4] * 30, "confidences": sure})
    assert {(each.place, each.predicted) for each in attributions.chosen(tagged(), none)} == {(1, 0)}
    every = pl.DataFrame({"predicted": [[1] * 4] * 30, "confidences": sure})
    places = {each.place for each in attributions.chosen(tagged(), every) if each.truth != each.predicted}
    assert places == {0}, "the most confident one of each sentence, and never a word that was not read"


def test_of_relations_both_spans_are_marked(checkpoint: Path) -> None:
    rows = []
    for number in range(24):
        text = f"the {['oak', 'sail'][number % 2]} of many old leaf"
        spans = dict(zip(SPANS, (4, text.index(" of"), len(text) - 4, len(text)), strict=True))
        rows.append({"text": text, "second": "", "label": number % 2, "origin": "", **spans})
    part = frame(rows, Relations.columns)
    task = Task("made", "", "relations", ["tree", "ship"], part, part, part, [0])
    head, tokens = fitted(task, checkpoint, Recipe(fewest_steps=20, max_length=32))
    _, answers = head.judged(head.examples(tokens, task.test))
    for told in attributions.explained(head, tokens, answers):
        (text,) = told["texts"]
        marked = [piece.strip() for piece, _, is_marked in text if is_marked]
        assert marked == [{"tree": "oak", "ship": "sail"}[told["truth"]], "leaf"]
        assert sum(value for _, value, _ in text) == pytest.approx(told["probability"] - told["empty"], abs=1e-3)
    assert "<u>" in render_attributions(attributions.explained(head, tokens, answers))


def test_the_most_confident_ones_are_chosen_right_ones_first() -> None:
    task = made(second=False)
    answers = task.test.select(predicted="label").with_columns(confidence=task.test["label"] * 0.1 + 0.5)
    wrong = answers.with_columns(predicted=1 - answers["predicted"])
    assert [each.row for each in attributions.chosen(task, answers)] == [1, 3, 5]
    mixed = wrong[:2].vstack(answers[2:])
    assert [each.row for each in attributions.chosen(task, mixed)] == [3, 5, 7, 1, 0]


def test_what_was_written_is_shown(tmp_path: Path, checkpoint: Path) -> None:
    task = made(second=True)
    head, tokens = fitted(task, checkpoint, Recipe(fewest_steps=8, epochs=1, max_length=32))
    _, answers = head.judged(head.examples(tokens, task.test))
    attributions.write(tmp_path / "made" / "8.jsonl", head, tokens, answers)
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
