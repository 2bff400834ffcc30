"""A head for every kind learns an easy task, and gives answers in order, also of texts that were cut."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.frozen_features import attach_features
from tasks.downstream.finetuning.loop import FittedModel, fit_model
from tasks.downstream.heads import make_head
from tasks.downstream.heads.tags import find_token_spans, find_word_offsets
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import load_encoder
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import TaskType, load_task_type
from tasks.downstream.task_types.answers import SpanAnswerTask
from tasks.downstream.task_types.classes import ClassificationTask
from tasks.downstream.task_types.numbers import RegressionTask
from tasks.downstream.task_types.relations import RelationTask
from tasks.downstream.task_types.tags import TaggingTask

TREES, SHIPS, MUSIC = ["oak", "birch", "leaf", "root"], ["sail", "mast", "deck", "tide"], ["violin", "chord", "drum"]
FINETUNING = FineTuning(epochs=6, min_steps=40, batch_size=8, max_length=32)


def sample_words(rng: np.random.Generator, *among: str, many: int = 5) -> list[str]:
    return [str(rng.choice(among)) for _ in range(many)]


def make_pairs(rng: np.random.Generator) -> list[dict[str, object]]:
    """The same topic twice, or two."""
    rows = []
    for number in range(60):
        same = number % 2
        one, other = (TREES, TREES if same else SHIPS)
        rows.append(
            {"text": " ".join(sample_words(rng, *one)), "second": " ".join(sample_words(rng, *other)), "label": same}
        )
    return [row | {"number": float(row["label"]), "origin": ""} for row in rows]  # type: ignore[arg-type]


def make_sentences(rng: np.random.Generator) -> list[dict[str, object]]:
    """Trees are entities."""
    drawn = [sample_words(rng, *TREES, *SHIPS, many=int(rng.integers(1, 9))) for _ in range(60)]
    return [
        {"words": words, "tags": [int(word not in TREES) for word in words], "between": " ", "origin": ""}
        for words in drawn
    ]


def make_relations(rng: np.random.Generator) -> list[dict[str, object]]:
    """The first marked span is a tree or a ship."""
    rows = []
    for number in range(60):
        tree, ship = sample_words(rng, *TREES, many=1)[0], sample_words(rng, *SHIPS, many=1)[0]
        first, second = (tree, ship) if number % 2 else (ship, tree)
        text = f"{first} the {second}"
        spans = (0, len(first), len(text) - len(second), len(text))
        row = {"text": text, "second": "", "label": number % 2, "origin": ""}
        rows.append(row | dict(zip(("first_start", "first_end", "second_start", "second_end"), spans, strict=True)))
    return rows


def make_questions(rng: np.random.Generator) -> list[dict[str, object]]:
    """What stands behind the word that is asked for."""
    rows = []
    for _ in range(60):
        tree = str(rng.choice(TREES))
        before = sample_words(rng, *SHIPS, many=int(rng.integers(1, 30)))
        context = " ".join([*before, "anchor", tree, *sample_words(rng, *SHIPS)])
        row = {"question": "anchor", "context": context, "answers": [tree], "starts": [context.index(tree)]}
        rows.append(row | {"origin": ""})
    return rows


def split_into_task(kind: str, shape: type[TaskType], rows: list[dict[str, object]], names: list[str]) -> Task:
    examples = build_table([{name: row[name] for name in (*shape.columns, "origin")} for row in rows], shape.columns)
    return Task("made", "", kind, names, examples[:40], examples[40:50], examples[50:], [])


def make_task(kind: str) -> Task:
    rng = np.random.default_rng(0)
    match kind:
        case "classes":
            return split_into_task(kind, ClassificationTask, make_pairs(rng), ["two", "one"])
        case "numbers":
            return split_into_task(kind, RegressionTask, make_pairs(rng), [])
        case "tags":
            return split_into_task(kind, TaggingTask, make_sentences(rng), ["B-TREE", "O"])
        case "answers":
            return split_into_task(kind, SpanAnswerTask, make_questions(rng), [])
        case _:
            return split_into_task(kind, RelationTask, make_relations(rng), ["ship", "tree"])


def fit_head(data: Task, checkpoint: Path, finetuning: FineTuning = FINETUNING) -> FittedModel:
    tokenizer = CheckpointTokenizer(checkpoint, finetuning.max_length)
    with use_one_thread():
        head = make_head(load_encoder(checkpoint, random=False, seed=0), data, finetuning)
        train, validation = (head.make_examples(tokenizer, part) for part in (data.train, data.validation))
        return fit_model(head, head.select_learnable(train), validation, finetuning, 0.01, 0)


@pytest.mark.parametrize("kind", ["classes", "numbers", "tags", "relations", "answers"])
def test_an_easy_task_is_learnt(kind: str, checkpoint: Path) -> None:
    data = load_task_type(make_task(kind)).validate(make_task(kind))
    head = fit_head(data, checkpoint).head
    _, answers = head.evaluate(head.make_examples(CheckpointTokenizer(checkpoint, 32), data.test))
    scores = load_task_type(data).score_answers(data, data.test, answers)
    assert scores[load_task_type(data).metrics[0]].value > 0.8
    texts = [load_task_type(data).format_answer(data, row) for row in answers.iter_rows(named=True)]
    assert len(texts) == len(data.test)


@pytest.mark.parametrize("method", ["full", "head_only"])
def test_windows_without_the_answer_are_not_read_to_learn_from(checkpoint: Path, method: str) -> None:
    data, finetuning = (
        make_task("answers"),
        FineTuning.model_validate(FINETUNING.model_dump() | {"method": {"kind": method}}),
    )
    head = make_head(load_encoder(checkpoint, random=False, seed=0), data, finetuning)
    examples = head.make_examples(CheckpointTokenizer(checkpoint, 16), data.train)
    if method == "head_only":
        examples = attach_features(head, examples)
    learnable = head.select_learnable(examples)
    assert sum(map(head.count_units, learnable)) < 0.7 * sum(map(head.count_units, examples))
    assert all(window.start >= 0 for example in learnable for window in example.target[0])
    head.prepare_training(learnable)
    torch.nn.init.normal_(head.head.weight)
    with torch.no_grad():
        assert head.compute_loss(learnable).item() == pytest.approx(head.compute_loss(examples).item(), rel=1e-5)


def test_two_texts_may_be_read_together(checkpoint: Path) -> None:
    data = make_task("classes")
    head = make_head(load_encoder(checkpoint, random=False, seed=0), data, FineTuning(pair_encoding="joint"))
    apart = make_head(load_encoder(checkpoint, random=False, seed=0), data, FineTuning())
    tokenizer = CheckpointTokenizer(checkpoint, 32)
    one, two = head.make_examples(tokenizer, data.test)[0], apart.make_examples(tokenizer, data.test)[0]
    assert not one.second_ids
    assert two.second_ids
    assert len(one.ids) >= len(two.ids) + len(two.second_ids)


def test_words_beyond_the_longest_text_are_outside(checkpoint: Path) -> None:
    data = make_task("tags")
    long = build_table([{"words": TREES * 20, "tags": [0] * 80, "between": " ", "origin": ""}], TaggingTask.columns)
    head = fit_head(data, checkpoint).head
    _, answers = head.evaluate(head.make_examples(CheckpointTokenizer(checkpoint, 32), long))
    (tags,) = answers["predicted"].to_list()
    assert len(tags) == 80
    assert set(tags[40:]) == {1}
    assert 0 in tags[:32]


def test_a_word_has_all_tokens_that_touch_it() -> None:
    ends = find_word_offsets(["New", "York"], " ")
    assert ends == [(0, 3), (4, 8)]
    assert find_token_spans(ends, [(0, 2), (2, 3), (3, 6), (6, 8)]) == [(0, 2), (2, 4)]
    assert find_token_spans(ends, [(0, 3)]) == [(0, 1)]
