"""Attributions of a fine-tuned model's predicted class, relation or tag to tokens: integrated gradients.

Over the input embeddings, by Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017. The path goes
from a neutral token to the token of the text; the tokens' attributions add up to the difference between both ends
(completeness).

Shapes: S points of the path, T tokens, D hidden size, M units that are predicted, K classes.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from tasks.downstream.data.task_data import ORIGIN, Task
from tasks.downstream.heads import Example, Head
from tasks.downstream.models.checkpoint_tokenizer import CheckpointTokenizer

PATH_POINTS = {"classes": 32, "relations": 32, "tags": 128}
"""points of the path, by task type: a word's own state changes more abruptly along it than a mean over words, so its
sum needs more"""
NUM_RIGHT, NUM_WRONG = 3, 6
"""numbers of right and wrong answers that are explained"""


class ExplainedAnswer(NamedTuple):
    """An answer that is explained."""

    row: int
    unit: int
    """index of the example's unit, such as a word; 0 where the unit is the complete text"""
    predicted: int
    truth: int
    confidence: float


class Attribution(NamedTuple):
    """The contribution of each token of an example to a class's probability."""

    values: list[list[float]]
    """a list for each text that is encoded"""
    probability: float
    empty: float
    """the probability where all tokens are neutral"""


def compute_attribution(head: Head, example: Example, answer: ExplainedAnswer, neutral: Tensor) -> Attribution:
    """Return the attribution of one answer to the example's tokens. `neutral` is an embedding (D).

    The integral is a Gauss-Legendre sum, whose points lie closest at the path's ends; two more points are the ends.
    """
    nodes, weights = np.polynomial.legendre.leggauss(PATH_POINTS[head.task.kind])
    # nodes in [-1, 1] become points in [0, 1]; the ends are evaluated too, with weight 0
    steps_S = torch.tensor([*(nodes + 1) / 2, 1.0, 0.0], dtype=torch.float32)
    weights_S = torch.tensor([*weights / 2, 0.0, 0.0], dtype=torch.float32)
    paths: list[tuple[Tensor, Tensor]] = []

    def replace_by_path(_: nn.Module, __: Any, embedded_STD: Tensor) -> Tensor:
        # requires_grad_ makes a leaf of the points: gradients are needed for them, not for the embedding's weights
        change_TD = embedded_STD[0].detach() - neutral
        # Row s is the embedding at the point s of the straight path from the neutral token to the token of the text.
        point_STD = (neutral + steps_S[:, None, None] * change_TD).requires_grad_()
        # The hook runs once for each text that is encoded separately: a path each.
        paths.append((point_STD, change_TD))
        return point_STD

    # the batch is the same example once for every point; the hook puts the points in the place of its embeddings
    hook = get_embedding_layer(head).register_forward_hook(replace_by_path)
    head.eval()
    try:
        outputs_MK = head.compute_outputs([example] * len(steps_S))
        probabilities_SMK = torch.softmax(outputs_MK, 1).reshape(len(steps_S), -1, outputs_MK.shape[1])
        probability_S = probabilities_SMK[:, answer.unit, answer.predicted]
        # The rows of the batch do not depend on each other, so the gradient of the sum is each row's own.
        gradients = torch.autograd.grad(probability_S.sum(), [point_STD for point_STD, _ in paths])
    finally:
        hook.remove()
    values = [
        # Mean gradient along the path times the change, summed over the hidden size: the rule of integrated gradients.
        # The two end points have weight 0.
        ((weights_S[:, None, None] * gradient_STD).sum(0) * change_TD).sum(1).tolist()
        for gradient_STD, (_, change_TD) in zip(gradients, paths, strict=True)
    ]
    # The last two steps are 1.0 and 0.0.
    probability, empty = probability_S.detach()[-2:].tolist()
    return Attribution(values, probability, empty)


def get_embedding_layer(head: Head) -> nn.Embedding:
    """Return the layer that turns token ids into vectors."""
    body: Any = head.encoder.body
    layer: nn.Embedding = body.get_input_embeddings()
    return layer


def get_neutral_embedding(head: Head, tokenizer: CheckpointTokenizer) -> Tensor:
    """Return the embedding (D) of the mask, else of the token that ends texts; else zeros, as in the paper."""
    weight = get_embedding_layer(head).weight.detach()
    hf_tokenizer = tokenizer.hf_tokenizer
    for token_id in (hf_tokenizer.mask_token_id, hf_tokenizer.eos_token_id):
        if token_id is not None and token_id < len(weight):
            return weight[token_id]
    return torch.zeros(weight.shape[1])


