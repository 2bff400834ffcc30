"""What a fine-tuned model looked at to tell a class, a relation or a tag: integrated gradients of chosen answers.

Over the input embeddings, by Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017. The path goes
from a token that says nothing to the token that is there; what the tokens get adds up to the difference between both
ends (completeness).

Shapes: S points of the path, T tokens, D width, M places that are answered, K classes.
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
from tasks.downstream.models.encoder import CheckpointTokenizer

PATH_POINTS = {"classes": 32, "relations": 32, "tags": 128}
"""Of the path: a word's own state changes more abruptly along it than a mean over words, so its sum needs more"""
NUM_RIGHT, NUM_WRONG = 3, 6
"""Examples that are chosen"""


class ExplainedAnswer(NamedTuple):
    """An answer that is explained."""

    row: int
    place: int
    """which of the example's places, such as a word; 0 where the whole text is answered"""
    predicted: int
    truth: int
    confidence: float


class Attribution(NamedTuple):
    """What each token of one example adds to a class's probability."""

    values: list[list[float]]
    """of each text that was read"""
    probability: float
    empty: float
    """the probability where no token says anything"""


def compute_attribution(head: Head, example: Example, answer: ExplainedAnswer, neutral: Tensor) -> Attribution:
    """Of one answer to an example. `neutral` is the embedding (D) of a token that says nothing.

    The integral is a Gauss-Legendre sum, whose points lie closest at the path's ends; two more points are the ends.
    """
    nodes, weights = np.polynomial.legendre.leggauss(PATH_POINTS[head.task.kind])
    steps_S = torch.tensor([*(nodes + 1) / 2, 1.0, 0.0], dtype=torch.float32)
    weights_S = torch.tensor([*weights / 2, 0.0, 0.0], dtype=torch.float32)
    entered: list[tuple[Tensor, Tensor]] = []

    def onto_path(_: nn.Module, __: Any, embedded_STD: Tensor) -> Tensor:
        change_TD = embedded_STD[0].detach() - neutral
        point_STD = (neutral + steps_S[:, None, None] * change_TD).requires_grad_()
        entered.append((point_STD, change_TD))
        return point_STD

    hook = get_embedding_layer(head).register_forward_hook(onto_path)
    head.eval()
    try:
        outputs_MK = head.outputs([example] * len(steps_S))
        shares_SMK = torch.softmax(outputs_MK, 1).reshape(len(steps_S), -1, outputs_MK.shape[1])
        share_S = shares_SMK[:, answer.place, answer.predicted]
        gradients = torch.autograd.grad(share_S.sum(), [point for point, _ in entered])
    finally:
        hook.remove()
    values = [
        ((weights_S[:, None, None] * slope_STD).sum(0) * change_TD).sum(1).tolist()
        for slope_STD, (_, change_TD) in zip(gradients, entered, strict=True)
    ]
    probability, empty = share_S.detach()[-2:].tolist()
    return Attribution(values, probability, empty)


def get_embedding_layer(head: Head) -> nn.Embedding:
    """The layer that turns ids into vectors."""
    body: Any = head.encoder.body
    layer: nn.Embedding = body.get_input_embeddings()
    return layer


def get_neutral_embedding(head: Head, tokens: CheckpointTokenizer) -> Tensor:
    """The embedding (D) of the mask, else of the token that ends texts; else zeros, as in the paper."""
    weight = get_embedding_layer(head).weight.detach()
    tokenizer = tokens.tokenizer
    for number in (tokenizer.mask_token_id, tokenizer.eos_token_id):
        if number is not None and number < len(weight):
            return weight[number]
    return torch.zeros(weight.shape[1])


def choose_answers(task: Task, answers: pl.DataFrame) -> list[ExplainedAnswer]:
    """The answers that were given with most confidence: some right ones, then some wrong ones.

    Of tags one word a sentence, and none that is outside of all entities and rightly so.
    """
    every = _list_word_answers(task, answers) if task.kind == "tags" else _list_text_answers(task, answers)
    ordered = sorted(every, key=lambda answer: (-answer.confidence, answer.row, answer.place))
    right, wrong = ([each for each in ordered if (each.predicted == each.truth) is side] for side in (True, False))
    return [*_keep_first_of_each_row(right)[:NUM_RIGHT], *_keep_first_of_each_row(wrong)[:NUM_WRONG]]


