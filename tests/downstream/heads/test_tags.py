"""Tags by the words around, and sequences of tags whose steps are known."""

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.downstream.data.data_files import build_table
from tasks.downstream.data.task_data import Task
from tasks.downstream.finetuning.loop import fit_model
from tasks.downstream.heads import make_head
from tasks.downstream.heads.neighbours import WINDOW_REACH, sum_window_scores
from tasks.downstream.heads.tags import UNSEEN_TRANSITION, average_spans, decode_tags, find_transition_costs
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer
from tasks.downstream.models.encoder import load_encoder
from tasks.downstream.models.one_thread import use_one_thread
from tasks.downstream.settings.finetuning import FineTuning
from tasks.downstream.task_types import load_task_type
from tasks.downstream.task_types.tags import TaggingTask

NAMES = ["B-A", "B-B", "I-A", "I-B", "O"]


def test_units_are_scored_by_their_neighbours_in_the_sequence() -> None:
    scores = torch.randn(7, 2 * WINDOW_REACH + 1, 3)
    sums = sum_window_scores(scores)
    for unit in range(7):
        neighbour_scores = [
            scores[unit + distance, distance + WINDOW_REACH]
            for distance in range(-WINDOW_REACH, WINDOW_REACH + 1)
            if 0 <= unit + distance < 7
        ]
        assert torch.allclose(sums[unit], torch.stack(neighbour_scores).sum(0), atol=1e-6)
    assert torch.allclose(sum_window_scores(scores[:1])[0], scores[0, WINDOW_REACH])
    assert sum_window_scores(scores[:0]).shape == (0, 3)


def test_a_word_is_the_mean_of_its_tokens() -> None:
    states = torch.randn(5, 4)
    means = average_spans(states, [(0, 1), (1, 4)])
    assert torch.allclose(means, torch.stack([states[0], states[1:4].mean(0)]), atol=1e-6)
    assert average_spans(states, []).shape == (0, 4)


@pytest.mark.parametrize("seed", range(5))
def test_the_likeliest_tags_are_those_of_trying_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    log_probs, costs = np.log(rng.dirichlet(np.ones(4), 5)), np.where(rng.random((4, 4)) < 0.4, UNSEEN_TRANSITION, 0.0)

    def worth(tags: tuple[int, ...]) -> float:
        transitions = sum(costs[one, other] for one, other in pairwise([3, *tags, 3]))
        return float(transitions + log_probs[range(5), tags].sum())

    assert tuple(decode_tags(log_probs, costs, 3)) == max(product(range(4), repeat=5), key=worth)
    assert decode_tags(log_probs[:0], costs, 3) == []


def test_transitions_are_learnt_from_labelled_sentences_of_any_type() -> None:
    costs = find_transition_costs([[0, 2, 2, 4, 0], [4, 4]], NAMES)
    free = {(NAMES[one], NAMES[other]) for one, other in product(range(5), repeat=2) if costs[one, other] == 0}
    assert free == {
        *(("O", name) for name in ("O", "B-A", "B-B")),
        *((f"{letter}-{kind}", "O") for letter in "BI" for kind in "AB"),
        *((f"{letter}-{kind}", f"I-{kind}") for letter in "BI" for kind in "AB"),
    }
    # where entities begin with I unless one of their type ended just before, that is a step too
    assert find_transition_costs([[4, 2, 0, 4]], NAMES)[4, 3] == 0


def test_a_broken_entity_is_corrected_by_its_neighbours() -> None:
    costs = find_transition_costs([[0, 2, 4]], NAMES)
    log_probs = np.log([[0.35, 0.05, 0.1, 0.1, 0.4], [0.05, 0.05, 0.8, 0.05, 0.05]])
    assert log_probs.argmax(1).tolist() == [4, 2]
    assert decode_tags(log_probs, costs, 4) == [0, 2]


@pytest.mark.parametrize("family", ["checkpoint", "masked"])
def test_a_tag_may_depend_on_what_follows(family: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(family)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(80):
        words = ["oak", "sail" if number % 2 else "mast", *rng.choice(["leaf", "root"], 2)]
        rows.append({"words": words, "tags": [0 if number % 2 else 2, 2, 2, 2], "between": " ", "origin": ""})
    part = build_table(rows, TaggingTask.columns)
    data = Task("made", "", "tags", ["B-LONG", "B-SHORT", "O"], part[:60], part[60:70], part[70:], [])
    finetuning, tokenizer = (
        FineTuning(epochs=6, min_steps=40, batch_size=8, max_length=32),
        CheckpointTokenizer(folder, 32),
    )
    with use_one_thread():
        head = make_head(load_encoder(folder, random=False, seed=0), data, finetuning)
        train, validation = (head.make_examples(tokenizer, rows) for rows in (data.train, data.validation))
        best = fit_model(head, train, validation, finetuning, 0.01, 0).head
        _, answers = best.evaluate(best.make_examples(tokenizer, data.test))
    assert load_task_type(data).score_answers(data, data.test, answers)["f1"].value == 1