def choose_answers(task: Task, answers: pl.DataFrame) -> list[ExplainedAnswer]:
    """Return the answers with the highest confidence: some right ones, then some wrong ones.

    Of tags one word a sentence, and none that is outside of all entities and rightly so.
    """
    candidates = _list_word_answers(task, answers) if task.kind == "tags" else _list_text_answers(task, answers)
    ranked = sorted(candidates, key=lambda answer: (-answer.confidence, answer.row, answer.unit))
    right, wrong = (
        [answer for answer in ranked if (answer.predicted == answer.truth) is is_right] for is_right in (True, False)
    )
    return [*_keep_first_of_each_row(right)[:NUM_RIGHT], *_keep_first_of_each_row(wrong)[:NUM_WRONG]]


def _list_text_answers(task: Task, answers: pl.DataFrame) -> list[ExplainedAnswer]:
    columns = (answers["predicted"], task.test["label"], answers["confidence"])
    rows = zip(*(column.to_list() for column in columns), strict=True)
    return [ExplainedAnswer(row, 0, *values) for row, values in enumerate(rows)]


def _list_word_answers(task: Task, answers: pl.DataFrame) -> list[ExplainedAnswer]:
    outside = task.names.index("O")
    columns = (answers["predicted"], task.test["tags"], answers["confidences"])
    sentences = zip(*(column.to_list() for column in columns), strict=True)
    return [
        ExplainedAnswer(row, unit, predicted, truth, confidence)
        for row, sentence in enumerate(sentences)
        for unit, (predicted, truth, confidence) in enumerate(zip(*sentence, strict=True))
        if (predicted, truth) != (outside, outside) and confidence  # a word that was not read has no confidence
    ]


def _keep_first_of_each_row(answers: list[ExplainedAnswer]) -> list[ExplainedAnswer]:
    first_of_row: dict[int, ExplainedAnswer] = {}
    for answer in answers:
        first_of_row.setdefault(answer.row, answer)
    return list(first_of_row.values())


def explain_answers(head: Head, tokenizer: CheckpointTokenizer, answers: pl.DataFrame) -> list[dict[str, Any]]:
    """Return attributions of the chosen answers as JSON objects.

    The texts are lists of [text of a token, its attribution, whether it is of the unit that is predicted or marked].
    """
    task, neutral = head.task, get_neutral_embedding(head, tokenizer)
    explanations = []
    for answer in choose_answers(task, answers):
        row = task.test.row(answer.row, named=True)
        (example,) = head.make_examples(tokenizer, task.test[answer.row : answer.row + 1])
        attribution = compute_attribution(head, example, answer, neutral)
        # Relations mark both arguments; a tag marks its word; a class marks nothing.
        marked_spans = example.spans if task.kind == "relations" else example.spans[answer.unit :][:1]
        token_texts = split_into_token_texts(tokenizer, *get_row_texts(task, row), is_separate=bool(example.second_ids))
        explanations.append(
            {
                "row": answer.row,
                "origin": row[ORIGIN],
                "predicted": task.names[answer.predicted],
                "truth": task.names[answer.truth],
                "probability": attribution.probability,
                "empty": attribution.empty,
                "texts": [
                    [
                        [token_text, value, any(start <= position < end for start, end in marked_spans)]
                        for position, (token_text, value) in enumerate(zip(texts, values, strict=True))
                    ]
                    for texts, values in zip(token_texts, attribution.values, strict=True)
                ],
            }
        )
    return explanations


def get_row_texts(task: Task, row: dict[str, Any]) -> tuple[str, str]:
    """Return both texts that a model reads of a row; the second may be empty."""
    return (row["between"].join(row["words"]), "") if task.kind == "tags" else (row["text"], row["second"])


def split_into_token_texts(
    tokenizer: CheckpointTokenizer, text: str, second: str, *, is_separate: bool
) -> list[list[str]]:
    """Return the characters of each token, a list for each text that is encoded; none for added special tokens."""
    if second and not is_separate:
        joint = f"\n{second}" if tokenizer.lacks_pair_separator else second
        return [_split_texts(tokenizer, [text, joint])]
    return [_split_texts(tokenizer, [single]) for single in ([text, second] if second else [text])]


def _split_texts(tokenizer: CheckpointTokenizer, texts: list[str]) -> list[str]:
    encoding = tokenizer.encode_texts(
        *texts, truncation=True, max_length=tokenizer.max_length, return_offsets_mapping=True
    )
    # each token's text begins where the previous one ended, so that blanks between tokens are included, and a
    # character in two tokens once
    token_texts, ends = [], [0] * len(texts)
    for (_, end), sequence in zip(encoding["offset_mapping"], encoding.sequence_ids(), strict=True):
        token_texts.append("" if sequence is None else texts[sequence][ends[sequence] : end])
        if sequence is not None:
            ends[sequence] = max(ends[sequence], end)
    return token_texts


def write_attributions(path: Path, head: Head, tokenizer: CheckpointTokenizer, answers: pl.DataFrame) -> None:
    """Write the attributions of chosen answers as JSON lines, one an answer."""
    path.parent.mkdir(parents=True)
    explanations = explain_answers(head, tokenizer, answers)
    lines = [json.dumps(explanation, ensure_ascii=False) for explanation in explanations]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