def _list_text_answers(task: Task, answers: pl.DataFrame) -> list[ExplainedAnswer]:
    columns = (each.to_list() for each in (answers["predicted"], task.test["label"], answers["confidence"]))
    return [ExplainedAnswer(row, 0, *told) for row, told in enumerate(zip(*columns, strict=True))]


def _list_word_answers(task: Task, answers: pl.DataFrame) -> list[ExplainedAnswer]:
    none = task.names.index("O")
    columns = (each.to_list() for each in (answers["predicted"], task.test["tags"], answers["confidences"]))
    return [
        ExplainedAnswer(row, place, *told)
        for row, of_sentence in enumerate(zip(*columns, strict=True))
        for place, told in enumerate(zip(*of_sentence, strict=True))
        if told[:2] != (none, none) and told[2]  # a word that was not read has no confidence
    ]


def _keep_first_of_each_row(answers: list[ExplainedAnswer]) -> list[ExplainedAnswer]:
    found: dict[int, ExplainedAnswer] = {}
    for answer in answers:
        found.setdefault(answer.row, answer)
    return list(found.values())


def explain_answers(head: Head, tokens: CheckpointTokenizer, answers: pl.DataFrame) -> list[dict[str, Any]]:
    """Attributions of the chosen answers, each piece of text with its share, and whether it is marked or asked for."""
    task, neutral = head.task, get_neutral_embedding(head, tokens)
    found = []
    for answer in choose_answers(task, answers):
        row = task.test.row(answer.row, named=True)
        (example,) = head.examples(tokens, task.test[answer.row : answer.row + 1])
        told = compute_attribution(head, example, answer, neutral)
        marked = example.places if task.kind == "relations" else example.places[answer.place :][:1]
        pieces = split_into_token_texts(tokens, *get_row_texts(task, row), apart=bool(example.second))
        found.append(
            {
                "row": answer.row,
                "origin": row[ORIGIN],
                "predicted": task.names[answer.predicted],
                "truth": task.names[answer.truth],
                "probability": told.probability,
                "empty": told.empty,
                "texts": [
                    [
                        [piece, value, any(first <= place < last for first, last in marked)]
                        for place, (piece, value) in enumerate(zip(some, values, strict=True))
                    ]
                    for some, values in zip(pieces, told.values, strict=True)
                ],
            }
        )
    return found


def get_row_texts(task: Task, row: dict[str, Any]) -> tuple[str, str]:
    """Both texts that a model reads of a row; the second may be empty."""
    return (row["between"].join(row["words"]), "") if task.kind == "tags" else (row["text"], row["second"])


def split_into_token_texts(tokens: CheckpointTokenizer, text: str, second: str, *, apart: bool) -> list[list[str]]:
    """The piece of text that each token stands for, for each text that is read; nothing for added tokens."""
    if second and not apart:
        joint = f"\n{second}" if tokens.joins_bare else second
        return [_split_texts(tokens, [text, joint])]
    return [_split_texts(tokens, [each]) for each in ([text, second] if second else [text])]


def _split_texts(tokens: CheckpointTokenizer, texts: list[str]) -> list[str]:
    found = tokens.tokenizer(*texts, truncation=True, max_length=tokens.length, return_offsets_mapping=True)
    pieces, told = [], [0] * len(texts)
    for (_, end), part in zip(found["offset_mapping"], found.sequence_ids(), strict=True):
        # from where the last piece ended, so that blanks between tokens are there, and a character in two tokens once
        pieces.append("" if part is None else texts[part][told[part] : end])
        if part is not None:
            told[part] = max(told[part], end)
    return pieces


def write_attributions(path: Path, head: Head, tokens: CheckpointTokenizer, answers: pl.DataFrame) -> None:
    """As JSON, a line an example."""
    path.parent.mkdir(parents=True)
    lines = [json.dumps(each, ensure_ascii=False) for each in explain_answers(head, tokens, answers)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
