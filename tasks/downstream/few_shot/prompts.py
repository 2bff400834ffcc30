"""Prompts of labelled examples before a question: GPT-3's few-shot setting (Brown et al., arXiv:2005.14165)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from tasks.downstream.data.task_data import Task
from tasks.downstream.task_types import load_task_type

Row = dict[str, Any]
TokenCounter = Callable[[Sequence[str]], list[int]]
"""The numbers of tokens of some texts"""

BREAK = "\n\n"
"""text between two examples"""
NO_ANSWER = "no answer"
"""the answer of a question that cannot be answered"""


class QuestionForm(NamedTuple):
    """An example as it stands in a prompt: the question, and the answer that continues it."""

    question: str
    answer: str
    options: list[str]
    """the answers to choose from; empty where the answer is written"""


def format_labelled_text(task: Task, row: Row) -> QuestionForm:
    """Return a text, or a pair, with the name of its class as the answer."""
    question = f"{load_task_type(task).format_question(row)}\nAnswer:"
    return QuestionForm(question, f" {task.names[row['label']]}", [f" {name}" for name in task.names])


def format_choice(task: Task, row: Row) -> QuestionForm:  # noqa: ARG001 - one signature for all types
    """Return a question of multiple choice; the prompt itself ends where an option begins."""
    return QuestionForm(row["prompt"], row["options"][row["right"]], row["options"])


def format_source(task: Task, row: Row) -> QuestionForm:  # noqa: ARG001 - one signature for all types
    """Return a source text with its first target."""
    return QuestionForm(f"{row['text']}\nAnswer:", f" {row['wanted'][0]}", [])


def format_context(task: Task, row: Row) -> QuestionForm:  # noqa: ARG001 - one signature for all types
    """Return a text and a question about it, with the first answer."""
    question = f"{row['context']}\nQuestion: {row['question']}\nAnswer:"
    return QuestionForm(question, f" {row['answers'][0] or NO_ANSWER}", [])


FORMS: dict[str, Callable[[Task, Row], QuestionForm]] = {
    "classes": format_labelled_text,
    "relations": format_labelled_text,
    "choices": format_choice,
    "texts": format_source,
    "answers": format_context,
}
"""Task types that are answered by choice or by text → the form of their examples"""


def has_prompts(task: Task) -> bool:
    """Tell whether the task is of a type that prompts can ask, and has examples to put into them."""
    return task.kind in FORMS and not task.train.is_empty()


def draw_examples(task: Task, labels: int, seed: int, shots: int) -> list[Row]:
    """Draw `shots` of the labelled examples that a model is fine-tuned on with this label count and seed, or all.

    Of tasks with classes, as equally many of each class as there are.
    """
    sample = load_task_type(task).sample(task, labels, seed)
    # a stream of its own: sampling takes [seed, 1], batches [seed, 2]
    order = np.random.default_rng([seed, 5]).permutation(len(sample))
    rows = sample[order]
    if "label" in sample.columns:
        # the first of each class, then the second, …; rows of equal rank stay in their random order
        rank = pl.int_range(pl.len()).over("label")
        rows = rows.with_columns(rank.alias("rank")).sort("rank", maintain_order=True).drop("rank")
    return rows[:shots].to_dicts()


@dataclass(frozen=True)
class FewShotPrompt:
    """A prompt with as many examples as fit before the question."""

    text: str
    """examples and question; the answer continues it"""
    num_examples: int


class PromptBuilder:
    """Puts examples before questions, as far as the model's context has room."""

    def __init__(self, examples: Sequence[QuestionForm], count_tokens: TokenCounter, max_tokens: int) -> None:
        self.blocks = [f"{example.question}{example.answer}{BREAK}" for example in examples]
        self.block_lengths = count_tokens(self.blocks) if self.blocks else []
        self.count_tokens, self.max_tokens = count_tokens, max_tokens

    def build(self, question: QuestionForm, num_answer_tokens: int = 0) -> FewShotPrompt:
        """Return a prompt that fits with its longest option, or with `num_answer_tokens` that are generated.

        An example that is too long for the room that is left is dropped, and shorter ones after it are kept. A question
        that does not fit by itself has no example before it.
        """
        longest = max(question.options, key=len, default="")
        (length,) = self.count_tokens([question.question + longest])
        room = self.max_tokens - num_answer_tokens - length
        kept: list[str] = []
        for block, block_length in zip(self.blocks, self.block_lengths, strict=True):
            if block_length <= room:
                kept.append(block)
                room -= block_length
        # Parts may have fewer tokens than the text that they make, so the complete text decides.
        while kept and self.count_tokens(["".join(kept) + question.question + longest])[0] > (
            self.max_tokens - num_answer_tokens
        ):
            kept.pop()
        return FewShotPrompt("".join(kept) + question.question, len(kept))
