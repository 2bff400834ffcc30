"""What a fine-tuned classifier looked at: integrated gradients over the input embeddings of chosen examples.

Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017. The path goes from a token that says nothing
to the token that is there; what the tokens get adds up to the difference between both ends (completeness).

Shapes: S points of the path, T tokens, D width, K classes.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from tasks.evaluate.encoder import Tokens
from tasks.evaluate.examples import ORIGIN, Task
from tasks.evaluate.heads import Example, Head

POINTS = 32
EACH = 3


class Attribution(NamedTuple):
    """What each token of one example adds to a class's probability."""

    values: list[list[float]]
    """of each text that was read"""
    probability: float
    empty: float
    """the probability where no token says anything"""


def attribution(head: Head, example: Example, label: int, neutral: Tensor) -> Attribution:
    """Of one example, for one class. `neutral` is the embedding (D) of a token that says nothing.

    The integral is a Gauss-Legendre sum, whose points lie closest at the path's ends; two more points are the ends.
    """
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    steps_S = torch.tensor([*(nodes + 1) / 2, 1.0, 0.0], dtype=torch.float32)
    weights_S = torch.tensor([*weights / 2, 0.0, 0.0], dtype=torch.float32)
    entered: list[tuple[Tensor, Tensor]] = []

    def onto_path(_: nn.Module, __: Any, embedded_STD: Tensor) -> Tensor:
        change_TD = embedded_STD[0].detach() - neutral
        point_STD = (neutral + steps_S[:, None, None] * change_TD).requires_grad_()
        entered.append((point_STD, change_TD))
        return point_STD

    hook = embeddings(head).register_forward_hook(onto_path)
    head.eval()
    try:
        shares_SK = torch.softmax(head.outputs([example] * len(steps_S)), 1)
        gradients = torch.autograd.grad(shares_SK[:, label].sum(), [point for point, _ in entered])
    finally:
        hook.remove()
    values = [
        ((weights_S[:, None, None] * slope_STD).sum(0) * change_TD).sum(1).tolist()
        for slope_STD, (_, change_TD) in zip(gradients, entered, strict=True)
    ]
    probability, empty = shares_SK.detach()[-2:, label].tolist()
    return Attribution(values, probability, empty)


def embeddings(head: Head) -> nn.Embedding:
    """The layer that turns ids into vectors."""
    body: Any = head.encoder.body
    layer: nn.Embedding = body.get_input_embeddings()
    return layer


def neutral_of(head: Head, tokens: Tokens) -> Tensor:
    """The embedding (D) of the mask, else of the token that ends texts; else zeros, as in the paper."""
    weight = embeddings(head).weight.detach()
    tokenizer = tokens.tokenizer
    for number in (tokenizer.mask_token_id, tokenizer.eos_token_id):
        if number is not None and number < len(weight):
            return weight[number]
    return torch.zeros(weight.shape[1])


def chosen(task: Task, answers: pl.DataFrame) -> list[int]:
    """The test examples that were answered with most confidence: some right ones, then some wrong ones."""
    rows = answers.with_row_index("row").with_columns(right=task.test["label"] == answers["predicted"])
    ordered = rows.sort(["confidence", "row"], descending=[True, False])
    return [row for right in (True, False) for row in ordered.filter(right=right)["row"].head(EACH).to_list()]


def explained(head: Head, tokens: Tokens, answers: pl.DataFrame) -> list[dict[str, Any]]:
    """Attributions of the chosen examples for the class that was answered, each piece of text with its share."""
    task, neutral = head.task, neutral_of(head, tokens)
    found = []
    for number in chosen(task, answers):
        row, answer = task.test.row(number, named=True), answers.row(number, named=True)
        (example,) = head.examples(tokens, task.test[number : number + 1])
        told = attribution(head, example, answer["predicted"], neutral)
        pieces = pieces_of(tokens, row["text"], row["second"], apart=bool(example.second))
        found.append(
            {
                "row": number,
                "origin": row[ORIGIN],
                "predicted": task.names[answer["predicted"]],
                "truth": task.names[row["label"]],
                "probability": told.probability,
                "empty": told.empty,
                "texts": [
                    [[piece, value] for piece, value in zip(some, values, strict=True)]
                    for some, values in zip(pieces, told.values, strict=True)
                ],
            }
        )
    return found


def pieces_of(tokens: Tokens, text: str, second: str, *, apart: bool) -> list[list[str]]:
    """The piece of text that each token stands for, for each text that is read; nothing for added tokens."""
    if second and not apart:
        joint = f"\n{second}" if tokens.joins_bare else second
        return [_pieces(tokens, [text, joint])]
    return [_pieces(tokens, [each]) for each in ([text, second] if second else [text])]


def _pieces(tokens: Tokens, texts: list[str]) -> list[str]:
    found = tokens.tokenizer(*texts, truncation=True, max_length=tokens.length, return_offsets_mapping=True)
    pieces, told = [], [0] * len(texts)
    for (_, end), part in zip(found["offset_mapping"], found.sequence_ids(), strict=True):
        # from where the last piece ended, so that blanks between tokens are there, and a character in two tokens once
        pieces.append("" if part is None else texts[part][told[part] : end])
        if part is not None:
            told[part] = max(told[part], end)
    return pieces


def write(path: Path, head: Head, tokens: Tokens, answers: pl.DataFrame) -> None:
    """As JSON, a line an example."""
    path.parent.mkdir(parents=True)
    lines = [json.dumps(each, ensure_ascii=False) for each in explained(head, tokens, answers)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
